"""One process that serves: uvicorn on sockets that are open already, until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NoReturn, Optional

import uvicorn

from .application import Application
from .listen import ignores_new, listen_at
from .log import Log
from .metrics import MetricsApplication
from .settings import Settings
from .tls import Certificate

#: The time that requests in flight have once no connection is accepted any more, in seconds.
_GRACE = 30
#: The time that the connections accepted last have to send their request, in seconds.
_LAST_REQUESTS = 1.0
#: The time that clients have to finish connecting, in seconds.
_LAST_CONNECTIONS = 0.02

ENDING = (signal.SIGINT, signal.SIGTERM)


class Process:
    """Serves an application on sockets. The first signal to end it starts the draining, the second ends it at once."""

    def __init__(self, application: Application, settings: Settings, log: Log) -> None:
        self._application = application
        self._settings = settings
        self._log = log
        self._stopping = asyncio.Event()
        #: Called at SIGHUP.
        self.on_reload: Callable[[], None] = lambda: None
        #: Whether all other processes that hold the sockets end too.
        self.is_last = False

    async def run(self, listeners: Sequence[socket.socket], started: Callable[[], Awaitable[None]]) -> None:
        """Serves until it is asked to stop. ``started`` is awaited once connections are accepted."""
        for number in ENDING:
            on_signal(number, partial(self._end_by, number))
        on_signal(getattr(signal, "SIGHUP", None), lambda: self.on_reload())
        server = make_server(self._application, timeout_graceful_shutdown=_GRACE)
        tasks: list[asyncio.Future[Any]] = []
        if self._settings.tls_cert:
            certificate = Certificate(self._settings.tls_cert, self._settings.tls_key)
            server.config.load()
            server.config.ssl = certificate.context
            tasks.append(asyncio.ensure_future(certificate.follow(self._log)))
        serving = asyncio.ensure_future(server.serve(sockets=list(listeners)))
        try:
            await until_started(server, serving)
            await started()
            draining = asyncio.ensure_future(self._drain(server))
            tasks.append(draining)
            await serving
        finally:
            for task in tasks:
                task.cancel()

    def stop(self) -> None:
        """Starts the draining."""
        self._stopping.set()

    async def _drain(self, server: _Server) -> None:
        await self._stopping.wait()
        self._application.draining = True
        await asyncio.sleep(self._settings.drain)
        server.is_last = self.is_last
        server.should_exit = True

    def _end_by(self, number: int) -> None:
        if self._stopping.is_set():
            end_at_once(number)
        self.stop()


class _Server(uvicorn.Server):
    """A server that leaves signals to the process around it, and accepts all clients that connected before its end."""

    is_last = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: Optional[list[socket.socket]] = None) -> None:
        for server in self.servers:
            # Otherwise the system would reset clients that connect between the last accept and the close.
            for known in server.sockets:
                with known.dup() as listener:
                    if self.is_last and ignores_new(listener):
                        await asyncio.sleep(_LAST_CONNECTIONS)
                    await self._accept_the_last(listener)
            server.close()
        # The requests of these clients are on their way, but a connection without a request counts as idle.
        end = time.monotonic() + _LAST_REQUESTS
        while self.server_state.connections and time.monotonic() < end:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)

    async def _accept_the_last(self, listener: socket.socket) -> None:
        """Accepts connections that the system holds for us: it would reset them when the socket is closed."""
        loop = asyncio.get_running_loop()
        connecting: list[asyncio.Future[Any]] = []
        with suppress(OSError):  # No connection waits, or its client gave up before it was accepted.
            while True:
                connection, _ = listener.accept()
                connection.setblocking(False)
                made = loop.connect_accepted_socket(self._protocol, connection, ssl=self.config.ssl)
                connecting.append(asyncio.ensure_future(made))
        if connecting:
            # A handshake that fails or takes too long concerns only its client.
            await asyncio.wait(connecting, timeout=_LAST_REQUESTS)
            for one in connecting:
                if not one.cancel():
                    one.exception()

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        made: asyncio.Protocol = make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        return made


def make_server(application: Any, **more: Any) -> _Server:
    """A server of uvicorn that writes no log and no headers of its own."""
    config = uvicorn.Config(
        application, lifespan="off", ws="none", log_config=None, access_log=False, proxy_headers=False,
        server_header=False, **more,
    )  # fmt: skip
    return _Server(config)


async def until_started(server: uvicorn.Server, serving: asyncio.Future[None]) -> None:
    """Returns once the server accepts connections.

    :raises BaseException: the reason why it does not.
    """
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if serving.done():
        serving.result()


@contextmanager
def serving_metrics(settings: Settings, text: Callable[[], Awaitable[str]]) -> Iterator[None]:
    """Serves the metrics on their own port, if configured, as long as the block runs."""
    if settings.metrics_port is None:
        yield
        return
    listener = listen_at(settings.metrics_host, settings.metrics_port, ("SENTRI_METRICS_PORT", "SENTRI_METRICS_HOST"))
    server = make_server(MetricsApplication(text), timeout_graceful_shutdown=1)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        serving.cancel()
        listener.close()


def on_signal(number: Optional[int], act: Callable[[], None]) -> None:
    """Makes the running loop call ``act`` at a signal, if the system has that signal."""
    if number is None:
        return
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(number, act)
    except NotImplementedError:  # Windows.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))


def end_at_once(number: int) -> NoReturn:
    """Ends this process without waiting for open requests, with the exit code that shells give a signal."""
    sys.stdout.flush()
    os._exit(128 + number)
