"""The idempotency middleware for Flask, around its WSGI application, where an answer is complete."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Optional

from flask import Request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_input_stream

from .constants import MAX_STORED_BODY
from .idempotency import Execution, Gate, Keyed, Running, Watched, settle_blocking, stand_for
from .idempotency_wsgi import Pieces, watching, write
from .requests import read_start, rejoin, wsgi_headers, wsgi_path
from .serving import Serving

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .types import IdempotencyOptions

#: The name in an environment of the record of a request that runs under keys.
_RUNNING = "sentri.idempotency"

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
#: Puts ``app.wsgi_app`` behind the gate.
WsgiMiddleware = Callable[[Application], Application]


def create_idempotency_middleware(**options: Unpack[IdempotencyOptions]) -> WsgiMiddleware:
    """The idempotency middleware without an auth server:
    ``app.wsgi_app = create_idempotency_middleware(ttl="10m")(app.wsgi_app)``.

    :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option.
    """
    return partial(IdempotencyMiddleware, gate=Gate(options))


class Idempotent(Serving):
    """The idempotency middleware of an auth server."""

    def idempotency_middleware(self, **options: Unpack[IdempotencyOptions]) -> WsgiMiddleware:
        """Runs requests with the same ``X-Idempotency-Key`` once:
        ``app.wsgi_app = auth.idempotency_middleware()(app.wsgi_app)``. ``credential`` is called with a
        ``flask.Request``.

        Repeats get the stored answer with ``Idempotency-Replayed: true``; ``IDEMPOTENCY_MISMATCH`` (422) with another
        body, ``IDEMPOTENCY_IN_PROGRESS`` (409, ``Retry-After``) while the first still runs.

        :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option.
        """
        return partial(IdempotencyMiddleware, gate=Gate(options, self))


class IdempotencyMiddleware:
    def __init__(self, app: Application, gate: Gate) -> None:
        self._app = app
        self._gate = gate
        self._name = "HTTP_" + gate.header.upper().replace("-", "_")

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        start = _read(environ) if self._name in environ else None
        verdict = None if start is None else self._gate.judge_blocking(_keyed(environ, start))
        if verdict is None:
            return self._app(environ, start_response)
        if not isinstance(verdict, Execution):
            return write(verdict, start_response)
        watched = Watched(verdict)
        try:
            return Pieces(self._app(environ, watching(watched, start_response)), verdict, watched)
        except BaseException:
            settle_blocking(verdict.free())
            raise


def _read(environ: Environ) -> Optional[bytes]:
    """Reads the beginning of a body, which an application can read as before. None: its client has disconnected."""
    stream = get_input_stream(environ)
    start = bytearray()
    try:
        read_start(stream.read, MAX_STORED_BODY + 1, start)
    except (ClientDisconnected, OSError):
        return None
    finally:
        environ["wsgi.input"] = rejoin(start, stream.read)
    return bytes(start)


def _keyed(environ: Environ, start: bytes) -> Keyed:
    query = environ.get("QUERY_STRING", "")
    return Keyed(
        method=environ["REQUEST_METHOD"],
        headers=wsgi_headers(environ),
        target=wsgi_path(environ) + (f"?{query}" if query else ""),
        client_ip=environ.get("REMOTE_ADDR"),
        body=stand_for(start, environ.get("CONTENT_LENGTH") or ""),
        running=environ.setdefault(_RUNNING, Running()),
        request=lambda: Request({**environ, "wsgi.input": io.BytesIO(start)}),
    )
