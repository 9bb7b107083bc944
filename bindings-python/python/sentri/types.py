"""Shapes of options, inputs and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Optional, TypedDict, Union

#: A length of time: ``"15m"``, ``"1.5h"``, ``"7 days"``, a timedelta, or a number of seconds.
Duration = Union[str, int, float, timedelta]

#: Signature algorithms.
Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"
]


@dataclass(frozen=True)
class User:
    """The user who makes a request."""

    id: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Auth:
    """The credentials of a request's user. ``session_id`` is None for a token that was signed without a session; ``token``
    is the access token, or the one minted in its place."""

    session_id: Optional[str]
    token: str


@dataclass(frozen=True)
class Access:
    """The claims of a verified access token."""

    id: str
    roles: tuple[str, ...]
    session_id: Optional[str]


class Identifier(TypedDict):
    """A stored identifier."""

    id: str
    type: str
    value: str


class IdentifierInput(TypedDict):
    """A new identifier."""

    type: str
    value: str


class IdentifierUpdate(TypedDict, total=False):
    """A change of an identifier: by ``id``, or the only one of its ``type``."""

    id: str
    type: str
    value: str


class UserRoles(TypedDict):
    """A user without identifiers."""

    id: str
    roles: list[str]


class StoredUser(UserRoles):
    """A user with identifiers."""

    identifiers: list[Identifier]


class Failure(TypedDict):
    """Why a call was refused."""

    code: str
    message: str
    status_code: int


class Refusal(TypedDict):
    """The result of a call that was refused."""

    success: Literal[False]
    error: Failure


class Registered(TypedDict):
    """The result of a registration."""

    success: Literal[True]
    user: StoredUser


class ChangedIdentifiers(TypedDict):
    """The result of a change of identifiers."""

    success: Literal[True]
    identifiers: list[Identifier]


class DeletedIdentifiers(TypedDict):
    """The result of a removal of identifiers."""

    success: Literal[True]


#: ``result["success"] is True`` tells which of the two it is, to type checkers too.
RegisterResult = Union[Registered, Refusal]
IdentifiersResult = Union[ChangedIdentifiers, Refusal]
DeletedResult = Union[DeletedIdentifiers, Refusal]


class UserPage(TypedDict):
    """A page of users; ``next_cursor`` is None on the last one."""

    users: list[StoredUser]
    next_cursor: Optional[str]


class IssuedSession(TypedDict):
    """The tokens of a new session."""

    access_token: str
    refresh_token: str
    user: UserRoles
    session_id: str


class SessionInfo(TypedDict):
    """A session as lists show it; instants are ISO 8601."""

    id: str
    created_at: str
    last_used_at: str
    expires_at: str
    ip: Optional[str]
    user_agent: Optional[str]
    current: bool


class RotatedKey(TypedDict):
    """A new signing key, and from when on it signs (ISO 8601)."""

    kid: str
    active_from: str


class StoredKey(TypedDict):
    """A stored key without its secret; instants are ISO 8601."""

    kid: str
    algorithm: str
    created_at: str
    active_from: str
    retired_at: Optional[str]


class MetricSample(TypedDict):
    """One number of a metric. ``name`` is the metric's, and for a histogram ``_bucket``, ``_sum`` or ``_count`` behind it."""

    name: str
    labels: dict[str, str]
    value: float


class Metric(TypedDict):
    """A metric: see ``docs/reference/metrics.md``. ``type`` is ``counter``, ``gauge`` or ``histogram``."""

    name: str
    type: str
    help: str
    samples: list[MetricSample]


class HookContext(TypedDict):
    """The circumstances of a notice."""

    ip: Optional[str]
    user_agent: Optional[str]
    request_id: Optional[str]
    session_id: Optional[str]
    error_code: Optional[str]


#: An override: ``(input, context, next)``. ``next()`` runs the built-in, with other input if given; in an asynchronous
#: function it is awaited.
Override = Callable[[Any, Any, Any], Any]


class Hooks(TypedDict, total=False):
    """Notices, each synchronous or asynchronous."""

    on_login: Callable[[UserRoles, HookContext], Any]
    on_failed_login: Callable[[str, HookContext], Any]
    on_logout: Callable[[str, HookContext], Any]


class RouterOverrides(TypedDict, total=False):
    """Use cases of your own."""

    login: Override
    register: Override
    refresh: Override
    logout: Override
    logout_all: Override
    assign_roles: Override
    bulk_create_identifiers: Override
    bulk_update_identifiers: Override
    bulk_delete_identifiers: Override
    change_password: Override


class SslOptions(TypedDict, total=False):
    """TLS to a database. The server is verified unless ``reject_unauthorized`` is false.

    ``ca``, ``cert`` and ``key`` are the texts of PEM files: the roots to trust instead of the system's, the client's
    own certificate with its chain, and the private key of that.
    """

    reject_unauthorized: bool
    ca: str
    cert: str
    key: str


class DatabaseOptions(TypedDict, total=False):
    """A database: ``connection_string``, or ``host`` and its companions, or ``filename``.

    ``type`` says which database ``host`` is, PostgreSQL unless said otherwise. ``max`` is the most connections, 10
    unless said otherwise. ``schema``, for PostgreSQL alone, is the schema of the tables, also behind a pooler; it must
    exist.
    """

    connection_string: str
    type: Literal["postgres", "postgresql", "mysql", "mariadb"]
    host: str
    port: int
    database: str
    user: str
    password: str
    max: int
    ssl: Union[bool, SslOptions]
    schema: str
    filename: str


class KeysOptions(TypedDict, total=False):
    """Keys that are made and stored."""

    rotate_every: Duration
    key_size: int
    encryption_key: str


class PasswordOptions(TypedDict, total=False):
    """The rules for new passwords and for their hashes."""

    algorithm: Literal["bcrypt", "argon2id"]
    min_length: int
    max_length: int
    preset: Literal["nist"]


class RateLimitOptions(TypedDict, total=False):
    """Attempts in a time."""

    max_login_attempts: int
    max_register_attempts: int
    duration_seconds: int


class CookieOptions(TypedDict, total=False):
    """A cookie's name and attributes."""

    name: str
    domain: str
    path: str
    secure: bool
    same_site: Union[Literal["lax", "strict", "none"], bool]
    partitioned: bool
    prefix: Literal["__Host-", "__Secure-", ""]
    http_only: bool


class SessionCheckOptions(TypedDict, total=False):
    """The age that the knowledge of a session may have."""

    max_age: Duration


class _CommonOptions(TypedDict, total=False):
    issuer: str
    audience: str
    #: Truthy, an exception, or more than 2 s: the token is refused.
    is_token_revoked: Callable[[str], Any]
    #: A ``logging`` logger (default: the one named ``logger_service``), any object with ``info``, ``warning`` and
    #: ``error``, or False for none.
    logger: Any
    logger_service: str
    #: For tests: ``sentri.testing.Clock``.
    clock: Any
    #: Secure cookies, strong secrets; default: ``SENTRI_ENV`` or ``NODE_ENV`` is ``production``.
    production: bool


class _ServerNeeds(TypedDict):
    db: Union[str, DatabaseOptions]
    valid_roles: Sequence[str]


class ServerOptions(_ServerNeeds, _CommonOptions, total=False):
    """Options of server mode. docs/reference/options.md; the names in ``snake_case``."""

    admin_roles: Sequence[str]
    default_roles: Sequence[str]
    #: The roles that an anonymous registration may ask for; ``default_roles`` and ``user`` unless said otherwise. No admin role: your
    #: own code gives those.
    self_assignable_roles: Sequence[str]
    secret: Union[str, bytes]
    #: The file that holds the secret, instead of ``secret``.
    secret_file: str
    algorithm: Algorithm
    keys: Union[Literal["ephemeral"], KeysOptions]
    access_expires_in: Duration
    refresh_expires_in: Duration
    session_max_age: Duration
    refresh_grace: Duration
    #: The most sessions of a user at a time, 1 to 1,000; 100 unless said otherwise. A login beyond that ends the oldest.
    max_sessions: int
    salt_rounds: int
    password: PasswordOptions
    api_key: Union[str, Sequence[str]]
    redis_url: str
    rate_limit: Union[bool, RateLimitOptions]
    trust_proxy: Union[bool, int, str, Sequence[str]]
    cookie: Union[bool, CookieOptions]
    access_cookie: Union[bool, CookieOptions]
    #: Whether a completed login makes its browser known, by the cookie ``sentri_device``: ten wrong passwords of its own count
    #: there, and strangers who lock the account out do not reach it. Off unless set.
    known_devices: bool
    trusted_origins: Sequence[str]
    session_check: Union[bool, SessionCheckOptions]
    require_session: bool
    silent_refresh: bool
    valid_identifiers: Sequence[str]
    hooks: Hooks
    router: RouterOverrides


class AccessCookieName(TypedDict, total=False):
    """The cookie in which client mode looks for an access token beside the header."""

    name: str


class _ClientNeeds(TypedDict):
    key_uri: str


class ClientOptions(_ClientNeeds, _CommonOptions, total=False):
    """Options of client mode. docs/guide/client-mode.md; the names in ``snake_case``."""

    allow_insecure: bool
    valid_roles: Sequence[str]
    algorithms: Sequence[Algorithm]
    clock_tolerance: Duration
    cache_max_age: Duration
    trusted_origins: Sequence[str]
    access_cookie: Union[bool, AccessCookieName]


class TokenOptions(TypedDict, total=False):
    """Options of token functions without a server: ``secret``, or ``jwks`` to verify with the public keys of others, as
    JSON text or read."""

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

    #: How long an answer is kept: milliseconds, ``"5m"`` or a timedelta; 300,000 ms unless said otherwise, 30 days at most.
    ttl: Union[int, str, timedelta]
    #: The header with the key; ``X-Idempotency-Key`` unless said otherwise.
    header: str
    #: Methods it applies to; POST, PUT and PATCH unless said otherwise.
    methods: Sequence[str]
    #: Answers kept at most; 10,000 unless said otherwise.
    max_size: int
    #: Keeps answers in Redis, for several processes; without it, in the memory of this one. The server's unless said otherwise.
    redis_url: str
    #: The time for which a request waits for a Redis that is away, from the moment that it went: milliseconds, ``"2s"`` or a timedelta; 2 s
    #: unless said otherwise, 30 s at most. It is spent once an outage: whoever comes later does not wait.
    redis_patience: Union[int, str, timedelta]
    #: The fate of a request when that patience is spent: ``"local"`` runs it once in each process, ``"refuse"`` answers with a
    #: 503 until Redis is back; ``"local"`` unless said otherwise.
    on_redis_away: Literal["local", "refuse"]
    #: Sets this application apart from others in one Redis; the server's ``issuer`` unless said otherwise.
    key_prefix: str
    #: The credential that tells callers apart beside ``Authorization``, ``Cookie`` and ``X-Api-Key``, where another header authenticates: a
    #: function, of either kind, from the framework's request to a text or None.
    credential: Callable[[Any], Any]


class LimiterOptions(TypedDict, total=False):
    """Options of a rate limiter on a route."""

    #: Requests that pass in a window.
    max_attempts: int
    #: Length of the window, from the first request on.
    duration_seconds: int
    #: The name of the counter. Limiters of one name share it, in every process. Without a name the counter is that of the rule,
    #: so of limiters with the same ``max_attempts`` and ``duration_seconds`` all but one need a name.
    key_prefix: str
