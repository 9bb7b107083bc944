"""The services of docs/deploy in Node and Python, in client mode against ``sentri serve``, through a key rotation."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from support.command_line import NODE, PYTHON, run
from support.databases import postgres
from support.deploy import DEPLOY, ROOT
from support.serve import ask, eventually, free_port, login, register, serving

pytestmark = pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])


@contextmanager
def service(words: list[str], folder: Path, port: int, key_uri: str) -> Iterator[str]:
    """A service that is up."""
    env = {**os.environ, "PORT": str(port), "KEY_URI": key_uri}
    with subprocess.Popen(words, cwd=folder, env=env, stdout=subprocess.DEVNULL) as child:
        try:
            base = f"http://127.0.0.1:{port}"
            eventually(lambda: is_up(base))
            yield base
        finally:
            child.terminate()


def is_up(base: str) -> bool:
    try:
        return ask(base, "GET", "/health")[0] == 200
    except OSError:
        return False


def orders(folder: Path, key_uri: str) -> AbstractContextManager[str]:
    shutil.copytree(DEPLOY / "orders", folder / "orders")
    modules = folder / "orders/node_modules"
    modules.mkdir()
    (modules / "express").symlink_to(ROOT / "tests/node/node_modules/express")
    (modules / "sentri").symlink_to(ROOT / "npm")
    return service(["node", "server.mjs"], folder / "orders", free_port(), key_uri)


def invoices(key_uri: str) -> AbstractContextManager[str]:
    port = free_port()
    words = [sys.executable, "-B", "-m", "uvicorn", "server:app", "--port", str(port), "--no-access-log"]
    return service(words, DEPLOY / "invoices", port, key_uri)


def kid_of(token: str) -> str:
    head = token.split(".")[0]
    found: str = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    return found


def test_services_go_on_through_a_key_rotation(command: list[str], tmp_path: Path) -> None:
    """Tokens of the old key and of the new one get through at both services, all the while; others never."""
    with (
        postgres() as place,
        serving(tmp_path, command=command, SENTRI_DRAIN="0", DB=place["connection_string"]) as served,
        orders(tmp_path, f"{served.base}/auth/keys") as first,
        invoices(f"{served.base}/auth/keys") as second,
    ):
        register(served.base, "rizz")
        old = login(served.base, "rizz")[1]["data"]
        places = [f"{first}/api/orders", f"{second}/api/invoices"]

        def answers(token: str) -> list[int]:
            found = [place.partition("/api/") for place in places]
            return [ask(base, "GET", f"/api/{path}", token=token)[0] for base, _, path in found]

        assert answers(old["accessToken"]) == [200, 200]
        done = run(command, ["keys", "rotate", "--json"], folder=tmp_path, DB=place["connection_string"])
        assert done.exit == 0, done.err
        kid = json.loads(done.out)["kid"]
        end, token = time.monotonic() + 60, old["accessToken"]
        while kid_of(token) != kid:
            assert time.monotonic() < end, "the new key never signed"
            time.sleep(1)
            token = login(served.base, "rizz")[1]["data"]["accessToken"]
            assert answers(token) == [200, 200] == answers(old["accessToken"])
        head, body, signature = token.split(".")
        assert answers(f"{head}.{body}.{signature[::-1]}") == [401, 401]
