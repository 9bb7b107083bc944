"""WebSockets behind ``Depends(auth.protect())``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection

from .errors import SentriError

#: Close codes (RFC 6455, 7.4.1): the request violates a policy, and the server can't fulfil it.
_POLICY, _UNABLE = 1008, 1011


@contextmanager
def closing(connection: HTTPConnection) -> Iterator[None]:
    """Closes a WebSocket on a refusal, with the error's code as the reason. On HTTP requests the error propagates."""
    try:
        yield
    except SentriError as error:
        if connection.scope["type"] != "websocket":
            raise
        raise WebSocketException(_POLICY if error.status_code < 500 else _UNABLE, error.code) from error
