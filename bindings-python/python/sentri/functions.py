"""The host's functions: ``router`` and ``is_token_revoked``, which the core calls during a request and which decide,
and ``hooks``, which are only notified. Each may be synchronous or asynchronous."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Optional

from .dispatch import Dispatcher
from .errors import SentriError, to_data, unwrap
from .jobs import finish, run_coroutine, wait
from .names import camel, snake, to_snake
from .native import Job, Step
from .options import describe
from .wire import HookCall

REVOCATION = "isTokenRevoked"

RunBuiltin = Callable[[str, str, str], Job]
Failed = Callable[[str, BaseException, Optional[str]], None]


def is_async(function: Any) -> bool:
    """Whether a call returns an awaitable."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))


async def call(function: Callable[..., Any], *args: Any) -> Any:
    """Calls either kind from an event loop: a synchronous function in a thread, with the caller's context variables."""
    value = function(*args) if is_async(function) else await asyncio.to_thread(function, *args)
    return await value if inspect.isawaitable(value) else value


def call_blocking(function: Callable[..., Any], *args: Any) -> Any:
    """Calls either kind from a thread that may block."""
    if is_async(function):
        return run_coroutine(lambda: function(*args))
    value = function(*args)
    if not inspect.isawaitable(value):
        return value
    pending = value
    return run_coroutine(lambda: pending)


def named(functions: Any) -> dict[str, Callable[..., Any]]:
    """Functions by their names in the core. Values that are no functions are left out, as the core reports them."""
    given = functions.items() if isinstance(functions, Mapping) else ()
    return {camel(str(name)): function for name, function in given if callable(function)}


class HostFunctions:
    """The functions that a job may ask for, by their names in the core."""

    def __init__(
        self, router: Optional[Mapping[str, Any]], is_token_revoked: Any, run_builtin: RunBuiltin, failed: Failed
    ) -> None:
        table = named(router)
        if callable(is_token_revoked):
            table[REVOCATION] = is_token_revoked
        self._table = table
        self._run_builtin = run_builtin
        self._failed = failed

    @property
    def names(self) -> list[str]:
        return list(self._table)

    def may_hang(self, step: Step) -> bool:
        """Whether the function that a step asks for has a time limit in the core, which must hold even if it hangs."""
        return step.function == REVOCATION

    async def answer(self, step: Step) -> str:
        function = self._table[step.function]
        try:
            return self._value(step, await call(function, *self._arguments(step, is_async(function))))
        except Exception as error:
            return self._error(step, error)

    def answer_blocking(self, step: Step) -> str:
        function = self._table[step.function]
        try:
            return self._value(step, call_blocking(function, *self._arguments(step, is_async(function))))
        except Exception as error:
            return self._error(step, error)

    def _arguments(self, step: Step, asynchronous: bool) -> list[Any]:
        if step.function == REVOCATION:
            return [json.loads(step.input)]
        context = to_snake(json.loads(step.context))
        shown = {name: context.get(name) for name in ("ip", "user_agent", "request_id")}

        def start(other: Any) -> Job:
            return self._run_builtin(step.function, step.input if other is None else describe(other), step.context)

        async def next_awaited(other: Any = None) -> Any:
            return to_snake(unwrap(await finish(start(other))))

        def next_blocking(other: Any = None) -> Any:
            return to_snake(unwrap(wait(start(other))))

        return [to_snake(json.loads(step.input)), shown, next_awaited if asynchronous else next_blocking]

    def _value(self, step: Step, value: Any) -> str:
        if step.function == REVOCATION:
            value = bool(value)
        return f'{{"value":{describe(value)}}}'

    def _error(self, step: Step, error: Exception) -> str:
        if step.function != REVOCATION and not isinstance(error, SentriError):
            context = json.loads(step.context)
            self._failed(f"router.{snake(step.function)}", error, context.get("requestId"))
        # The text of the error goes only to the log, never to clients.
        cause = None if isinstance(error, SentriError) else f"{type(error).__name__}: {error}"
        return json.dumps({"error": {**to_data(error), "cause": cause}}, default=str)


class Hooks:
    """The host's hooks. They are awaited one after the other. An exception in a hook is logged and changes nothing."""

    def __init__(self, hooks: Optional[Mapping[str, Any]], failed: Failed) -> None:
        self._hooks = named(hooks)
        self._failed = failed

    async def run(self, calls: list[HookCall], request_id: Optional[str]) -> None:
        for one in calls:
            function = self._hooks.get(one["hook"])
            if function is not None:
                try:
                    await call(function, *to_snake(one["args"]))
                except Exception as error:
                    self._failed(one["hook"], error, request_id)

    def run_blocking(self, calls: list[HookCall], request_id: Optional[str]) -> None:
        for one in calls:
            function = self._hooks.get(one["hook"])
            if function is not None:
                try:
                    call_blocking(function, *to_snake(one["args"]))
                except Exception as error:
                    self._failed(one["hook"], error, request_id)


def report(dispatcher: Dispatcher, words: Callable[[str, str, Optional[str]], str]) -> Failed:
    """Makes the function that logs an exception of a host's function, with its traceback for a ``logging`` logger."""

    def failed(name: str, error: BaseException, request_id: Optional[str]) -> None:
        cause = str(error) or type(error).__name__
        dispatcher.log(unwrap(words(name, cause, request_id)), error)

    return failed
