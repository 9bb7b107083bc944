"""Replicas of ``sentri serve`` behind nginx, over one PostgreSQL and one Redis, by both command lines."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.command_line import NODE, PYTHON
from support.databases import REDIS_URL, postgres
from support.serve import Served, ask, children_of, eventually, free_port, login, register, serving

pytestmark = pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])

#: Requests at once against a limit or a session that has ended.
AT_ONCE = 40
#: Requests during the rolling restart, at least.
UNDER_LOAD = 2_000

NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
{user}
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_next_upstream error timeout;
  proxy_next_upstream_tries 3;
  proxy_connect_timeout 2s;
  upstream sentri {{
    {servers}
    keepalive 32;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://sentri; }}
  }}
}}
"""


@contextmanager
def proxy(folder: Path, ports: list[int]) -> Iterator[str]:
    """nginx as docs/deploy has it, before servers at ports."""
    port = free_port()
    servers = "\n    ".join(f"server 127.0.0.1:{one} max_fails=0;" for one in ports)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, servers=servers, port=port, user=user))
    path = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
    words = [os.environ.get("NGINX", "nginx"), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(words, env={**os.environ, "PATH": path}, stderr=subprocess.DEVNULL) as child:
        base = f"http://127.0.0.1:{port}"
        try:
            eventually(lambda: answers(base))
            yield base
        finally:
            child.terminate()


def answers(base: str) -> bool:
    try:
        return ask(base, "GET", "/auth/keys")[0] == 200
    except OSError:
        return False


class Replica:
    """A server at a port of its own, which can be started anew."""

    def __init__(self, folder: Path, command: list[str], **settings: str) -> None:
        self.port = free_port()
        self._start = lambda: serving(folder, "--port", str(self.port), command=command, **settings)
        self._running = ExitStack()
        self.served: Served = self._running.enter_context(self._start())

    def restart(self) -> None:
        """Ends it as a platform does, and starts it once it has ended."""
        self.served.child.send_signal(signal.SIGTERM)
        assert self.served.end(60) == 0, self.served.text[-2_000:]
        self._running.close()
        self.served = self._running.enter_context(self._start())

    def close(self) -> None:
        self._running.close()


@contextmanager
def replicas(folder: Path, command: list[str], count: int, db: str, name: str, **more: str) -> Iterator[list[Replica]]:
    settings = {
        "SENTRI_REDIS_URL": REDIS_URL, "SENTRI_ISSUER": name, "SENTRI_TRUST_PROXY": "1", "SENTRI_SALT_ROUNDS": "10",
        "SENTRI_LOG": "json", "SENTRI_LOG_LEVEL": "warn", "DB": db, **more,
    }  # fmt: skip
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            made.append(Replica(folder, command, **settings))
            stack.callback(made[-1].close)
        yield made


@pytest.mark.parametrize(("count", "workers"), [(2, 2), (4, 1)])
def test_replicas_are_one_server(command: list[str], count: int, workers: int, tmp_path: Path) -> None:
    """Two replicas of two workers each, and four of one: four processes that serve either way. Of forty wrong logins at
    once five are verified; after a logout at one of them none of forty requests, and none at any replica, gets
    through; and no session of twenty ends with a process that is killed."""
    name = f"rizz{uuid.uuid4().hex}"
    more = {"SENTRI_WORKERS": str(workers), "SENTRI_DRAIN": "0"}
    with postgres() as place, replicas(tmp_path, command, count, place["connection_string"], name, **more) as made:
        serve = [children_of(one.served.child.pid) if workers > 1 else [one.served.child.pid] for one in made]
        assert sum(map(len, serve)) == 4 == count * workers
        with proxy(tmp_path, [one.port for one in made]) as base, ThreadPoolExecutor(AT_ONCE) as pool:
            register(base, name)
            token = login(base, name)[1]["data"]["accessToken"]

            def at_once(work: Any) -> list[int]:
                return sorted(pool.map(lambda _: work()[0], range(AT_ONCE)))

            assert at_once(lambda: ask(base, "GET", "/auth/me", token=token)) == [200] * AT_ONCE
            assert all(ask(one.served.base, "GET", "/auth/me", token=token)[0] == 200 for one in made)
            assert ask(made[0].served.base, "POST", "/auth/logout", token=token)[0] == 200
            # The word goes by Redis: long before a replica would ask the database again, in five seconds.
            eventually(lambda: all(ask(one.served.base, "GET", "/auth/me", token=token)[0] == 401 for one in made), 1)
            assert at_once(lambda: ask(base, "GET", "/auth/me", token=token)) == [401] * AT_ONCE

            tokens = [login(base, name)[1]["data"]["accessToken"] for _ in range(20)]
            killed = serve[0][0]
            os.kill(killed, signal.SIGKILL)
            eventually(lambda: not Path(f"/proc/{killed}/exe").exists())
            assert {ask(base, "GET", "/auth/me", token=one)[0] for one in tokens} == {200}
            if workers > 1:
                eventually(lambda: len(children_of(made[0].served.child.pid)) == workers)

            wrong = at_once(lambda: login(base, name, "wrong horse 1"))
            assert wrong == [401] * 5 + [429] * (AT_ONCE - 5)


def test_p76_a_rolling_restart_fails_no_request(command: list[str], tmp_path: Path) -> None:
    """Four replicas that are restarted one after the other while four clients ask without a pause: no request of at
    least two thousand fails at the proxy."""
    name = f"rizz{uuid.uuid4().hex}"
    with (
        postgres() as place,
        replicas(tmp_path, command, 4, place["connection_string"], name, SENTRI_DRAIN="1s") as made,
        proxy(tmp_path, [one.port for one in made]) as base,
        ThreadPoolExecutor(4) as pool,
    ):
        register(base, name)
        token = login(base, name)[1]["data"]["accessToken"]
        # Somebody else logs in, since one who did so hundreds of times would lose their first session (`maxSessions`).
        other = f"{name}-other"
        register(base, other)
        statuses: list[int] = []
        ended = threading.Event()
        log = tmp_path / "nginx.log"

        def load() -> None:
            turn = 0
            while not ended.is_set():
                turn += 1
                done = login(base, other) if turn % 25 == 0 else ask(base, "GET", "/auth/me", token=token)
                statuses.append(done[0])

        running = [pool.submit(load) for _ in range(4)]
        try:
            for one in made:
                one.restart()
            eventually(lambda: len(statuses) >= UNDER_LOAD or any(one.done() for one in running), 120)
        finally:
            ended.set()
        for each in running:
            each.result()
        assert len(statuses) >= UNDER_LOAD and set(statuses) == {200}, log.read_text()[-3_000:]
