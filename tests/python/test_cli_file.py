"""The file of options of ``sentri serve``, as the other commands of both command lines read it."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import NODE, PYTHON, run
from support.serve import PASSWORD

pytestmark = pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])

FILE = """db = "sqlite:./of-the-file.db"
validRoles = ["user", "editor", "admin"]

[keys]
encryptionKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"""


def asked(command: list[str], folder: Path, *words: str, input: str = "", **env: str) -> Any:
    done = run(command, [*words, "--json"], input=input.encode(), folder=folder, **env)
    assert done.exit == 0, done
    return json.loads(done.out)


def test_commands_work_with_the_database_and_the_roles_of_the_file(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "sentri.toml").write_text(FILE)
    asked(command, tmp_path, "migrate")
    assert (tmp_path / "of-the-file.db").exists() and not (tmp_path / "sentri.db").exists()
    words = ("users", "create", "--identifier", "username:rizz", "--roles", "editor")
    user = asked(command, tmp_path, *words, input=PASSWORD)["user"]
    assert user["roles"] == ["editor"]
    assert asked(command, tmp_path, "users", "set-roles", "rizz", "--roles", "admin,editor")["user"]["id"] == user["id"]
    assert asked(command, tmp_path, "sessions", "list", "rizz") == {"sessions": []}
    assert asked(command, tmp_path, "doctor")["ok"]
    # A flag, and a variable, win over the file, as they do in serve.
    asked(command, tmp_path, "migrate", "--db", "sqlite:./of-the-flag.db")
    assert asked(command, tmp_path, "users", "list", DB="sqlite:./of-the-flag.db")["users"] == []
    assert asked(command, tmp_path, "users", "list", "--db", "sqlite:./of-the-flag.db")["users"] == []
    assert len(asked(command, tmp_path, "users", "list")["users"]) == 1


def test_a_key_that_is_rotated_in_is_encrypted_as_those_of_the_server(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "named.toml").write_text(FILE)
    asked(command, tmp_path, "migrate", "--config", "named.toml")
    key = asked(command, tmp_path, "keys", "rotate", SENTRI_CONFIG="named.toml")
    with sqlite3.connect(tmp_path / "of-the-file.db") as database:
        stored = [str(row) for row in database.execute("SELECT * FROM sentri_keys")]
    assert any(key["kid"] in row for row in stored) and not any("PRIVATE KEY" in row for row in stored)
    keys = asked(command, tmp_path, "keys", "list", "--config", "named.toml")["keys"]
    assert key["kid"] in [one["kid"] for one in keys]
    database.close()


def test_a_mistake_in_the_file_stops_every_command(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "sentri.toml").write_text("bd = 1\n")
    for words in (["users", "list"], ["sessions", "list", "rizz"], ["keys", "list"], ["doctor"], ["migrate"]):
        done = run(command, words, folder=tmp_path)
        assert done.exit == 1 and "sentri.toml, line 1: bd is not an option" in done.err, done
    (tmp_path / "sentri.toml").write_text('[db]\nhost = "localhost"\n')
    done = run(command, ["users", "list"], folder=tmp_path)
    assert done.exit == 1 and "db is a table: name it as a URL by --db" in done.err, done
    assert not list(tmp_path.glob("*.db"))


USER = {"id": 1, "identifiers": [{"type": "username", "value": "rizz"}], "roles": ["user"]}
#: A chmod that comes too late, or never.
LATE = {
    "python": """import os, sys
os.chmod = os.fchmod = lambda *_: None
os.supports_fd.add(os.chmod)
from sentri.cli.main import run
sys.argv[0] = "sentri"
run()
""",
    "node": """const files = require("node:fs/promises");
const { open } = files;
files.open = async (...words) => Object.assign(await open(...words), { chmod: async () => {} });
""",
}


def test_what_an_import_writes_is_for_its_owner_alone_from_the_beginning(command: list[str], tmp_path: Path) -> None:
    asked(command, tmp_path, "migrate")
    (tmp_path / "users.jsonl").write_text(json.dumps(USER))
    for name in ("report", "ids"):
        (tmp_path / name).write_text("of an earlier import\n" * 100)
        (tmp_path / name).chmod(0o644)
    words = ["import", "users.jsonl", "--format", "sentri", "--json"]
    for name, late in LATE.items():
        (tmp_path / f"late-{name}").write_text(late)
    late_too = [sys.executable, "late-python"] if command == PYTHON else ["node", "--require=./late-node", command[1]]
    for one, files in ((command, ("report", "ids")), (late_too, ("report-2", "ids-2"))):
        done = run(one, [*words, "--report", files[0], "--ids", files[1]], folder=tmp_path)
        assert (done.exit, done.err) == (0, ""), done
        assert [(tmp_path / name).stat().st_mode & 0o777 for name in files] == [0o600, 0o600], one
        assert (tmp_path / files[0]).read_text() == ""
        assert json.loads((tmp_path / files[1]).read_text())["line"] == 1
