"""An SQLite file that Python's own sqlite3 opens beside sentri (fault A10): sentri stops, and the file stays whole."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sentri import BlockingAuthServer, SentriError
from support.servers import options

CHECK = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('pragma integrity_check').fetchone()[0])"


def write(file: Path) -> None:
    db = sqlite3.connect(file, timeout=2)
    db.execute("create table if not exists notes (id integer primary key, text)")
    db.execute("insert into notes (text) values ('x')")
    db.commit()
    db.close()


@pytest.mark.parametrize("round", range(3))
def test_sqlite3_beside_sentri_destroys_nothing(round: int, tmp_path: Path) -> None:
    file = tmp_path / "app.db"
    auth = BlockingAuthServer(**options(db=f"sqlite:{file}"))
    auth.migrate()
    registered = auth.register(identifiers=[{"type": "username", "value": "rizz"}], password="correct horse")
    assert registered["success"]
    failures: list[SentriError] = []

    def load() -> None:
        try:
            for _ in range(2000):
                auth.create_session(registered["user"]["id"])
        except SentriError as error:
            failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for index in range(30):
        time.sleep((index * 7 + round) % 5 / 1000)
        write(file)
    for thread in threads:
        thread.join()
    assert [error.code for error in failures] == ["CONFIGURATION_ERROR"] * 3
    for word in ("another SQLite library", "dialect", "a file of its own", "PostgreSQL"):
        assert word in str(failures[0])
    auth.close()
    write(file)
    checked = subprocess.run([sys.executable, "-c", CHECK, str(file)], capture_output=True, text=True, check=False)
    assert checked.stdout.strip() == "ok", checked.stderr
