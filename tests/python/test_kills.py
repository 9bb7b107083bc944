"""P46: `sentri serve` of both packages, its database and its Redis are killed by SIGKILL while users work. No write that was
acknowledged is lost, no client that tries again is logged out, and nothing is half done."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable

import pytest
from support import killable
from support.command_line import NODE, PYTHON
from support.killable import Killable
from support.persistent import Client
from support.serve import Served, free_port, serving

SOAK = bool(os.environ.get("SENTRI_SOAK"))
SERVER_KILLS, DATABASE_KILLS = (50, 20) if SOAK else (5, 2)
USERS = 6
#: A client comes back within the grace of its refresh token, however long this machine takes to start a database.
SETTINGS = {
    "SENTRI_COOKIE": "false",
    "SENTRI_RATE_LIMIT": "false",
    "SENTRI_SALT_ROUNDS": "10",
    "SENTRI_REFRESH_GRACE": "60s",
    "SENTRI_VALID_IDENTIFIERS": "username,badge",
}

pytestmark = pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])


class Host:
    """`sentri serve` on one port, as often as it is killed."""

    def __init__(self, folder: Path, command: list[str], env: dict[str, str]) -> None:
        self._make: Callable[[], Any] = lambda: serving(
            folder, "--port", str(port), command=command, **{**SETTINGS, **env}
        )
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self._running = ExitStack()

    def start(self) -> None:
        served: Served = self._running.enter_context(self._make())
        assert served.base == self.base

    def kill(self) -> None:
        """Leaving the context sends SIGKILL."""
        self._running.close()


@contextmanager
def users_at_work(host: Host) -> Iterator[list[Client]]:
    clients = [Client(lambda: host.base, f"user{number}", random.randrange(1 << 30)) for number in range(USERS)]
    for client in clients:
        client.start()
    try:
        time.sleep(1)
        yield clients
        time.sleep(1)
    finally:
        for client in clients:
            client.stop()
    for client in clients:
        client.join(120)
        assert not client.is_alive(), f"{client.user} hangs"
        client.audit()
    faults = [fault for client in clients for fault in client.faults]
    assert faults == []
    done: dict[str, int] = {}
    for client in clients:
        for path, count in client.counts.items():
            done[path] = done.get(path, 0) + count
    print(done)
    assert all(done.get(path, 0) > 0 for path in ("/refresh", "/me", "/logout", "/me/password", "/me/identifiers")), (
        done
    )


def kill(what: Any, times: int) -> None:
    """At moments of chance: between two writes, and in the middle of one."""
    for _ in range(times):
        time.sleep(random.uniform(0.2, 1.2))
        what.kill()
        time.sleep(random.uniform(0, 0.5))
        what.start()


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_p46_killed_servers_lose_nothing(command: list[str], database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        place = stack.enter_context(killable.postgres()).url if database == "postgres" else "sqlite:./sentri.db"
        host = Host(tmp_path, command, {"DB": place})
        stack.callback(host.kill)
        host.start()
        with users_at_work(host):
            kill(host, SERVER_KILLS)


@pytest.mark.parametrize("database", ["postgres", "mariadb"])
def test_p46_killed_databases_lose_nothing(command: list[str], database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        server: Killable = stack.enter_context(getattr(killable, database)())
        host = Host(tmp_path, command, {"DB": server.url})
        stack.callback(host.kill)
        host.start()
        with users_at_work(host):
            kill(server, DATABASE_KILLS)


def test_p46_a_killed_redis_loses_nothing(command: list[str], tmp_path: Path) -> None:
    with ExitStack() as stack:
        database, redis = (stack.enter_context(make()) for make in (killable.postgres, killable.redis))
        host = Host(tmp_path, command, {"DB": database.url, "SENTRI_REDIS_URL": redis.url})
        stack.callback(host.kill)
        host.start()
        with users_at_work(host):
            kill(redis, DATABASE_KILLS)
