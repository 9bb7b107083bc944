"""Workers of ``sentri serve`` of both command lines where something around them goes wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import struct
import sys
import sysconfig
import threading
import time
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import Any
from urllib.request import urlopen

import pytest
from sentri.cli.serving.process import make_server
from sentri.cli.serving.tls import Certificate
from support.certificates import certificate
from support.command_line import NODE, PYTHON, run
from support.serve import ask, children_of, eventually, free_port, serving, started

BOTH = pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])


def are_gone(children: list[int]) -> bool:
    return not any(Path(f"/proc/{child}").exists() for child in children)


@BOTH
def test_workers_end_where_their_answer_reaches_nobody(command: list[str], tmp_path: Path) -> None:
    """What watches them is killed while it waits for their metrics."""
    port = free_port()
    more = {"SENTRI_WORKERS": "2", "SENTRI_METRICS_PORT": str(port), "SENTRI_DRAIN": "0"}

    def question() -> None:
        with suppress(OSError):
            urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)

    with serving(tmp_path, command=command, **more) as served:
        children = children_of(served.child.pid)
        for child in children:
            os.kill(child, signal.SIGSTOP)
        asking = threading.Thread(target=question)
        asking.start()
        time.sleep(0.5)
        os.kill(served.child.pid, signal.SIGKILL)
        asking.join()
        for child in children:
            os.kill(child, signal.SIGCONT)
        try:
            eventually(lambda: are_gone(children), 10)
        finally:
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)


def runtime(command: list[str], folder: Path) -> tuple[list[str], Path]:
    """A command line whose program can be taken away."""
    link = folder / "runtime"
    if command is PYTHON:
        link.symlink_to(sys.executable)
    else:
        # Node looks for itself behind symbolic links.
        program = Path(which("node") or "node").resolve()
        try:
            os.link(program, link)
        except OSError:
            link.write_bytes(program.read_bytes())
            link.chmod(0o755)
    return [str(link), *command[1:]], link


@BOTH
def test_a_worker_that_cannot_be_started_again_is_tried_again(command: list[str], tmp_path: Path) -> None:
    words, link = runtime(command, tmp_path)
    more = {"SENTRI_WORKERS": "2", "SENTRI_LOG": "json", "PYTHONPATH": sysconfig.get_path("purelib")}
    with serving(tmp_path, command=words, **more, SENTRI_DRAIN="0") as served:
        first, second = children_of(served.child.pid)
        away = link.rename(tmp_path / "away")
        os.kill(first, signal.SIGKILL)

        def failures() -> list[dict[str, Any]]:
            return [one for one in served.entries() if one["event"] == "worker.died" and "cause" in one]

        eventually(lambda: len(failures()) >= 2)
        assert all("runtime" in one["cause"] and one["exit"] == 1 for one in failures())
        assert [one["restartInMs"] for one in failures()][:2] == [200, 400]
        assert children_of(served.child.pid) == [second], "the other one goes on"
        assert ask(served.base, "GET", "/auth/keys")[0] == 200
        away.rename(link)
        eventually(lambda: len(children_of(served.child.pid)) == 2)
        served.child.send_signal(signal.SIGTERM)
        assert served.end() == 0, served.text[-3000:]


@BOTH
def test_a_unix_socket_is_there_while_workers_drain(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "sentri.sock"
    more = {"SENTRI_SOCKET": str(path), "SENTRI_WORKERS": "2", "SENTRI_DRAIN": "2s"}
    with serving(tmp_path, command=command, **more) as served:
        served.child.send_signal(signal.SIGTERM)
        began = time.monotonic()
        while time.monotonic() < began + 1.5:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(str(path))
                client.sendall(b"GET /auth/keys HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert served.end() == 0, served.text[-3000:]
    assert not path.exists()


@BOTH
def test_a_reload_waits_for_workers_that_start(command: list[str], tmp_path: Path) -> None:
    with started(tmp_path, command=command, SENTRI_WORKERS="2", SENTRI_DRAIN="0") as served:
        children = eventually(lambda: len(children_of(served.child.pid)) == 2 and children_of(served.child.pid))
        for _ in range(5):
            served.child.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        served.await_line("Ctrl-C stops it")
        eventually(lambda: served.text.count("reload: nothing has changed") >= 2)
        assert children_of(served.child.pid) == children
        served.child.send_signal(signal.SIGTERM)
        assert served.end() == 0, served.text[-3000:]


def test_a_worker_of_nobody_does_not_serve(tmp_path: Path) -> None:
    """It lost what started it before it could ask for the socket."""
    done = run(NODE, ["serve", "--port", "0"], folder=tmp_path, DB="sqlite:./a.db", SENTRI_WORKER_OF="1")
    assert done == (0, "", "") and not (tmp_path / "a.db").exists()


def test_a_runtime_that_shares_no_sockets_serves_by_itself(tmp_path: Path) -> None:
    (tmp_path / "other.cjs").write_text('delete require("node:net")._createServerHandle;\n')
    more = {"DB": "sqlite::memory:", "NODE_OPTIONS": f"--require {tmp_path}/other.cjs", "SENTRI_DRAIN": "0"}
    done = run(NODE, ["serve", "--port", "0"], folder=tmp_path, SENTRI_WORKERS="2", **more)
    assert (done.exit, done.err) == (
        1,
        "sentri: CANNOT_LISTEN: this runtime can't share a socket among workers: use --workers 1",
    )
    with serving(tmp_path, command=NODE, **more) as served:
        assert ask(served.base, "GET", "/auth/keys")[0] == 200


def test_the_last_connections_fail_each_for_itself(tmp_path: Path) -> None:
    """At the end of a server with TLS: one client speaks plain HTTP, one is gone, one says nothing, one is served."""
    certificate(tmp_path, 1)
    answers: list[bytes] = []

    async def application(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    def ask_well(place: tuple[str, int]) -> None:
        trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(place, 10) as plain, trust.wrap_socket(plain) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            answers.append(client.recv(100))

    async def end() -> float:
        server = make_server(application)
        server.config.load()
        server.config.ssl = Certificate(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")).context
        server.lifespan = server.config.lifespan_class(server.config)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            place = listener.getsockname()
            plain, gone, silent = (socket.create_connection(place) for _ in range(3))
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.close()
            asking = threading.Thread(target=ask_well, args=(place,))
            asking.start()
            await asyncio.sleep(0.3)
            began = time.monotonic()
            await server._accept_the_last(listener)
            took = time.monotonic() - began
            await asyncio.get_running_loop().run_in_executor(None, asking.join)
        plain.close()
        silent.close()
        return took

    assert asyncio.run(end()) < 5
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 204"]
