"""F8: a client that breaks off in the middle of a body leaves nothing on standard error, however often it does."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.apps import FRAMEWORKS
from support.golden import exchange

FRAMINGS = [
    ("content-length: 100", b'{"identifier":"rizz"'),
    ("content-length: 100", b""),
    ("content-length: 3", b"{}"),
    ("transfer-encoding: chunked", b'5\r\n{"a":\r\n'),
]


def break_off(base: str, path: str, framing: str, part: bytes, is_reset: bool) -> None:
    """Sends a part of a body and goes away, by the end of the stream or by a reset."""
    place = urlsplit(base)
    key = "x-idempotency-key: k\r\n" if path == "/order" else ""
    head = f"POST {path} HTTP/1.1\r\nhost: {place.netloc}\r\ncontent-type: application/json\r\n{key}{framing}\r\n\r\n"
    connection = socket.create_connection((place.hostname, place.port), timeout=20)  # type: ignore[arg-type]
    connection.sendall(head.encode() + part)
    time.sleep(0.03)
    if is_reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_client_that_breaks_off_leaves_nothing_on_standard_error(name: str) -> None:
    command = [sys.executable, "-m", "support.aborted", name]
    process = subprocess.Popen(
        command,
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        places = json.loads(process.stdout.readline())
        for base, path in (
            (places["handled"], "/auth/login"),
            (places["gated"], "/order"),
            (places["gated"], "/auth/login"),
        ):
            for framing, part in FRAMINGS:
                for is_reset in (False, True):
                    break_off(base, path, framing, part, is_reset)
        for base in places.values():
            body = b'{"identifier":"rizz","password":"correct horse 1"}'
            answer = exchange(base, "POST", "/auth/login", {"content-type": "application/json"}, body)
            assert answer.status == 401, "it serves others as before"
        time.sleep(0.3)
        _, errors = process.communicate("", timeout=30)
    finally:
        process.kill()
    assert errors == ""
