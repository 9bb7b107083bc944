"""``sentri serve`` as a process of a test's own, by either command line."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

from .command_line import PYTHON, environment
from .golden import exchange

PASSWORD = "correct horse 1"


class Served:
    """A running server: its process, what it has written so far, and its address."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child
        self.lines: list[str] = []
        self.base = ""
        assert child.stdout
        self._reading = threading.Thread(target=self._read, args=(child.stdout,), daemon=True)
        self._reading.start()

    def _read(self, stream: Any) -> None:
        for line in stream:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def await_line(self, wanted: str, seconds: float = 30) -> str:
        """The first line in which a pattern is found."""
        found = eventually(
            lambda: next((line for line in self.lines if re.search(wanted, line)), None),
            seconds,
            lambda: f"no {wanted} in {self.text}",
            lambda: self.child.poll() is not None and not self._reading.is_alive(),
        )
        assert isinstance(found, str)
        return found

    def entries(self) -> list[dict[str, Any]]:
        """The log entries that it wrote as JSON."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def ask(
        self, method: str, path: str, body: Any = None, token: Optional[str] = None, **more: str
    ) -> tuple[int, Any]:
        """An answer's status and the JSON in it."""
        return ask(self.base, method, path, body, token, **more)

    def end(self, seconds: float = 30) -> int:
        """The exit code, once it has ended."""
        code = self.child.wait(seconds)
        self._reading.join(seconds)
        return code


def ask(
    base: str, method: str, path: str, body: Any = None, token: Optional[str] = None, **more: str
) -> tuple[int, Any]:
    """An answer's status and the JSON in it."""
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    if body is not None:
        headers["content-type"] = "application/json"
    answer = exchange(base, method, path, headers, None if body is None else json.dumps(body).encode())
    return answer.status, json.loads(answer.text)


def eventually(
    look: Callable[[], Any],
    seconds: float = 30,
    otherwise: Callable[[], str] = lambda: "it never came true",
    over: Callable[[], bool] = lambda: False,
) -> Any:
    """What a look finds, once that is something."""
    end = time.monotonic() + seconds
    while True:
        done = over()
        found = look()
        if found:
            return found
        assert time.monotonic() < end and not done, otherwise()
        time.sleep(0.05)


@contextmanager
def started(
    folder: Path,
    *words: str,
    command: Sequence[str] = PYTHON,
    prepare: Optional[Callable[[], None]] = None,
    pass_fds: Sequence[int] = (),
    **env: str,
) -> Iterator[Served]:
    """A server that begins to start, on a free port unless the words say otherwise."""
    child = subprocess.Popen(
        [*command, "serve", "--port", "0", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=environment(**{"DB": "sqlite:./sentri.db", **env}),
        preexec_fn=prepare,
        pass_fds=pass_fds,
    )
    served = Served(child)
    try:
        yield served
    finally:
        child.kill()
        # Its workers end with it, and have its standard output until then.
        served.end()
        assert child.stdout
        child.stdout.close()


@contextmanager
def serving(folder: Path, *words: str, **more: Any) -> Iterator[Served]:
    """A server that accepts connections."""
    with started(folder, *words, **more) as served:
        served.await_line("Ctrl-C stops it")
        found = re.search(r"(?m)^sentri is at (\S+?)(?:/auth)?$", served.text)
        assert found, served.text
        served.base = found[1]
        yield served


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def register(base: str, name: str) -> None:
    body = {"identifiers": [{"type": "username", "value": name}], "password": PASSWORD}
    status, answer = ask(base, "POST", "/auth/register", body)
    assert status == 201, answer


def login(base: str, name: str, password: str = PASSWORD) -> tuple[int, Any]:
    return ask(base, "POST", "/auth/login", {"identifier": name, "password": password})


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in found.split()]
