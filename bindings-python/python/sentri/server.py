"""Server mode: the form for event loops and the form for threads, each of which has the other as a view."""

from __future__ import annotations

from .blocking_server_calls import BlockingServerCalls
from .server_calls import ServerCalls


class AuthServer(ServerCalls):
    """An auth server: owns users, sessions and keys, serves the endpoints, guards routes. Making one does no I/O.

    Every call that fails raises :class:`SentriError`; ``register`` and the ``bulk_`` calls return what the caller can
    act on instead: ``{"success": False, "error": ...}``. Threads and event loops may share one.

    :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option and the cure.
    """

    @property
    def blocking(self) -> BlockingAuthServer:
        """The same server, for threads that may block."""
        view = BlockingAuthServer.__new__(BlockingAuthServer)
        view.__dict__ = self.__dict__
        return view


class BlockingAuthServer(BlockingServerCalls):
    """An auth server: owns users, sessions and keys, serves the endpoints, guards routes. Making one does no I/O.

    Every call that fails raises :class:`SentriError`; ``register`` and the ``bulk_`` calls return what the caller can
    act on instead: ``{"success": False, "error": ...}``. The interpreter's lock is free meanwhile, so other threads go
    on, and Ctrl-C is noticed.

    :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option and the cure.
    """

    @property
    def asynchronous(self) -> AuthServer:
        """The same server, for event loops."""
        view = AuthServer.__new__(AuthServer)
        view.__dict__ = self.__dict__
        return view
