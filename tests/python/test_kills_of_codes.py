"""P64: of all that present the secret of a message at the same time one succeeds, though a server is killed by SIGKILL
meanwhile. Two servers of `sentri serve` share a database; one is killed, and comes back."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Optional

import pytest
from support import killable
from support.command_line import NODE, PYTHON
from support.mail import Webhook, webhook
from support.serve import PASSWORD, ask, eventually
from test_kills import Host

#: The secrets that are presented, and how often each is at the same time.
SECRETS, TIMES = (40, 20) if os.environ.get("SENTRI_SOAK") else (4, 6)
KEY = os.urandom(32)
MANY = "100000"


@contextmanager
def two_hosts(folder: Path, command: list[str], database: str) -> Iterator[tuple[list[Host], Webhook]]:
    with ExitStack() as stack:
        hook = stack.enter_context(webhook(KEY))
        place = "sqlite:./sentri.db"
        if database != "sqlite":
            place = stack.enter_context(getattr(killable, database)()).url
        env = {
            "DB": place,
            "SENTRI_RATE_LIMIT": "true",
            "SENTRI_RATE_LIMIT_MAX_LOGIN_ATTEMPTS": MANY,
            "SENTRI_RATE_LIMIT_MAX_REGISTER_ATTEMPTS": MANY,
            "SENTRI_RATE_LIMIT_MESSAGES_PER_ADDRESS": MANY,
            "SENTRI_VALID_IDENTIFIERS": "email",
            "SENTRI_MESSAGES_WEBHOOK": hook.url,
            "SENTRI_MESSAGES_WEBHOOK_SECRET": f"whsec_{base64.b64encode(KEY).decode()}",
            "SENTRI_MESSAGES_LINKS_RESET": "https://app.example.com/reset",
        }
        hosts = [Host(folder, command, env) for _ in range(2)]
        for host in hosts:
            stack.callback(host.kill)
            host.start()
        yield hosts, hook


def secret_of(host: Host, hook: Webhook, address: str) -> str:
    """The secret of a message for a new password of a new user."""
    body = {"identifiers": [{"type": "email", "value": address}], "password": PASSWORD}
    assert ask(host.base, "POST", "/auth/register", body)[0] == 201
    assert ask(host.base, "POST", "/auth/password/forgot", {"identifier": address})[0] == 202
    told = eventually(lambda: next((one["data"] for one in hook.taken if one["data"]["to"] == address), None))
    token: str = told["token"]
    return token


def reset(host: Host, token: str, password: str) -> Optional[int]:
    """The status of the answer. None: there was none, so nobody knows whether it was done."""
    try:
        body = {"token": token, "newPassword": password}
        status, _ = ask(host.base, "POST", "/auth/password/reset", body)
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return None
    return None if status == 503 else status


def presented(hosts: list[Host], token: str, passwords: list[str]) -> list[Optional[int]]:
    """The answers to all passwords at once, at the servers by turns, of which the first one is killed meanwhile."""
    with ThreadPoolExecutor(len(passwords)) as pool:
        asked = [pool.submit(reset, hosts[place % len(hosts)], token, word) for place, word in enumerate(passwords)]
        time.sleep(random.uniform(0, 0.4))
        hosts[0].kill()
        answers = [one.result() for one in asked]
    hosts[0].start()
    return answers


@pytest.mark.parametrize("database", ["sqlite", "postgres", "mariadb"])
@pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])
def test_p64_a_secret_is_good_once_over_kills(command: list[str], database: str, tmp_path: Path) -> None:
    ends: dict[str, int] = {}
    with two_hosts(tmp_path, command, database) as (hosts, hook):
        for number in range(SECRETS):
            address = f"user{number}@example.com"
            token = secret_of(hosts[1], hook, address)
            passwords = [f"the new password {word} of {number}" for word in range(TIMES)]
            # By turns both servers are asked, and the one alone that is killed.
            answers = presented(hosts[: 1 + number % 2], token, passwords)
            # Whoever was not answered tries again.
            last = "the last password"
            late = eventually(lambda token=token, last=last: reset(hosts[0], token, last))
            assert set(answers) <= {200, 401, None} and late in (200, 401), (answers, late)
            done: list[Any] = [word for word, answer in zip(passwords, answers) if answer == 200]
            done += [last] if late == 200 else []

            def opens(word: str, address: str = address) -> bool:
                body = {"identifier": address, "password": word}
                return ask(hosts[1].base, "POST", "/auth/login", body)[0] == 200

            good = [word for word in (PASSWORD, *passwords, last) if opens(word)]
            assert len(good) == 1 and PASSWORD not in good, (good, answers, late)
            assert done in ([], good), (done, good)
            end = "by the last try" if late == 200 else "acknowledged" if done else "without an answer"
            ends[end] = ends.get(end, 0) + 1
    print(ends)
