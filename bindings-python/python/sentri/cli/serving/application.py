"""The application that uvicorn serves: health at the root, the endpoints under the mount point, a 404 for all else,
and the access log."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, Optional

from ...asgi import Endpoints, Message, Receive, Scope, Send, write
from ...requests import asgi_headers, asgi_path, request_id_of
from ...server import AuthServer
from ...tables import SENTRI_ROUTES
from .log import Log, trace_id_of

_PATTERNS = [(method, pattern, pattern.split("/")) for method, pattern, _ in SENTRI_ROUTES]


class _NotFound(Exception):
    status_code = 404


class Application:
    """The part of a server that runs in each process. While it drains, it reports that it is not ready and asks clients
    to reconnect."""

    def __init__(self, auth: AuthServer, mount: str, log: Log) -> None:
        self.auth = auth
        self._mount = mount
        self._log = log
        self.draining = False
        #: Servers that were replaced and may still have requests or messages.
        self._replaced: set[AuthServer] = set()

    async def close(self) -> None:
        """Closes the server and the servers that it replaced, once no message is on its way any more."""
        await asyncio.gather(*(auth.close() for auth in (self.auth, *self._replaced)))

    def replace(self, auth: AuthServer, grace: float) -> None:
        """Makes another server answer from now on. The previous server has some time to finish its requests."""
        before, self.auth = self.auth, auth
        self._replaced.add(before)

        async def end() -> None:
            await before.close()
            self._replaced.discard(before)

        asyncio.get_running_loop().call_later(grace, lambda: asyncio.ensure_future(end()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, mount = asgi_path(scope), self._mount
        if path in ("/health/live", "/health/ready") and scope["method"] in ("GET", "HEAD"):
            return await self._tell_health(path, scope["method"], send)
        below = path[len(mount) :] if path == mount or path.startswith(f"{mount}/") else None
        answering = _Answering(send, self)
        try:
            if below is None or path == mount:
                await write(answering, scope["method"], self.auth.error_response(_NotFound()))
            else:
                await Endpoints(self.auth, below, alone=True)(scope, receive, answering)
        finally:
            if self._log.writes("info"):
                self._note(scope, below, answering)

    async def _tell_health(self, path: str, method: str, send: Send) -> None:
        """Answers a probe, which is not logged. The process lives as long as it answers; it is ready while the
        database and the keys are there and it is not draining."""
        if path == "/health/live":
            status, body = 200, {"status": "ok"}
        else:
            health: dict[str, Any] = dict(await self.auth.health())
            if self.draining:
                health["status"] = "draining"
            status, body = 200 if health["status"] in ("ok", "degraded") else 503, health
        text = json.dumps(body, separators=(",", ":")).encode()
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"content-length", str(len(text)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else text})

    def _note(self, scope: Scope, below: Optional[str], answering: _Answering) -> None:
        """Writes the line of the access log: the route in place of the path, which keeps ids and the query out of the
        log."""
        if answering.status is None:
            return
        headers = asgi_headers(scope)
        client = scope.get("client")
        known: Mapping[str, Any] = {
            "event": "http.request",
            "method": scope["method"],
            "route": _route_of(scope["method"], below, self._mount),
            "status": answering.status,
            "durationMs": round((time.perf_counter() - answering.began) * 1000),
            "requestId": request_id_of(None, headers),
            "traceId": trace_id_of(next((value for name, value in headers if name == "traceparent"), None)),
            "ip": self.auth.address_of(client[0] if client else None, headers),
        }
        self._log.info({name: value for name, value in known.items() if value is not None})


class _Answering:
    """Sends an answer and keeps its status. While the process drains, the connection ends with the answer."""

    def __init__(self, send: Send, application: Application) -> None:
        self._send = send
        self._application = application
        self.began = time.perf_counter()
        self.status: Optional[int] = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._application.draining:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await self._send(message)


def _route_of(method: str, below: Optional[str], mount: str) -> Optional[str]:
    """The pattern of the endpoint that a path leads to."""
    if below is None:
        return None
    parts = (below.rstrip("/") or "/").split("/")
    for verb, pattern, wanted in _PATTERNS:
        fits = len(parts) == len(wanted) and all(
            want == part or (want.startswith(":") and part != "") for want, part in zip(wanted, parts)
        )
        if fits and verb == ("GET" if method == "HEAD" else method):
            return f"{mount}{pattern}"
    return None
