"""The command line, as a person uses it: the conversations of tests/cli, beside Node's over one database, and what it
serves."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from sentri.cli.commands import COMMANDS
from sentri.cli.options import printable
from support.command_line import NODE, PYTHON, conversations, database, environment, hold, run
from support.golden import exchange

CASES = [pytest.param(one, where, id=f"{one['name']}, on {where}") for _, one, where in conversations()]
ADMINISTRATION = [
    pytest.param(one, where, id=f"{one['name']}, on {where}")
    for file, one, where in conversations()
    if file == "administration.json"
]


@pytest.mark.parametrize(("conversation", "where"), CASES)
def test_conversation(conversation: dict[str, Any], where: str, tmp_path: Path) -> None:
    with database(where, tmp_path) as url:
        hold(conversation, url, tmp_path, PYTHON)


@pytest.mark.parametrize(("conversation", "where"), ADMINISTRATION)
def test_both_command_lines_by_turns(conversation: dict[str, Any], where: str, tmp_path: Path) -> None:
    with database(where, tmp_path) as url:
        hold(conversation, url, tmp_path, NODE, PYTHON)


@pytest.mark.parametrize("words", [[], ["users"], *(name.split() for name in COMMANDS)], ids=" ".join)
def test_the_help_is_that_of_node(words: list[str]) -> None:
    python, node = (run(command, [*words, "--help"]) for command in (PYTHON, NODE))
    assert python == node and python.exit == 0 and len(python.out) > 80


def test_the_document_is_that_of_node() -> None:
    words = ["openapi", "--mount", "v1/auth/", "--server", "https://example.com/"]
    python, node = (json.loads(run(command, words).out) for command in (PYTHON, NODE))
    assert python == node and python["servers"] == [{"url": "https://example.com/v1/auth"}]


def test_the_script_is_installed() -> None:
    (script,) = [one for one in distribution("sentri").entry_points if one.name == "sentri"]
    assert script.value == "sentri.cli.main:run" and callable(script.load())
    done = run([str(Path(sys.executable).with_name("sentri"))], ["--version"])
    assert (done.exit, done.out) == (0, run(PYTHON, ["-v"]).out)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://rizz:hunter2@db:5432/app?sslmode=require", "postgres://***@db:5432/app?sslmode=require"),
        ("postgres://rizz:hun@ter2@db/app", "postgres://***@db/app"),
        ("postgres://rizz:hun?ter2@db/app", "postgres://***"),
        ("postgres://rizz:hun@t?er2@db/app", "postgres://***"),
        ("postgres://rizz:hun\nter2@db/app", "postgres://***@db/app"),
        ("postgres://db/app?password=hun@ter2", "postgres://***"),
        (
            "postgres://rizz@db/app?password=hunter2&sslmode=require",
            "postgres://***@db/app?password=***&sslmode=require",
        ),
        (
            "mysql://rizz@db/app?p%61ssword=hunter2&PGPASSWORD=hunter2",
            "mysql://***@db/app?p%61ssword=***&PGPASSWORD=***",
        ),
        ("sqlite:./sentri.db", "sqlite:./sentri.db"),
    ],
)
def test_a_database_url_is_printed_without_what_may_be_secret_in_it(url: str, shown: str) -> None:
    assert printable(url) == shown


@contextmanager
def serving(folder: Path, *words: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """``sentri serve``: the process, its base address, and the lines that it has printed."""
    command = [*PYTHON, "serve", "--port", "0", *words]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=environment(DB="sqlite:./sentri.db", **env),
    )
    assert child.stdout
    lines: list[str] = []
    try:
        for line in child.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        found = re.search(r"sentri is at (http://\S+?)(?:/auth)?\n", "".join(lines))
        assert found, lines
        yield child, found[1], lines
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def ask(base: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    answer = exchange(base, method, path, sent if data is None else {**sent, "content-type": "application/json"}, data)
    return answer.status, json.loads(answer.text)


def test_serve_announces_serves_and_stops(tmp_path: Path) -> None:
    credentials = {"identifier": "boss", "password": "correct horse"}
    with serving(tmp_path, "--log") as (child, base, lines):
        said = "".join(lines)
        assert (
            "POST /login" in said and "curl -s http" in said and "The first admin: python -m sentri create-user" in said
        )
        made = run(
            PYTHON,
            ["create-user", "--identifier", "username:boss", "--roles", "admin"],
            input=b"correct horse\n",
            folder=tmp_path,
            DB="sqlite:./sentri.db",
        )
        assert made.exit == 0, made.err
        status, body = ask(base, "POST", "/auth/login", credentials)
        assert (status, body["data"]["user"]["roles"]) == (200, ["admin"])
        assert ask(base, "GET", "/auth/users", authorization=f"Bearer {body['data']['accessToken']}")[0] == 200
        assert ask(base, "GET", "/auth")[0] == 404
        assert ask(base, "GET", "/nothing") == (
            404,
            {"error": True, "statusCode": 404, "code": "NOT_FOUND", "message": "Not found", "data": None},
        )
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
        assert child.stdout
        events = [json.loads(line)["event"] for line in child.stdout if line.startswith("{")]
        assert "auth.login.success" in events
    with serving(tmp_path, "--mount", "/", "--host", "::1") as (child, base, _):
        assert base.startswith("http://[::1]:")
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0


@pytest.mark.parametrize(
    ("words", "env", "ip"),
    [
        ([], {}, "127.0.0.1"),
        (["--trust-proxy", "1"], {}, "203.0.113.7"),
        ([], {"SENTRI_TRUST_PROXY": "loopback, 203.0.113.0/24"}, "198.51.100.9"),
    ],
)
def test_serve_believes_the_proxies_that_it_is_told_of(
    words: list[str], env: dict[str, str], ip: str, tmp_path: Path
) -> None:
    with serving(tmp_path, *words, **env) as (_, base, _):
        user = {"identifiers": [{"type": "username", "value": "rizz"}], "password": "correct horse"}
        assert ask(base, "POST", "/auth/register", user)[0] == 201
        forwarded = {"x_forwarded_for": "198.51.100.9, 203.0.113.7"}
        _, body = ask(base, "POST", "/auth/login", {"identifier": "rizz", "password": "correct horse"}, **forwarded)
        _, body = ask(base, "GET", "/auth/me/sessions", authorization=f"Bearer {body['data']['accessToken']}")
        assert body["data"]["sessions"][0]["ip"] == ip


def test_serve_names_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "without.py").write_text(
        "import importlib.util as util, sys\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'uvicorn' else found(name, package)\n"
        "from sentri.cli.main import run\n"
        "sys.argv = ['sentri', 'serve']\n"
        "run()\n"
    )
    done = run([sys.executable, "without.py"], [], folder=tmp_path)
    assert done.exit == 1 and 'pip install "sentri[serve]"' in done.err and not (tmp_path / "sentri.db").exists()


def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path: Path) -> None:
    for command in (PYTHON, NODE):
        pipe = " ".join(f"'{word}'" for word in [*command, "openapi"])
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{pipe} | head -c 1"],
            capture_output=True,
            text=True,
            env=environment(),
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")
