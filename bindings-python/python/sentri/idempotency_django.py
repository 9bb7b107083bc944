"""The idempotency middleware for Django, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from .django_messages import write_response
from .idempotency import Execution, Gate, Keyed, settle, settle_blocking
from .idempotency_django_messages import Answer, keep, read_keyed
from .serving import Serving

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .types import IdempotencyOptions


def create_idempotency_middleware(**options: Unpack[IdempotencyOptions]) -> type:
    """The idempotency middleware without an auth server. Give it a name and list that in ``MIDDLEWARE``.

    :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option.
    """
    return _middleware(Gate(options))


class Idempotent(Serving):
    """The idempotency middleware of an auth server."""

    def idempotency_middleware(self, **options: Unpack[IdempotencyOptions]) -> type:
        """Runs requests with the same ``X-Idempotency-Key`` once. Give it a name and list that in ``MIDDLEWARE``,
        before middleware that sets cookies (sessions). ``credential`` is called with Django's ``HttpRequest``.

        Repeats get the stored answer with ``Idempotency-Replayed: true``; ``IDEMPOTENCY_MISMATCH`` (422) with another
        body, ``IDEMPOTENCY_IN_PROGRESS`` (409, ``Retry-After``) while the first still runs.

        :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option.
        """
        return _middleware(Gate(options, self))


def _middleware(gate: Gate) -> type:
    return type("IdempotencyMiddleware", (Middleware,), {"gate": gate})


class Middleware:
    gate: Gate
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._name = "HTTP_" + self.gate.header.upper().replace("-", "_")
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        try:
            keyed = read_keyed(request) if self._name in request.META else None
        except OSError:
            # The connection was reset: there is no client to answer, and no view could read the rest.
            return self._gone()
        if keyed is None:
            return self._get_response(request)
        return self._awaited(request, keyed) if self._is_async else self._blocking(request, keyed)

    def _gone(self) -> Any:
        answer = HttpResponse(status=400)
        return asyncio.sleep(0, answer) if self._is_async else answer

    def _blocking(self, request: HttpRequest, keyed: Keyed) -> Answer:
        verdict = self.gate.judge_blocking(keyed)
        if not isinstance(verdict, Execution):
            answer: Answer = write_response(verdict) if verdict else self._get_response(request)
            return answer
        try:
            answer = self._get_response(request)
            settle_blocking(keep(verdict, answer))
        except BaseException:
            settle_blocking(verdict.free())
            raise
        return answer

    async def _awaited(self, request: HttpRequest, keyed: Keyed) -> Answer:
        verdict = await self.gate.judge(keyed)
        if not isinstance(verdict, Execution):
            answer: Answer = write_response(verdict) if verdict else await self._get_response(request)
            return answer
        task = asyncio.ensure_future(self._run(request, verdict))
        _RUNNING.add(task)
        task.add_done_callback(_RUNNING.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # Django cancels the request of a client that disconnects. Work that has begun ends, and its answer is kept.
            task.add_done_callback(_let_go)
            raise

    async def _run(self, request: HttpRequest, execution: Execution) -> Answer:
        try:
            answer: Answer = await self._get_response(request)
            await settle(keep(execution, answer))
        except BaseException:
            await settle(execution.free())
            raise
        return answer


#: The tasks in progress. They are kept here because an event loop does not keep its tasks alive.
_RUNNING: set[asyncio.Task[Answer]] = set()


def _let_go(task: asyncio.Task[Answer]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()
