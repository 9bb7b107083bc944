"""A Redis of a test's own, that it may take away."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit


class ThrowawayRedis:
    """A server on a free port; ended and begun again it has forgotten everything."""

    def __init__(self, folder: str) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "this test takes a Redis away, so it starts its own: apt-get install redis-server"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self._command = [
            program,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            folder,
        ]
        self.begin()

    def begin(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < until and self._process.poll() is None, "the throw-away Redis does not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def throwaway_redis() -> Iterator[ThrowawayRedis]:
    with tempfile.TemporaryDirectory(prefix="sentri-redis.") as folder:
        redis = ThrowawayRedis(folder)
        try:
            yield redis
        finally:
            redis.end()


@contextmanager
def late_redis(url: str, seconds: float = 0.03) -> Iterator[str]:
    """The URL of a Redis that hears everything late."""
    place = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:

        def move(source: socket.socket, target: socket.socket, delay: float) -> None:
            with suppress(OSError):
                while part := source.recv(65_536):
                    time.sleep(delay)
                    target.sendall(part)
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    redis = socket.create_connection((place.hostname or "127.0.0.1", place.port or 6379))
                    for end in (client, redis):
                        stack.callback(end.close)
                    for ends in ((client, redis, seconds), (redis, client, 0.0)):
                        threading.Thread(target=move, args=ends, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield place._replace(
            netloc=place.netloc.replace(place.netloc.rpartition("@")[2], f"127.0.0.1:{server.getsockname()[1]}")
        ).geturl()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
