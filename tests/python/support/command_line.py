"""Conversations of the command line, tests/cli/*.json. tests/README.md has their format, and
tests/node/support/command-line.mjs is the same for Node."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Optional

from sentri import BlockingAuthServer

from .databases import postgres
from .pattern import Mismatch, Variables

TESTS = Path(__file__).parents[2]
#: The command lines: they are to be the same.
PYTHON = [sys.executable, "-m", "sentri"]
NODE = ["node", str(TESTS.parent / "npm/dist/cli/main.js")]

MEMBERS = {
    "conversation": {"name", "databases", "steps"},
    "step": {"name", "run", "login", "input", "bytes", "env", "terminal", "files", "expect"},
    "expect": {"exit", "json", "error", "out", "err", "screen", "made", "status"},
}


class Seen(NamedTuple):
    """What came of a command."""

    exit: int
    out: str
    err: str


def conversations() -> list[tuple[str, dict[str, Any], str]]:
    """Every conversation with each of its databases, and the file that it stands in."""
    found = [
        (file.name, one)
        for file in sorted((TESTS / "cli").glob("*.json"))
        for one in json.loads(file.read_text())["conversations"]
    ]
    return [(file, one, database) for file, one in found for database in one.get("databases", ["SQLite", "PostgreSQL"])]


@contextmanager
def database(name: str, folder: Path) -> Iterator[str]:
    """The URL of a fresh database."""
    if name == "SQLite":
        yield f"sqlite:{folder}/sentri.db"
        return
    with postgres() as place:
        yield place["connection_string"]


def environment(**more: str) -> dict[str, str]:
    """A process's environment without what this one's says of colours and databases."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "TERM": "xterm", **more}


def run(command: list[str], words: list[str], *, input: bytes = b"", folder: Optional[Path] = None, **env: str) -> Seen:
    """Runs a command line to its end."""
    done = subprocess.run(
        [*command, *words], input=input, capture_output=True, cwd=folder, env=environment(**env), timeout=60
    )
    return Seen(done.returncode, done.stdout.decode().removesuffix("\n"), done.stderr.decode().removesuffix("\n"))


def hold(conversation: dict[str, Any], url: str, folder: Path, *commands: list[str]) -> None:
    """Holds a conversation with a command line, or with several by turns."""
    _only("conversation", conversation)
    variables = Variables()
    for place, step in enumerate(conversation["steps"]):
        _only("step", step)
        _only("expect", step["expect"])
        path = f"{conversation['name']}: {step.get('name', f'step {place + 1}')}"
        if "login" in step:
            variables.check(step["expect"], {"status": login(url, *step["login"])}, path)
        else:
            _take(step, url, folder, commands[place % len(commands)], variables, path)


def _only(kind: str, members: dict[str, Any]) -> None:
    assert not set(members) - MEMBERS[kind], members


def login(url: str, identifier: str, password: str) -> int:
    """The status of a login over the same database."""
    secret = "a secret of at least thirty-two bytes, for tests"
    auth = BlockingAuthServer(db=url, secret=secret, valid_roles=["user"], admin_roles=[], logger=False)
    headers = [("content-type", "application/json"), ("user-agent", "\u0007agent")]
    request = {"method": "POST", "path": "/login", "clientIp": "127.0.0.1", "headers": headers}
    try:
        auth.ready()
        return auth.handle(request, json.dumps({"identifier": identifier, "password": password}).encode()).status
    finally:
        auth.close()


def _take(step: dict[str, Any], url: str, folder: Path, command: list[str], variables: Variables, path: str) -> None:
    words, expect = [variables.fill(word) for word in step["run"]], step["expect"]
    env = {"DB": url, **step.get("env", {})}
    for file, text in step.get("files", {}).items():
        (folder / file).write_text(text)
    if "terminal" in step:
        seen = at_terminal([*command, *words], step["terminal"], folder, **env)
    else:
        input = bytes.fromhex(step["bytes"]) if "bytes" in step else step.get("input", "").encode()
        seen = run(command, words, input=input, folder=folder, **env)

    def check(ok: bool, what: str) -> None:
        if not ok:
            raise Mismatch(f"{path}: {what}: {seen}")

    check(seen.exit == expect["exit"], f"expected exit {expect['exit']}")
    check(
        not re.search(r"(?m)correct.{1,3}horse|^ +at .*:\d+:\d+|Traceback", seen.out + seen.err),
        "a password or a stack",
    )
    if "json" in expect:
        variables.check(expect["json"], json.loads(seen.out), path)
    if "error" in expect:
        variables.check({"error": expect["error"], "exitCode": expect["exit"]}, json.loads(seen.err), path)
    for member, text in (("out", seen.out), ("err", seen.err), ("screen", seen.out)):
        if member in expect:
            variables.check(expect[member], text, path)
    check(bool({"json", "out", "screen"} & set(expect)) or seen.out == "", "nothing should be on standard output")
    check(bool({"error", "err"} & set(expect)) or seen.err == "", "nothing should be on standard error")
    if "made" in expect:
        check(Path(url.partition(":")[2]).exists() is expect["made"], "the database was made, or was not")


def at_terminal(words: list[str], answers: list[list[str]], folder: Path, **env: str) -> Seen:
    """Runs a command at a terminal of its own; what stands on the screen. Each answer is typed when its question stands
    there."""
    child = subprocess.Popen(
        ["script", "-qec", shlex.join(words), "/dev/null"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, env=environment(**env),
        # Whoever runs the tests in the background of a shell has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert child.stdin and child.stdout
    timer = threading.Timer(60, child.kill)
    timer.start()
    screen, seen, left = "", 0, list(answers)
    try:
        while chunk := os.read(child.stdout.fileno(), 65_536):
            screen += chunk.decode(errors="replace")
            if left and left[0][0] in screen[seen:]:
                seen, (_, answer) = len(screen), left.pop(0)
                time.sleep(0.2)  # The terminal stops showing what is typed a moment after the question.
                os.write(child.stdin.fileno(), answer.encode() + (b"" if answer == "\x03" else b"\r"))
        exit = child.wait(10)
    finally:
        timer.cancel()
        child.stdin.close()
        child.stdout.close()
    assert not left, f"it did not ask {left}: {screen}"
    return Seen(exit, screen.replace("\r", ""), "")
