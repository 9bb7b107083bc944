"""A framework's request and later response, as guards of routes see them: an adapter gives access to their parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Protocol

from .requests import guard_request, request_id_of
from .types import Auth, User
from .wire import EndpointRequest, GuardRequest

Headers = list[tuple[str, str]]


class Exchange(Protocol):
    """One request."""

    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> Headers:
        """Names in lower case, values as received."""
        ...

    @property
    def scheme(self) -> Optional[str]:
        """The scheme by which the request came, as the framework knows it."""
        ...

    @property
    def client_ip(self) -> Optional[str]:
        """The client's address as the framework knows it."""
        ...

    @property
    def known_id(self) -> Any:
        """The request's id, if middleware has set one."""
        ...

    @property
    def user(self) -> Optional[User]:
        """The user whom ``protect()`` admitted."""
        ...

    @property
    def auth(self) -> Optional[Auth]:
        """The credentials of that user, as ``protect()`` found them."""
        ...

    @property
    def running(self) -> Any:
        """The record of a request that runs under an idempotency key, if it does. ``protect()`` reports to its method
        ``note``.
        """
        ...

    @property
    def arguments(self) -> Sequence[Any]:
        """The object that the host's checks are called with."""
        ...

    def admit(self, user: User, auth: Auth) -> None:
        """Gives the application the user of the request."""
        ...

    def add(self, headers: Headers) -> None:
        """Adds headers to the later response."""
        ...


def seen_by_guard(exchange: Exchange) -> GuardRequest:
    """The part of a request that ``protect()`` looks at."""
    return guard_request(exchange.method, exchange.headers, exchange.scheme)


def request_id(exchange: Exchange) -> Optional[str]:
    """The id that earlier middleware has set, else the header ``X-Request-Id``."""
    return request_id_of(exchange.known_id, exchange.headers)


def to_core(exchange: Exchange, path: str, full_path: str, query: str) -> EndpointRequest:
    """Converts a request to an endpoint, without its body. Paths are raw; ``path`` is below the mount point."""
    return {
        "method": exchange.method,
        "path": path,
        "fullPath": full_path,
        "query": query or None,
        "scheme": exchange.scheme,
        "headers": exchange.headers,
        "clientIp": exchange.client_ip,
        "requestId": request_id(exchange),
    }
