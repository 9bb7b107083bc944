"""Waiting for work of the native core. The waiting task or thread also runs the host's functions that the work asks
for, with its own context variables."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Optional, Protocol, TypeVar

from . import greenlets
from .native import Job, Step

T = TypeVar("T")

#: The longest time between two looks of a blocked thread at its signals, in milliseconds.
_GLANCE = 100


class Answers(Protocol):
    """The host's functions (``functions.HostFunctions``)."""

    async def answer(self, step: Step) -> str: ...
    def answer_blocking(self, step: Step) -> str: ...
    def may_hang(self, step: Step) -> bool: ...


async def finish(job: Job, functions: Optional[Answers] = None) -> str:
    """Waits for the result of a job. Its questions are answered meanwhile, and the job may stop waiting for them."""
    step = await job.next()
    if step.is_DONE():
        return step.result
    asked: list[asyncio.Task[None]] = []
    try:
        while not step.is_DONE():
            asked.append(asyncio.ensure_future(_answer(job, step, functions)))
            step = await job.next()
        return step.result
    finally:
        for task in asked:
            task.cancel()


async def _answer(job: Job, step: Step, functions: Optional[Answers]) -> None:
    if functions is not None:
        job.answer(step.number, await functions.answer(step))


def wait(job: Job, functions: Optional[Answers] = None) -> str:
    """``finish`` for a thread that may block. Ctrl-C is noticed."""
    hub = greenlets.hub()
    while True:
        step = job.wait(_GLANCE) if hub is None else job.wait(0) or hub(job.wait, _GLANCE)
        if step is None:
            continue
        if step.is_DONE():
            return step.result
        if functions is not None:
            _answer_blocking(job, step, functions)


def _answer_blocking(job: Job, step: Step, functions: Answers) -> None:
    if not functions.may_hang(step):
        return job.answer(step.number, functions.answer_blocking(step))
    # The core has a time limit for this function, which could not hold if this thread hung in the function.
    context = contextvars.copy_context()
    run = lambda: job.answer(step.number, context.run(functions.answer_blocking, step))  # noqa: E731
    threading.Thread(target=run, name="sentri-function", daemon=True).start()


def run_coroutine(make: Callable[[], Awaitable[T]]) -> T:
    """Runs an asynchronous function for a thread that may block."""

    async def main() -> T:
        return await make()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    # A loop runs in this thread and is blocked by its caller, so another thread runs the function.
    result: list[Any] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result.append((context.run(asyncio.run, main()), None))
        except BaseException as error:
            result.append((None, error))

    thread = threading.Thread(target=run, name="sentri-function", daemon=True)
    thread.start()
    thread.join()
    value, error = result[0]
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]
