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
    """Options of the idempotency middleware. docs/guide/idempotency.md."""

    #: The time for which an answer is kept: milliseconds, ``"5m"`` or a timedelta; 300,000 ms by default, 30 days at
    #: most.
    ttl: Union[int, str, timedelta]
    #: The header with the key; ``X-Idempotency-Key`` by default.
    header: str
    #: Methods it applies to; POST, PUT and PATCH by default.
    methods: Sequence[str]
    #: Answers kept at most; 10,000 by default.
    max_size: int
    #: Keeps answers in Redis, for several processes; without it, in the memory of this process. By default the
    #: server's.
    redis_url: str
    #: The time for which a request waits for a Redis that is away, from the moment that it went: milliseconds, ``"2s"``
    #: or a timedelta; 2 s by default, 30 s at most. It is spent once an outage: later requests do not wait.
    redis_patience: Union[int, str, timedelta]
    #: The fate of a request when that patience is spent: ``"local"`` runs it once in each process, ``"refuse"`` answers
    #: with a 503 until Redis is back; ``"local"`` by default.
    on_redis_away: Literal["local", "refuse"]
    #: Sets this application apart from others in one Redis; the server's ``issuer`` by default.
    key_prefix: str
    #: The credential that distinguishes callers beside ``Authorization``, ``Cookie`` and ``X-Api-Key``, if another
    #: header authenticates: a function, of either kind, from the framework's request to a text or None.
    credential: Callable[[Any], Any]


class LimiterOptions(TypedDict, total=False):
    """Options of a rate limiter on a route."""

    #: Requests that pass in a window.
    max_attempts: int
    #: Length of the window, from the first request on.
    duration_seconds: int
    #: The name of the counter. Limiters of the same name share it, in every process. Without a name the counter is that
    #: of the rule, so of limiters with the same ``max_attempts`` and ``duration_seconds`` all but one need a name.
    key_prefix: str
