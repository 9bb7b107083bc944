"""FastAPI, Flask and Django answer as Express does (P51): the generated requests of node/parity.test.mjs, in the same
order to a server of each on an empty database of its own, get equal status, bytes, headers and events, ids and tokens
aside. SENTRI_SEED takes another seed, SENTRI_REQUESTS another number."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlsplit

import pytest
from sentri.names import camel, snake
from sentri.options import describe
from sentri.testing import Clock
from support.apps import FRAMEWORKS
from support.pattern import forged, unsigned
from support.servers import PASSWORD

SEED = int(os.environ.get("SENTRI_SEED", "51"))
COUNT = int(os.environ.get("SENTRI_REQUESTS", "1000"))
OPTIONS: dict[str, Any] = {
    "db": "sqlite::memory:",
    "secret": "a secret of at least thirty-two bytes, for tests",
    "valid_roles": ["user", "admin", "editor"],
    "salt_rounds": 10,
    "api_key": "key of the application",
    "rate_limit": {"max_login_attempts": 3, "max_register_attempts": 8},
}
START = 1_767_225_600_000
COMPARED = [
    "content-type",
    "cache-control",
    "www-authenticate",
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "set-cookie",
    "x-access-token",
]
TOKEN = re.compile(r"[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

Call = Callable[..., Any]


class Server:
    """A server with two users, and the means to ask it. ``call`` makes a programmatic call, ``events`` takes what was
    logged, ``advance`` moves the clock."""

    def __init__(self, name: str, base: str, call: Call, events: Call, advance: Call) -> None:
        self.name = name
        self._base = base
        self._call = call
        self._events = events
        self._advance = advance
        self._known = {"host": urlsplit(base).netloc}
        self._seen: dict[str, str] = {}

    def renew(self) -> None:
        """The requests log users out and delete them; now and then both are there again, with a new session."""
        for name, roles in (("rizz", ["user"]), ("boss", ["admin"])):
            id = self._known.get(f"{name}.id")
            found = self._call("getUser", id) if id else None
            if found is None:
                own = [{"type": "x", "value": f"{name} {len(self._known)}"}, {"type": "username", "value": name}]
                for identifiers in (own, own[:1]):
                    result = self._call("register", {"identifiers": identifiers, "password": PASSWORD, "roles": roles})
                    found = result.get("user")
                    if found:
                        break
                assert found, result
            self._call("assignRoles", found["id"], roles)
            session = self._call("createSession", found["id"])
            self._known |= {
                f"{name}.id": found["id"],
                f"{name}.identifier": found["identifiers"][0]["id"],
                f"{name}.access": session["accessToken"],
                f"{name}.refresh": session["refreshToken"],
                f"{name}.session": session["sessionId"],
            }
        self._known |= {"forged": forged(self._known["rizz.access"]), "unsigned": unsigned(self._known["rizz.access"])}

    def ask(self, request: dict[str, Any]) -> tuple[int, set[str], str]:
        """The status, the headers and codes that were seen, and all that is compared."""
        fill = lambda text: re.sub(r"\$\{([\w.]+)\}", lambda found: self._known[found[1]], text)  # noqa: E731
        self._events()
        if request.get("advance"):
            self._advance(request["advance"])
        body = request.get("body")
        headers = [(name, fill(value)) for name, value in request["headers"]]
        status, got, text = exchange(
            self._base,
            request["method"],
            request["mount"] + fill(request["path"]),
            headers,
            None if body is None else fill(body).encode(),
        )
        try:
            read = json.loads(text)
            ours = read is None or isinstance(read, dict) and ("error" in read or "keys" in read)
        except ValueError:
            read, ours = text, False
        # What the application answers is its framework's to write; what we answer is the same byte by byte.
        compared = {name: got.get(name) for name in COMPARED if ours or name != "content-type"}
        logged = [
            [level, {name: value for name, value in entry.items() if name != "duration_ms"}]
            for level, entry in self._events()
        ]
        seen = {name for name, value in compared.items() if value} | (
            {str(read.get("code"))} if ours and read else set()
        )
        return (
            status,
            seen,
            self._alike(
                json.dumps(
                    {"status": status, "body": text if ours else read, "headers": compared, "logged": logged}, indent=1
                )
            ),
        )

    def _alike(self, text: str) -> str:
        """What is random differs, so it is compared by when it was first seen."""
        return ID.sub(lambda id: self._seen.setdefault(id[0], f"id {len(self._seen)}"), TOKEN.sub("a token", text))


def exchange(
    base: str, method: str, path: str, headers: list[tuple[str, str]], body: Any
) -> tuple[int, dict[str, list[str]], str]:
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        elif method != "GET":
            connection.putheader("content-length", "0")
        connection.endheaders(body)
        response = connection.getresponse()
        got: dict[str, list[str]] = {}
        for name, value in response.getheaders():
            got.setdefault(name.lower(), []).append(value)
        return response.status, got, response.read().decode()
    finally:
        connection.close()


def express(stack: ExitStack, more: dict[str, Any]) -> tuple[Server, list[dict[str, Any]]]:
    """Express, and the requests."""
    script = Path(__file__).parent / "support/node_parity.mjs"
    command = [
        "node",
        str(script),
        str(SEED),
        str(COUNT),
        describe({**OPTIONS, **more, "mode": "server", "clock": START}),
    ]
    process = stack.enter_context(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    )
    stack.callback(process.terminate)
    said, heard = process.stdin, process.stdout
    assert said is not None and heard is not None

    def call(*line: Any) -> Any:
        said.write(json.dumps(line) + "\n")
        said.flush()
        answer = json.loads(heard.readline())
        assert "error" not in answer, answer
        return answer["value"]

    begun = json.loads(heard.readline())
    call("migrate")
    return Server("Express", begun["base"], call, lambda: call("events"), lambda by: call("advance", by)), begun[
        "requests"
    ]


class Logger:
    def __init__(self) -> None:
        self.events: list[Any] = []
        for level in ("info", "warn", "error"):
            setattr(self, level, lambda entry, level=level: self.events.append([level, entry]))

    def take(self) -> list[Any]:
        taken, self.events[:] = list(self.events), []
        return taken


def python(stack: ExitStack, name: str, more: dict[str, Any]) -> Server:
    logger, clock = Logger(), Clock(START)
    auth, base = stack.enter_context(FRAMEWORKS[name]({**OPTIONS, **more, "clock": clock, "logger": logger}))
    stack.callback(auth.close)

    def call(method: str, *args: Any) -> Any:
        keywords = args[-1] if args and isinstance(args[-1], dict) else {}
        result = getattr(auth, snake(method))(*args[: len(args) - bool(keywords)], **keywords)
        return {camel(key): value for key, value in result.items()} if isinstance(result, dict) else result

    call("migrate")
    return Server(name, base, call, logger.take, clock.advance)


@pytest.mark.parametrize("access_cookie", [True, False], ids=["cookie", "header"])
def test_generated_requests_are_answered_as_express_does(access_cookie: bool) -> None:
    """A token that is minted goes into the access cookie, or without one into a header: half of the requests each."""
    with ExitStack() as stack:
        more = {"access_cookie": access_cookie}
        node, requests = express(stack, more)
        servers = [node, *(python(stack, name, more) for name in FRAMEWORKS)]
        pool = stack.enter_context(ThreadPoolExecutor(len(servers)))
        statuses: Counter[int] = Counter()
        seen: set[str] = set()
        differing = []
        assert len(requests) == COUNT
        half = COUNT // 2
        for number, request in enumerate(requests[:half] if access_cookie else requests[half:]):
            # Whatever else a request may hold one day is to be sent, too.
            assert set(request) <= {"method", "mount", "path", "headers", "body", "advance"}
            if number % 5 == 0:
                list(pool.map(Server.renew, servers))
            answers = list(pool.map(lambda server: server.ask(request), servers))  # noqa: B023
            status, shown, first = answers[0]
            statuses[status] += 1
            seen |= shown
            assert status < 500, f"request {number} is a {status}: {request}"
            others = {server.name: answer for server, (_, _, answer) in zip(servers, answers) if answer != first}
            if others:
                differing.append((number, others, request, first))
        for number, others, request, first in differing[:1]:
            said = "\n".join(f"{name}: {answer}" for name, answer in others.items())
            raise AssertionError(
                f"{len(differing)} requests are answered differently; number {number} by {list(others)}: {str(request)[:1_000]}\nExpress: {first}\n{said}"
            )
        assert {200, 201, 400, 401, 403, 404, 429} <= set(statuses), statuses
        expected = {*COMPARED} - ({"x-access-token"} if access_cookie else set())
        assert (
            expected | {"INVALID_CREDENTIALS", "TOKEN_INVALID", "FORBIDDEN", "RATE_LIMIT_EXCEEDED", "VALIDATION_ERROR"}
            <= seen
        ), seen
