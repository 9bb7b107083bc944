"""The idempotency middleware for FastAPI and Starlette."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request

from .asgi import Application, Receive, Scope, Send, write
from .idempotency import Execution, Gate, Keyed, Running, settle, stand_for
from .idempotency_asgi import Answer, Body
from .requests import asgi_headers, asgi_path
from .serving import Serving

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .types import IdempotencyOptions

#: The name in a scope of the record of a request that runs under keys.
_RUNNING = "sentri.idempotency"

#: The class that ``app.add_middleware`` takes. It puts an application behind the gate.
AsgiMiddleware = Callable[[Application], Application]


def create_idempotency_middleware(**options: Unpack[IdempotencyOptions]) -> AsgiMiddleware:
    """The idempotency middleware without an auth server:
    ``app.add_middleware(create_idempotency_middleware(ttl="10m"))``.

    :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option.
    """
    return partial(IdempotencyMiddleware, gate=Gate(options))


class Idempotent(Serving):
    """The idempotency middleware of an auth server."""

    def idempotency_middleware(self, **options: Unpack[IdempotencyOptions]) -> AsgiMiddleware:
        """Runs requests with the same ``X-Idempotency-Key`` once:
        ``app.add_middleware(auth.idempotency_middleware())``. ``credential`` is called with Starlette's ``Request``.

        Repeats get the stored answer with ``Idempotency-Replayed: true``; ``IDEMPOTENCY_MISMATCH`` (422) with another
        body, ``IDEMPOTENCY_IN_PROGRESS`` (409, ``Retry-After``) while the first still runs.

        :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option.
        """
        return partial(IdempotencyMiddleware, gate=Gate(options, self))


class IdempotencyMiddleware:
    def __init__(self, app: Application, gate: Gate) -> None:
        self._app = app
        self._gate = gate
        self._name = gate.header.encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or all(name != self._name for name, _ in scope["headers"]):
            return await self._app(scope, receive, send)
        body = Body(receive)
        await body.read()
        # An aborted request is incomplete and must not run.
        verdict = None if body.is_cut_off else await self._gate.judge(_keyed(scope, body))
        if verdict is None:
            return await self._app(scope, body.receive, send)
        if not isinstance(verdict, Execution):
            return await write(send, scope["method"], verdict)
        body.execution = verdict
        try:
            await self._app(scope, body.receive, Answer(send, verdict).send)
        finally:
            # There was no answer, or it was kept already, in which case this changes nothing.
            await settle(verdict.free())


def _keyed(scope: Scope, body: Body) -> Keyed:
    query = scope.get("query_string", b"").decode("latin-1")
    client, headers = scope.get("client"), asgi_headers(scope)
    return Keyed(
        method=scope["method"],
        headers=headers,
        target=asgi_path(scope) + (f"?{query}" if query else ""),
        client_ip=client[0] if client else None,
        body=stand_for(bytes(body.start), dict(headers).get("content-length", "")),
        running=scope.setdefault(_RUNNING, Running()),
        request=lambda: Request(scope, body.copy),
    )
