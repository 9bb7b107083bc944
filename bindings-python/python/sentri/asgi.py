"""The endpoints as an ASGI application, and the middleware that sends the headers of ``protect()``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Optional

from .constants import MAX_BODY
from .errors import SentriError
from .exchange import Headers, to_core
from .guarding import ResponseData
from .requests import asgi_headers, asgi_path, cut_off
from .server import AuthServer
from .types import Auth, User

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The place in a request's scope where headers wait for its response.
_HEADERS = "sentri.headers"
_USER, _AUTH = "sentri.user", "sentri.auth"


class AsgiExchange:
    """A request by its scope. The user is in ``scope["state"]``, Starlette's ``request.state``, as ``user`` and
    ``auth``."""

    def __init__(self, scope: Scope, *arguments: Any) -> None:
        # A WebSocket counts as the CONNECT of HTTP/2 (RFC 8441). This method is not safe, so a request with a cookie
        # must prove its origin.
        self.method: str = scope["method"] if scope["type"] == "http" else "CONNECT"
        self.headers = asgi_headers(scope)
        self.scheme: Optional[str] = scope.get("scheme")
        self.arguments = arguments
        self._scope = scope

    @property
    def client_ip(self) -> Optional[str]:
        client = self._scope.get("client")
        return client[0] if client else None

    @property
    def known_id(self) -> Any:
        return self._scope.get("state", {}).get("request_id")

    @property
    def user(self) -> Optional[User]:
        return self._scope.get(_USER)

    @property
    def auth(self) -> Optional[Auth]:
        return self._scope.get(_AUTH)

    @property
    def running(self) -> Any:
        return self._scope.get("sentri.idempotency")

    def admit(self, user: User, auth: Auth) -> None:
        self._scope[_USER], self._scope[_AUTH] = user, auth
        self._scope.setdefault("state", {}).update(user=user, auth=auth)

    def add(self, headers: Headers) -> None:
        self._scope.setdefault(_HEADERS, []).extend(headers)


class Endpoints:
    """The endpoints as an application to mount. It serves the endpoint at ``path``, or without it the path below the
    mount point. ``alone`` means that no framework is around it."""

    def __init__(self, auth: AuthServer, path: Optional[str] = None, alone: bool = False) -> None:
        self._auth = auth
        self._path = path
        self._alone = alone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        whole = asgi_path(scope)
        path = self._path if self._path is not None else whole[len(scope.get("root_path", "")) :]
        request = to_core(AsgiExchange(scope), path, whole, scope.get("query_string", b"").decode("latin-1"))
        request["alone"] = self._alone
        try:
            raw, request["tooLarge"] = await _read_body(receive)
            response = await self._auth.handle(request, raw)
        except SentriError as error:
            response = self._auth.error_response(error)
        await write(send, scope["method"], response)


class SendHeaders:
    """Middleware that adds the headers of ``protect()`` to the response, also to that of an error handler."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = []
        scope[_HEADERS] = headers

        async def sending(message: Message) -> None:
            if headers and message["type"] in ("http.response.start", "websocket.accept"):
                ours = _encoded(headers)
                # Headers of the route with these names are replaced: a response with a token must not be cached.
                names = {name for name, _ in ours} - {b"set-cookie"}
                rest = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in names]
                message = {**message, "headers": [*rest, *ours]}
            await send(message)

        await self._app(scope, receive, sending)


async def _read_body(receive: Receive) -> tuple[Optional[bytes], bool]:
    """Reads the body. Returns it, and whether it is longer than ``MAX_BODY``."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise cut_off()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            return None, True
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks) or None, False


async def write(send: Send, method: str, response: ResponseData) -> None:
    headers = _encoded(response.headers)
    if response.status != 204:  # RFC 9110, 8.6
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.body})


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
