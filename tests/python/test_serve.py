"""``sentri serve`` of both command lines: workers, draining, sockets, TLS, metrics and its log."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from support.certificates import certificate
from support.command_line import NODE, PYTHON, run
from support.databases import REDIS_URL, postgres
from support.serve import PASSWORD, Served, ask, children_of, eventually, free_port, login, register, serving, started

pytestmark = pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def workers_of(served: Served, count: int) -> list[int]:
    """The process ids of all workers."""
    found: list[int] = eventually(lambda: len(children_of(served.child.pid)) == count and children_of(served.child.pid))
    return found


def test_a_killed_worker_loses_no_session_and_is_started_anew(command: list[str], tmp_path: Path) -> None:
    """Two workers, of which one is killed three times, and twenty sessions."""
    with (
        postgres() as place,
        serving(
            tmp_path,
            command=command,
            SENTRI_WORKERS="2",
            SENTRI_LOG="json",
            SENTRI_DRAIN="0",
            DB=place["connection_string"],
        ) as served,
    ):
        register(served.base, "rizz")
        tokens = [login(served.base, "rizz")[1]["data"]["accessToken"] for _ in range(20)]
        for death in range(3):
            first, second = workers_of(served, 2)
            os.kill(first, signal.SIGKILL)
            assert {ask(served.base, "GET", "/auth/me", token=token)[0] for token in tokens} == {200}
            eventually(lambda: first not in children_of(served.child.pid) and len(children_of(served.child.pid)) == 2)
            assert second in children_of(served.child.pid), "the other one went on"
            died = [entry for entry in served.entries() if entry["event"] == "worker.died"]
            assert [entry["exit"] for entry in died] == [-9] * (death + 1)
        assert [entry["restartInMs"] for entry in died if entry["worker"] == died[0]["worker"]][:2] in (
            [100],
            [100, 200],
        )
        served.child.send_signal(signal.SIGTERM)
        assert served.end() == 0, served.text[-3000:]


def test_connections_wait_while_all_workers_start_anew(command: list[str], tmp_path: Path) -> None:
    settings = {"SENTRI_WORKERS": "2", "SENTRI_DRAIN": "0"}
    with postgres() as place, serving(tmp_path, command=command, **settings, DB=place["connection_string"]) as served:
        killed = workers_of(served, 2)
        for worker in killed:
            os.kill(worker, signal.SIGKILL)
        eventually(lambda: not set(killed) & set(children_of(served.child.pid)))
        assert ask(served.base, "GET", "/auth/keys")[0] == 200


def test_a_limit_is_exact_over_workers_and_a_logout_is_seen_by_all(command: list[str], tmp_path: Path) -> None:
    """Four workers over one PostgreSQL and one Redis: of forty wrong logins at once five are verified, and after a
    logout none of forty requests gets through."""
    name = f"rizz{uuid.uuid4().hex}"
    settings = {"SENTRI_WORKERS": "4", "SENTRI_REDIS_URL": REDIS_URL, "SENTRI_ISSUER": name, "SENTRI_DRAIN": "0"}
    with postgres() as place, serving(tmp_path, command=command, **settings, DB=place["connection_string"]) as served:
        register(served.base, name)
        token = login(served.base, name)[1]["data"]["accessToken"]
        with ThreadPoolExecutor(40) as pool:
            before = list(pool.map(lambda _: ask(served.base, "GET", "/auth/me", token=token)[0], range(40)))
            assert set(before) == {200}
            assert ask(served.base, "POST", "/auth/logout", token=token)[0] == 200
            after = list(pool.map(lambda _: ask(served.base, "GET", "/auth/me", token=token)[0], range(40)))
            assert set(after) == {401}
            wrong = list(pool.map(lambda _: login(served.base, name, "wrong horse 1")[0], range(40)))
        assert sorted(wrong) == [401] * 5 + [429] * 35


def test_a_worker_that_cannot_start_ends_the_server(command: list[str], tmp_path: Path) -> None:
    with started(tmp_path, "--wait", "0", command=command, SENTRI_WORKERS="2", SENTRI_MIGRATE="false") as served:
        assert served.end() != 0
        assert "sentri:" in served.text and "Traceback" not in served.text
    with (
        postgres() as place,
        serving(tmp_path, command=command, SENTRI_WORKERS="2", DB=place["connection_string"]) as served,
    ):
        children = workers_of(served, 2)
        os.kill(served.child.pid, signal.SIGKILL)
        eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_draining_refuses_nobody(command: list[str], workers: str, tmp_path: Path) -> None:
    """Readiness turns first; for the time of the draining everything is served; what is in flight ends; then the exit
    code is 0."""
    with (
        postgres() as place,
        serving(
            tmp_path,
            command=command,
            SENTRI_WORKERS=workers,
            SENTRI_DRAIN="2s",
            SENTRI_LOG="json",
            DB=place["connection_string"],
        ) as served,
    ):
        register(served.base, "rizz")
        assert ask(served.base, "GET", "/health/ready")[0] == 200
        statuses: list[int] = []
        ended = threading.Event()

        def load() -> None:
            while not ended.is_set():
                try:
                    statuses.append(ask(served.base, "GET", "/auth/keys")[0])
                except ConnectionRefusedError:
                    ended.set()

        with ThreadPoolExecutor(5) as pool:
            running = [pool.submit(load) for _ in range(4)]
            eventually(lambda: len(statuses) > 200)
            began = time.monotonic()
            served.child.send_signal(signal.SIGTERM)
            eventually(lambda: ask(served.base, "GET", "/health/ready")[0] == 503, 1.5)
            last = pool.submit(login, served.base, "rizz")
            status, body = ask(served.base, "GET", "/health/ready")
            assert (status, body["status"]) == (503, "draining")
            assert ask(served.base, "GET", "/health/live") == (200, {"status": "ok"})
            time.sleep(0.5)
            assert served.end() == 0, served.text[-3000:]
            assert time.monotonic() - began >= 2
            ended.set()
            for one in running:
                one.result()
            assert last.result()[0] == 200
        assert len(statuses) > 200 and set(statuses) == {200}


@pytest.mark.parametrize(("first", "second"), [("SIGTERM", "SIGINT"), ("SIGINT", "SIGTERM"), ("SIGTERM", "SIGTERM")])
def test_a_second_signal_ends_it_at_once(command: list[str], first: str, second: str, tmp_path: Path) -> None:
    for workers in ("1", "2"):
        with serving(tmp_path, command=command, SENTRI_DRAIN="30s", SENTRI_WORKERS=workers) as served:
            children = children_of(served.child.pid)
            served.child.send_signal(getattr(signal, first))
            eventually(lambda: ask(served.base, "GET", "/health/ready")[0] == 503)
            began = time.monotonic()
            served.child.send_signal(getattr(signal, second))
            assert served.end(5) == 128 + getattr(signal, second)
            assert time.monotonic() - began < 3
            eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


class Connection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def test_a_unix_socket(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "sentri.sock"
    settings = {"SENTRI_SOCKET": str(path), "SENTRI_DRAIN": "0"}
    with serving(tmp_path, command=command, **settings) as served:
        assert served.base.startswith(f"unix:{path}")
        connection = Connection(path)
        connection.request("GET", "/auth/keys")
        assert connection.getresponse().status == 200
        connection.close()
        done = run(command, ["serve"], folder=tmp_path, DB="sqlite::memory:", **settings)
        assert (done.exit, done.err.count("is in use: choose another")) == (1, 1)
        served.child.kill()
        served.end()
    assert path.exists(), "a killed server leaves it"
    with serving(tmp_path, command=command, **settings) as served:
        served.child.send_signal(signal.SIGTERM)
        assert served.end() == 0, served.text[-3000:]
    assert not path.exists()
    path.write_text("a file of somebody's")
    done = run(command, ["serve"], folder=tmp_path, DB="sqlite::memory:", **settings)
    assert done.exit == 1 and path.read_text() == "a file of somebody's"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_socket_that_systemd_hands_over(command: list[str], workers: str, tmp_path: Path) -> None:
    """Connections wait while the server starts, and nothing else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"

        # As systemd does: the process id is known to the child alone.
        activated = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]
        with started(
            tmp_path,
            command=activated,
            SENTRI_WORKERS=workers,
            SENTRI_DRAIN="0",
            prepare=lambda: None if os.dup2(listener.fileno(), 3) else None,
            pass_fds=[3],
            LISTEN_FDS="1",
        ) as served:
            assert ask(base, "GET", "/auth/keys")[0] == 200, "it waited"
            assert base in served.await_line("sentri is at")


def serial_of(base: str) -> int:
    """The serial number of the certificate that a server shows."""
    place = urlsplit(base)
    pem = ssl.get_server_certificate((place.hostname or "", place.port or 0))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_tls_with_a_certificate_that_is_read_again(command: list[str], tmp_path: Path) -> None:
    certificate(tmp_path, 1)
    settings = {"SENTRI_TLS_CERT": "cert.pem", "SENTRI_TLS_KEY": "key.pem", "SENTRI_DRAIN": "0"}
    with serving(tmp_path, command=command, **settings, SENTRI_LOG="json") as served:
        assert served.base.startswith("https://")
        assert serial_of(served.base) == 1
        certificate(tmp_path, 2)
        eventually(lambda: serial_of(served.base) == 2, 10)
        (tmp_path / "key.pem").write_text("no key")
        cause = json.loads(served.await_line("tls.failure"))["cause"]
        assert cause == "cert.pem: they are no certificate and key (PEM) that belong together"
        assert serial_of(served.base) == 2, "what was good stays"
    done = run(command, ["serve"], folder=tmp_path, DB="sqlite::memory:", **settings)
    assert (
        done.exit == 1
        and "certificate cert.pem and key key.pem: they are no" in done.err
        and "Traceback" not in done.err
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_metrics_have_a_port_of_their_own(command: list[str], workers: str, tmp_path: Path) -> None:
    port = free_port()
    with serving(
        tmp_path, command=command, SENTRI_METRICS_PORT=str(port), SENTRI_WORKERS=workers, SENTRI_DRAIN="0"
    ) as served:
        register(served.base, "rizz")
        assert ask(served.base, "GET", "/metrics")[0] == 404
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
        assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert text.count("# TYPE sentri_requests_total counter") == 1
        samples = [
            line for line in text.splitlines() if line.startswith('sentri_requests_total{endpoint="POST /register"')
        ]
        assert [line.rpartition(" ")[2] for line in samples if 'status="201"' in line] == ["1"]
        assert ('worker="2"' in text) is (workers == "2")
        connection.request("GET", "/")
        assert connection.getresponse().status == 404
        connection.close()
        taken = run(
            command, ["serve", "--port", "0"], folder=tmp_path, DB="sqlite::memory:", SENTRI_METRICS_PORT=str(port)
        )
        assert (taken.exit, taken.err) == (
            1,
            f"sentri: CANNOT_LISTEN: port {port} is in use: choose another with SENTRI_METRICS_PORT",
        )


def test_the_access_log_has_the_route_and_nothing_secret(command: list[str], tmp_path: Path) -> None:
    with serving(tmp_path, command=command, SENTRI_LOG="json", SENTRI_DRAIN="0") as served:
        register(served.base, "rizz")
        token = login(served.base, "rizz")[1]["data"]["accessToken"]
        trace = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "x_request_id": "abc"}
        assert ask(served.base, "GET", "/auth/me?secret=1", token=token, **trace)[0] == 200
        assert ask(served.base, "DELETE", "/auth/users/some-id", token=token)[0] in (403, 404)
        assert ask(served.base, "GET", "/elsewhere")[0] == 404
        assert ask(served.base, "GET", "/health/live")[0] == 200
        served.await_line('"status":404')
        lines = [entry for entry in served.entries() if entry["event"] == "http.request"]
        at = [entry.pop("at") for entry in lines]
        assert all(datetime.fromisoformat(one.replace("Z", "+00:00")) for one in at) and at == sorted(at)
        assert all(isinstance(entry.pop("durationMs"), int) for entry in lines)
        common: dict[str, Any] = {"level": "info", "event": "http.request", "ip": "127.0.0.1"}
        assert lines[2] == {
            **common, "method": "GET", "route": "/auth/me", "status": 200, "requestId": "abc", "traceId": TRACE,
        }  # fmt: skip
        assert [entry.get("route") for entry in lines] == [
            "/auth/register", "/auth/login", "/auth/me", "/auth/users/:userId", None,
        ]  # fmt: skip
        assert token not in served.text and PASSWORD not in "\n".join(
            served.lines[served.lines.index("Ctrl-C stops it.") :]
        )


def test_events_have_the_trace_of_their_request(command: list[str], tmp_path: Path) -> None:
    with serving(tmp_path, command=command, SENTRI_LOG="json", SENTRI_DRAIN="0") as served:
        register(served.base, "rizz")
        body = {"identifier": "rizz", "password": PASSWORD}
        for header in (f"00-{TRACE}-00f067aa0ba902b7-01", f"00-{TRACE}-00f067aa0ba902b7-01-more"):
            assert ask(served.base, "POST", "/auth/login", body, traceparent=header)[0] == 200
        told = eventually(lambda: [one for one in served.entries() if one["event"] == "auth.login.success"][1:])
        first = next(one for one in served.entries() if one["event"] == "auth.login.success")
        assert (first["traceId"], "traceId" in told[0]) == (TRACE, False)


def test_levels_and_forms_of_the_log(command: list[str], tmp_path: Path) -> None:
    with serving(tmp_path, command=command, SENTRI_LOG="pretty", SENTRI_LOG_LEVEL="warn", SENTRI_DRAIN="0") as served:
        register(served.base, "rizz")
        assert login(served.base, "rizz", "wrong horse 1")[0] == 401
        line = served.await_line("auth.login.failure")
        assert line.split(" ")[1:3] == ["warn", ""] and "errorCode=INVALID_CREDENTIALS" in line
        assert "http.request" not in served.text and "auth.register.success" not in served.text
    for settings, message in [
        ({"SENTRI_LOG": "xml"}, "SENTRI_LOG must be json, pretty or off, not xml"),
        ({"SENTRI_LOG_LEVEL": "loud"}, "SENTRI_LOG_LEVEL must be debug, info, warn or error, not loud"),
        ({"SENTRI_WORKERS": "0"}, "SENTRI_WORKERS must be from 1 to 1024, not 0"),
        ({"SENTRI_DRAIN": "soon"}, "SENTRI_DRAIN must be a duration such as "),
    ]:
        done = run(command, ["serve"], folder=tmp_path, **settings)
        assert done.exit == 2 and message in done.err


def test_a_server_that_does_not_migrate_needs_tables(command: list[str], tmp_path: Path) -> None:
    done = run(command, ["serve", "--wait", "0"], folder=tmp_path, DB="sqlite:./a.db", SENTRI_MIGRATE="false")
    assert done.exit != 0 and "Traceback" not in done.err
    assert run(command, ["migrate"], folder=tmp_path, DB="sqlite:./a.db").exit == 0
    with serving(tmp_path, command=command, SENTRI_MIGRATE="false", SENTRI_DRAIN="0", DB="sqlite:./a.db") as served:
        register(served.base, "rizz")
