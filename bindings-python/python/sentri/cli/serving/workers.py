"""Several processes behind one port: they share the sockets, and a process that dies is restarted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Optional

from ..exits import CommandFailure
from .log import Log
from .metrics import by_worker
from .process import ENDING, end_at_once, on_signal, serving_metrics
from .settings import Settings

#: The variable that marks a process as a worker: its number, its channel, and the sockets that it listens on.
WORKER = "SENTRI_WORKER_OF"

#: The delay before a dead worker is restarted, in seconds: at first, and at most. It doubles with each death.
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 10.0
#: The time, in seconds, after which a worker counts as stable, so that its next restart has the first delay.
_STABLE = 30.0
#: The time within which a worker must return its metrics, in seconds.
_METRICS_WITHIN = 2.0
_LINE = 4 * 1024 * 1024


class Worker:
    """A worker as its parent knows it: its number, its process, and the channel to it."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self.number = number
        self.process = process
        self.started = asyncio.Event()
        self._is_behind = False
        self._channel = channel
        self._writer: Optional[asyncio.StreamWriter] = None
        self._asked: list[asyncio.Future[str]] = []

    async def listen(self) -> None:
        """Reads messages of the worker until it ends."""
        reader, self._writer = await asyncio.open_connection(sock=self._channel, limit=_LINE)
        with suppress(ConnectionError):  # A worker may end while it is sent a message.
            while line := await reader.readline():
                self._hear(json.loads(line))
        self._writer.close()
        self._writer = None

    def _hear(self, said: Mapping[str, Any]) -> None:
        if "started" in said:
            self.started.set()
            if self._is_behind:
                self.reload()
        elif self._asked:
            asked = self._asked.pop(0)
            if not asked.done():
                asked.set_result(said["metrics"])

    async def metrics(self) -> Optional[str]:
        """Returns the worker's metrics, or None if it does not answer in time."""
        if self._writer is None or not self.started.is_set():
            return None
        asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        self._writer.write(b"metrics\n")
        try:
            return await asyncio.wait_for(asked, _METRICS_WITHIN)
        except asyncio.TimeoutError:
            return None

    def say_that_all_end(self) -> None:
        if self._writer is not None:
            self._writer.write(b"all end\n")

    def reload(self) -> None:
        """Has the worker read its options again. SIGHUP would end a worker that is still starting, so that gets it
        later."""
        self._is_behind = not self.started.is_set()
        if not self._is_behind:
            self.send(signal.SIGHUP)

    def send(self, number: int) -> None:
        """Sends the worker a signal, if it still runs."""
        try:
            self.process.send_signal(number)
        except ProcessLookupError:
            pass


class Workers:
    """Starts the workers, watches them, and ends with them."""

    def __init__(self, command: Sequence[str], settings: Settings, log: Log, is_own: bool) -> None:
        """``is_own``: whether no other process, such as systemd, holds the sockets."""
        self._command = command
        self._is_own = is_own
        self._settings = settings
        self._log = log
        self._workers: dict[int, Worker] = {}
        self._stopping = asyncio.Event()
        self._failed: Optional[int] = None
        self._why = "a worker ended before it had started"

    async def run(self, listeners: Sequence[socket.socket], started: Callable[[], Awaitable[None]]) -> None:
        """Runs the workers until a signal ends them. ``started`` is awaited once all of them accept connections.

        :raises CommandFailure: ``CANNOT_SERVE`` where a worker ends before it has started the first time.
        """
        for number in ENDING:
            on_signal(number, partial(self._end_by, number))
        on_signal(signal.SIGHUP, self._reload)
        with serving_metrics(self._settings, self._metrics):
            keepers = [
                asyncio.ensure_future(self._keep(number, listeners)) for number in range(1, self._settings.workers + 1)
            ]
            announcing = asyncio.ensure_future(self._announce(started))
            closing = asyncio.ensure_future(self._close_when_stopping(listeners))
            await asyncio.gather(*keepers)
            announcing.cancel()
            closing.cancel()
        if self._failed is not None:
            raise CommandFailure("CANNOT_SERVE", self._why, self._failed)

    async def _close_when_stopping(self, listeners: Sequence[socket.socket]) -> None:
        """Closes the sockets here when the workers stop, since connections to a socket that no process accepts from
        would hang, and then be reset."""
        await self._stopping.wait()
        for listener in listeners:
            listener.close()

    async def _announce(self, started: Callable[[], Awaitable[None]]) -> None:
        while len(self._workers) < self._settings.workers:
            await asyncio.sleep(0.01)
        for worker in list(self._workers.values()):
            await worker.started.wait()
        await started()

    async def _keep(self, number: int, listeners: Sequence[socket.socket]) -> None:
        """Runs one worker, and another in its place whenever it dies."""
        deaths, ever_started = 0, False
        while not self._stopping.is_set():
            began = time.monotonic()
            cause: dict[str, str] = {}
            try:
                worker = await self._start(number, listeners)
            except OSError as error:  # The system is out of processes or of memory, which passes.
                code, cause = 1, {"cause": str(error)}
            else:
                code = await self._end_of(worker)
                ever_started = ever_started or worker.started.is_set()
            if self._stopping.is_set():
                return
            if not ever_started:
                self._failed = code if code > 0 else 1
                self._why = f"a worker can't be started: {cause['cause']}" if cause else self._why
                return self._stop()
            deaths = (0 if time.monotonic() - began > _STABLE else deaths) + 1
            delay = min(_FIRST_DELAY * 2 ** (deaths - 1), _LONGEST_DELAY)
            restart = {"restartInMs": round(delay * 1000)}
            self._log.error({"event": "worker.died", "worker": number, "exit": code, **restart, **cause})
            try:
                await asyncio.wait_for(self._stopping.wait(), delay)
            except asyncio.TimeoutError:
                pass

    async def _end_of(self, worker: Worker) -> int:
        """The exit code of a worker, once it has ended."""
        self._workers[worker.number] = worker
        if self._stopping.is_set():
            worker.send(signal.SIGTERM)
        listening = asyncio.ensure_future(worker.listen())
        code = await worker.process.wait()
        await listening
        return code

    async def _start(self, number: int, listeners: Sequence[socket.socket]) -> Worker:
        """Starts a worker.

        :raises OSError: The system can't.
        """
        ours, theirs = socket.socketpair()
        descriptors = [theirs.fileno(), *(listener.fileno() for listener in listeners)]
        # In its own session, the worker does not get Ctrl-C from the terminal. This process passes it on once.
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                pass_fds=descriptors,
                start_new_session=True,
                env={**os.environ, WORKER: json.dumps([number, *descriptors])},
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return Worker(number, process, ours)

    async def _metrics(self) -> str:
        workers = sorted(self._workers.values(), key=lambda worker: worker.number)
        texts = await asyncio.gather(*(worker.metrics() for worker in workers))
        return by_worker([(worker.number, text) for worker, text in zip(workers, texts) if text is not None])

    def _end_by(self, number: int) -> None:
        if self._stopping.is_set():
            self._send(signal.SIGKILL)
            end_at_once(number)
        self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        if self._is_own:
            for worker in self._workers.values():
                worker.say_that_all_end()
        self._send(signal.SIGTERM)

    def _reload(self) -> None:
        for worker in self._workers.values():
            worker.reload()

    def _send(self, number: int) -> None:
        for worker in self._workers.values():
            worker.send(number)


class Channel:
    """A worker's end of the channel to the process that started it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, descriptor: int) -> Channel:
        reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
        return cls(reader, writer)

    async def say(self, **what: Any) -> None:
        self._writer.write(json.dumps(what).encode() + b"\n")
        await self._writer.drain()

    async def answer(self, metrics: Callable[[], str], all_end: Callable[[], None]) -> None:
        """Answers requests for metrics until the parent process is gone. Calls ``all_end`` if all workers end."""
        while line := await self._reader.readline():
            if line == b"all end\n":
                all_end()
            else:
                await self.say(metrics=metrics())


def command() -> list[str]:
    """The command line that starts this command once more."""
    return [sys.executable, "-m", "sentri", *sys.argv[1:]]


def own_part() -> Optional[tuple[int, int, list[socket.socket]]]:
    """A worker's number, its channel and the sockets that it listens on; None in a process that is no worker."""
    text = os.environ.pop(WORKER, None)
    if text is None:
        return None
    number, channel, *listeners = json.loads(text)
    return number, channel, [socket.socket(fileno=descriptor) for descriptor in listeners]
