"""Databases of a test's own that it may kill. What they have acknowledged is with the operating system by then, so it outlives
them; nothing waits for the disk, which would have to be pulled out to tell."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Optional

from .serve import children_of, eventually, free_port


class Killable:
    """A server that is started on one port over one folder as often as it is killed."""

    def __init__(self, url: str, port: int, command: Sequence[str], folder: Path, user: Optional[str]) -> None:
        self.url = url
        self._port, self._command, self._folder, self._user = port, command, folder, user
        self._child: Optional[subprocess.Popen[bytes]] = None

    def start(self) -> None:
        """Waits until something listens; what the dead one has left behind may be in the way for a moment."""

        def listens() -> bool:
            if self._child is None or self._child.poll() is not None:
                self._child = self._spawn()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return True
            return False

        eventually(listens, 60, lambda: (self._folder / "log").read_text()[-3000:])

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, user=self._user
            )

    def kill(self) -> None:
        """SIGKILL for all of its processes at once."""
        if self._child is None:
            return
        with suppress(FileNotFoundError):
            for process in (self._child.pid, *children_of(self._child.pid)):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        self._child.wait()
        self._child = None


@contextmanager
def _place(user: str) -> Iterator[tuple[Path, Optional[str]]]:
    """A folder, and the user to run as: servers refuse to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="sentri-"))
    name = None
    if os.geteuid() == 0:
        name = user if any(entry.pw_name == user for entry in pwd.getpwall()) else "nobody"
        shutil.chown(folder, name)
    try:
        yield folder, name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(*names: str) -> str:
    folders = [os.environ["PATH"], "/usr/sbin", *glob.glob("/usr/lib/postgresql/*/bin")]
    found = next((path for name in names if (path := shutil.which(name, path=os.pathsep.join(folders)))), None)
    assert found, f"{names[0]} is not installed"
    return found


@contextmanager
def _running(server: Killable) -> Iterator[Killable]:
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def postgres() -> Iterator[Killable]:
    with _place("postgres") as (folder, user):
        run: dict[str, Any] = {"check": True, "cwd": folder, "user": user, "stdout": subprocess.DEVNULL}
        initdb = _program("initdb")
        data = str(folder / "data")
        subprocess.run([initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"], **run)
        port = free_port()
        settings = ("listen_addresses=127.0.0.1", "fsync=off", "synchronous_commit=on", "unix_socket_directories=")
        words = [word for setting in settings for word in ("-c", setting)]
        # Beside the real one, since distributions link it elsewhere.
        command = [str(Path(initdb).resolve().with_name("postgres")), "-D", data, "-p", str(port), *words]
        with _running(
            Killable(f"postgres://postgres@127.0.0.1:{port}/postgres", port, command, folder, user)
        ) as server:
            yield server


@contextmanager
def mariadb() -> Iterator[Killable]:
    with _place("mysql") as (folder, user):
        program = _program("mariadbd", "mysqld")
        data, temporary = f"--datadir={folder}/data", f"--tmpdir={folder}"
        if install := shutil.which("mariadb-install-db"):
            made = [install, "--no-defaults", data, temporary, "--auth-root-authentication-method=normal"]
        else:
            made = [program, "--no-defaults", "--initialize-insecure", data, temporary]
        subprocess.run(made, check=True, cwd=folder, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (folder / "first.sql").write_text("CREATE DATABASE IF NOT EXISTS sentri CHARACTER SET utf8mb4;\n")
        port = free_port()
        # 2 hands a commit to the operating system before it is acknowledged.
        paths = [f"--socket={folder}/socket", f"--init-file={folder}/first.sql", "--innodb-flush-log-at-trx-commit=2"]
        where = ["--bind-address=127.0.0.1", f"--port={port}", "--skip-log-bin"]
        command = [program, "--no-defaults", data, temporary, *paths, *where]
        with _running(Killable(f"mysql://root@127.0.0.1:{port}/sentri", port, command, folder, user)) as server:
            yield server


@contextmanager
def redis() -> Iterator[Killable]:
    """What it holds is lost with it."""
    with _place("redis") as (folder, user):
        port = free_port()
        where = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command = [_program("redis-server", "valkey-server"), *where, "--save", "", "--appendonly", "no"]
        with _running(Killable(f"redis://127.0.0.1:{port}", port, command, folder, user)) as server:
            yield server
