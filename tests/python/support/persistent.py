"""Clients that do what users do, try again what was not answered, and keep book of what was."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from typing import Any, Callable, Optional

from .serve import PASSWORD, ask

#: Seconds for which a client tries one thing.
PATIENCE = 90.0


class Unanswered(Exception):
    """Nobody knows whether it was done."""


class Client(threading.Thread):
    """One user. ``faults`` are the broken promises that it has seen."""

    def __init__(self, base: Callable[[], str], name: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._base, self.user, self._random = base, name, random.Random(seed)
        self._over = threading.Event()
        self.faults: list[str] = []
        self.counts: dict[str, int] = {}
        self.password, self._refresh, self._access = PASSWORD, "", ""
        #: What must never be good again, and what must be there.
        self._old_passwords: list[str] = []
        self._ended: list[str] = []
        self._names: set[str] = {name}
        self._number = 0

    # --- the wire -----------------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: Any = None, token: Optional[str] = None) -> tuple[int, Any]:
        """An answer that says something: no connection, one that breaks off, and a 503 are none."""
        try:
            status, answer = ask(self._base(), method, f"/auth{path}", body, token)
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            raise Unanswered from error
        if status == 503:
            raise Unanswered
        if status >= 500:
            self.faults.append(f"{self.user}: {method} {path}: {status} {answer}")
            raise Unanswered
        return status, answer

    def _retry(self, method: str, path: str, body: Any = None, token: Optional[str] = None) -> tuple[int, Any, bool]:
        """The answer, and whether an earlier try had none."""
        end, again = time.monotonic() + PATIENCE, False
        while True:
            try:
                status, answer = self._ask(method, path, body, token)
            except Unanswered:
                assert time.monotonic() < end, f"{self.user}: {method} {path} is never answered"
                again = True
                time.sleep(0.05)
                continue
            self.counts[path] = self.counts.get(path, 0) + 1
            return status, answer, again

    def _must(self, holds: bool, what: str, seen: Any) -> None:
        if not holds:
            self.faults.append(f"{self.user}: {what}: {seen}")

    # --- what users do ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            self._register()
            self._login()
            acts = [self._refreshes] * 5 + [self._looks] * 3 + [self._ends_another, self._changes, self._adds]
            for act in self._random.sample(sorted(set(acts), key=lambda act: act.__name__), 5):
                act()
            while not self._over.is_set():
                self._random.choice(acts)()
        except Exception as error:  # whatever it is, the test shows it
            self.faults.append(f"{self.user}: {error!r}")

    def stop(self) -> None:
        self._over.set()

    def _register(self) -> None:
        body = {"identifiers": [{"type": "username", "value": self.user}], "password": self.password}
        status, answer, again = self._retry("POST", "/register", body)
        # The try that was not answered has made the user, whole.
        self._must(status == 201 or (status == 409 and again), "registration", (status, answer))

    def _enter(self, password: str) -> tuple[int, Any]:
        status, answer, _ = self._retry("POST", "/login", {"identifier": self.user, "password": password})
        return status, answer

    def _login(self) -> None:
        status, answer = self._enter(self.password)
        self._must(status == 200, "login by what was acknowledged", (status, answer))
        if status != 200:
            self.stop()
            return
        self._keep(answer)

    def _keep(self, answer: Any) -> None:
        self._access, self._refresh = answer["data"]["accessToken"], answer["data"]["refreshToken"]

    def _refreshes(self) -> None:
        status, answer, again = self._retry("POST", "/refresh", {"refreshToken": self._refresh})
        self._must(status == 200, f"a refresh ({'again' if again else 'once'}) logs out", (status, answer))
        if status == 200:
            self._keep(answer)
        else:
            self._login()

    def _looks(self) -> None:
        status, answer, _ = self._retry("GET", "/me", token=self._access)
        self._must(status == 200, "a look at oneself", (status, answer))
        if status == 200:
            self._must(self._held(answer) == self._names, "identifiers", (self._names, answer))

    def _held(self, answer: Any) -> set[str]:
        return {identifier["value"] for identifier in answer["data"]["identifiers"]}

    def _ends_another(self) -> None:
        status, answer = self._enter(self.password)
        self._must(status == 200, "another login", (status, answer))
        if status == 200:
            ended = answer["data"]["refreshToken"]
            status, answer, _ = self._retry("POST", "/logout", {"refreshToken": ended})
            self._must(status == 200, "logout", (status, answer))
            self._ended.append(ended)

    def _changes(self) -> None:
        self._number += 1
        old, new, session = self.password, f"correct horse {self.user} {self._number}", self._refresh
        body = {"currentPassword": old, "newPassword": new}
        status, answer, again = self._retry("PATCH", "/me/password", body, self._access)
        changed = status == 200
        if not changed:
            # It was changed by a try that was not answered, or it was not changed at all.
            self._must(again and status == 401, "a change of the password", (status, answer))
            changed = self._enter(new)[0] == 200
        if changed:
            self.password = new
            self._old_passwords.append(old)
            self._ended.append(session)
        self._login()

    def _adds(self) -> None:
        """Two at once: both or none."""
        self._number += 1
        added = {f"{self.user}-{self._number}-{half}" for half in ("a", "b")}
        body = {"identifiers": [{"type": "badge", "value": value} for value in sorted(added)]}
        status, answer, again = self._retry("POST", "/me/identifiers", body, self._access)
        self._must(status == 201 or (status == 409 and again), "more identifiers", (status, answer))
        self._names |= added
        self._looks()

    # --- the end of the account ---------------------------------------------------------------------------------------

    def audit(self) -> None:
        """Everything that was acknowledged is so."""
        self._looks()
        self._refreshes()
        for password in self._old_passwords[-3:]:
            status, answer = self._enter(password)
            self._must(status == 401, "an old password", (status, answer))
        for ended in self._ended[-20:]:
            status, answer, _ = self._retry("POST", "/refresh", {"refreshToken": ended})
            self._must(status == 401, "a session that has ended", (status, answer))
        status, answer = self._enter(self.password)
        self._must(status == 200, "login", (status, answer))
