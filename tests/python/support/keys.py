"""An issuer of a test's own: keys, tokens, and a server of key sets that answers when it is told to, or is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Optional

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Key:
    """An Ed25519 key by the name it has in its set."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._private = Ed25519PrivateKey.generate()

    def public(self) -> dict[str, Any]:
        described: dict[str, Any] = jwt.algorithms.OKPAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        return {**described, "kid": self.name}

    def token(self, at: int, seconds: int = 365 * 86_400, **more: Any) -> str:
        """An access token that begins to live at an instant, in milliseconds."""
        times = {"iat": at // 1_000, "exp": at // 1_000 + seconds}
        claims = {"id": "u1", "roles": ["user"], "sessionId": "s1", **more, **times}
        return jwt.encode(claims, self._private, "EdDSA", {"kid": self.name})


def key_set(*keys: Key) -> bytes:
    return json.dumps({"keys": [key.public() for key in keys]}).encode()


@contextmanager
def serve_keys(*keys: Key) -> Iterator[str]:
    """The address of a key set that is always there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = key_set(*keys)
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class KeyServer:
    """Holds each request until ``answer`` or ``hang_up`` ends it, unless ``always`` says what to answer at once."""

    def __init__(self) -> None:
        self.always: Optional[bytes] = None
        self.asked = 0
        self._held: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self._port = 0

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}/keys"

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """From now on nobody answers the connection."""
        self._server.close()
        await self._server.wait_closed()

    async def request(self, patience: float) -> Optional[asyncio.StreamWriter]:
        """The next request that is held, or None if none comes in that many seconds."""
        try:
            return await asyncio.wait_for(self._held.get(), patience)
        except asyncio.TimeoutError:
            return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        if self.always is None:
            self._held.put_nowait(writer)
        else:
            await answer(writer, self.always)


async def answer(request: asyncio.StreamWriter, body: bytes, status: int = 200) -> None:
    request.write(f"HTTP/1.1 {status} -\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
    await hang_up(request)


async def hang_up(request: asyncio.StreamWriter) -> None:
    request.close()
    await request.wait_closed()


@asynccontextmanager
async def key_server() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    await server.up()
    try:
        yield server
    finally:
        await server.down()
