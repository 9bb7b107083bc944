"""Shapes of the options of functions and middleware that need no server of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypedDict, Union

from .option_types import Algorithm, Duration


class TokenOptions(TypedDict, total=False):
    """Options of token functions without a server: ``secret``, or ``jwks`` to verify with the public keys of another
    issuer, as JSON text or parsed."""

    secret: Union[str, bytes]
    #: The file that holds the secret, instead of ``secret``.
    secret_file: str
    algorithm: Algorithm
    jwks: Union[str, Mapping[str, Any]]
    algorithms: Sequence[Algorithm]
    issuer: str
    audience: str
    clock_tolerance: Duration
    expires_in: Duration


class IdempotencyOptions(TypedDict, total=False):
    """Options of the idempotency middleware; see docs/guide/idempotency.md."""

    #: The time for which an answer is kept: milliseconds, ``"5m"`` or a timedelta; 300,000 ms by default, 30 days at
    #: most.
    ttl: Union[int, str, timedelta]
    #: The header with the key; ``X-Idempotency-Key`` by default.
    header: str
    #: The methods to which the middleware applies; POST, PUT and PATCH by default.
    methods: Sequence[str]
    #: The greatest number of answers that are kept; 10,000 by default.
    max_size: int
    #: The address of the Redis that keeps answers for several processes; the server's by default. Without one, answers
    #: are kept in the memory of this process.
    redis_url: str
    #: The time for which requests wait for a Redis that is unreachable, counted from the start of the outage:
    #: milliseconds, ``"2s"`` or a timedelta; 2 s by default, 30 s at most. Later requests in the same outage do not
    #: wait.
    redis_patience: Union[int, str, timedelta]
    #: The treatment of requests after ``redis_patience``: ``"local"`` (the default) runs a request once in each
    #: process, ``"refuse"`` answers it with a 503 until Redis is back.
    on_redis_away: Literal["local", "refuse"]
    #: Separates this application from others in one Redis; the server's ``issuer`` by default.
    key_prefix: str
    #: Returns the credential that distinguishes callers beside ``Authorization``, ``Cookie`` and ``X-Api-Key``, for
    #: requests that another header authenticates. A function, synchronous or asynchronous, that gets the framework's
    #: request and returns a text or None.
    credential: Callable[[Any], Any]


class LimiterOptions(TypedDict, total=False):
    """Options of a rate limiter on a route."""

    #: The number of requests that pass in a window.
    max_attempts: int
    #: The length of the window in seconds, from the first request on.
    duration_seconds: int
    #: The name of the counter. Limiters of the same name share it, in every process. Without a name the counter is that
    #: of the rule, so of limiters with the same ``max_attempts`` and ``duration_seconds`` all but one need a name.
    key_prefix: str
