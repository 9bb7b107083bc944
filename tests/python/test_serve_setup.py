"""The first admin of ``sentri serve``, by both command lines, and what it says while it waits for its database."""

from __future__ import annotations

import json
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.command_line import NODE, PYTHON
from support.databases import postgres
from support.serve import PASSWORD, Served, ask, free_port, serving, started

pytestmark = pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])

GIVEN = "a-long-random-text-that-nobody-can-guess"
LINE = r'"token":"([A-Za-z0-9_-]{43})"'


def body(token: str, name: str = "root") -> dict[str, Any]:
    return {"token": token, "identifiers": [{"type": "username", "value": name}], "password": PASSWORD}


def token_of(served: Served) -> str:
    found = re.search(LINE, served.await_line(LINE))
    assert found
    return found[1]


def set_up(served: Served, token: str, name: str = "root") -> int:
    return ask(served.base, "POST", "/auth/setup", body(token, name))[0]


def test_the_printed_token_makes_the_first_admin(command: list[str], tmp_path: Path) -> None:
    settings = {"SENTRI_LOG": "json", "SENTRI_LOG_LEVEL": "debug", "SENTRI_DRAIN": "0"}
    public = {"SENTRI_PUBLIC_URL": "https://auth.example.com/"}
    with serving(tmp_path, command=command, **settings, **public) as served:
        token = token_of(served)
        assert "  curl -s https://auth.example.com/auth/setup -H 'content-type: application/json' \\" in served.lines
        assert set_up(served, f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}", "eve") == 401
        status, answer = ask(served.base, "POST", "/auth/setup", body(token))
        assert (status, answer["data"]["user"]["roles"]) == (201, ["admin"])
        assert set_up(served, token, "eve") == 404
        signed_in = ask(served.base, "POST", "/auth/login", {"identifier": "root", "password": PASSWORD})[1]["data"]
        assert ask(served.base, "GET", "/auth/users", token=signed_in["accessToken"])[0] == 200
        served.child.send_signal(signal.SIGTERM)
        assert served.end() == 0, served.text
        assert served.text.count(token) == 1, "printed once"
        told = [entry["event"] for entry in served.entries() if entry["event"].startswith("auth.setup")]
        assert told == ["auth.setup.failure", "auth.setup.success", "auth.setup.failure"]
    with serving(tmp_path, command=command, **settings) as served:
        assert "/auth/setup -H" not in served.text, "there is an admin"
        assert set_up(served, token, "eve") == 404


def test_a_token_of_ones_own(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{GIVEN}\n")
    settings = {"SENTRI_SETUP_TOKEN_FILE": str(tmp_path / "token"), "SENTRI_DRAIN": "0"}
    with serving(tmp_path, command=command, SENTRI_LOG="json", **settings) as served:
        served.await_line(r"\$SENTRI_SETUP_TOKEN")
        assert (set_up(served, GIVEN[::-1], "eve"), set_up(served, GIVEN)) == (401, 201)
        assert GIVEN not in served.text
    with started(tmp_path, command=command, DB="sqlite::memory:", SENTRI_SETUP_TOKEN="short") as served:
        assert served.end() != 0 and "token must have 32 to 256" in served.text
    with serving(tmp_path, "--setup", "off", command=command, DB="sqlite::memory:", SENTRI_DRAIN="0") as served:
        assert set_up(served, GIVEN) == 404 and "/setup" not in served.text


def test_replicas_show_one_token_and_make_one_admin(command: list[str], tmp_path: Path) -> None:
    """Two replicas with two workers each; of ten requests at once one makes an admin."""
    settings = {"SENTRI_WORKERS": "2", "SENTRI_SALT_ROUNDS": "10", "SENTRI_DRAIN": "0"}
    with postgres() as place:
        url = place["connection_string"]
        with (
            serving(tmp_path, command=command, DB=url, **settings) as first,
            serving(tmp_path, command=command, DB=url, **settings) as second,
        ):
            token = token_of(first)
            assert token_of(second) == token
            with ThreadPoolExecutor(10) as pool:
                ends = list(pool.map(lambda at: set_up((first, second)[at % 2], token, f"root{at}"), range(10)))
            assert sorted(ends) == [201] + [404] * 9


def test_a_line_a_second_while_it_waits(command: list[str], tmp_path: Path) -> None:
    db = f"postgres://postgres@127.0.0.1:{free_port()}/x"
    for log in ("off", "json"):
        with started(tmp_path, "--wait", "5s", command=command, DB=db, SENTRI_LOG=log) as served:
            began = time.monotonic()
            assert served.end() != 0
            assert time.monotonic() - began < 20
        told = [line for line in served.lines if "waiting for the database, " in line]
        if log == "json":
            told = [json.loads(line)["cause"] for line in served.lines if line.startswith("{")]
        left = [int(found[1]) for line in told for found in re.finditer(r"database, (\d+) s left: ", line)]
        assert 4 <= len(left) <= 7 and left == sorted(left, reverse=True), served.text
