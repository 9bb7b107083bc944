"""Written by `make generate` from the tables of the core. Do not edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal, TypedDict, Union

#: A length of time: ``"15m"``, ``"1.5h"``, ``"7 days"``, a timedelta, or a number of seconds.
Duration = Union[str, int, float, timedelta]

#: Signature algorithms.
Algorithm = Literal[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"
]


class MessageLimitOptions(TypedDict, total=False):
    """Members of ``rate_limit["messages"]``."""

    per_minute: int
    per_hour: int
    per_address: int


class KeysOptions(TypedDict, total=False):
    """Members of the option `keys`."""

    #: Modulus length of RSA keys in bits. Default: 2048.
    key_size: int
    #: Age at which a signing key is replaced.
    rotate_every: Duration
    #: The same as encryptionKey, under its older name.
    encryption_key: str


class PasswordOptions(TypedDict, total=False):
    """Members of the option `password`."""

    #: The same, beside other members.
    preset: Literal["nist"]
    #: Hash of new passwords. Default: bcrypt.
    algorithm: Literal["bcrypt", "argon2id"]
    #: Least length of a new password, in characters. Default: 8.
    min_length: int
    #: Most length of a new password, in characters. Default: 1024.
    max_length: int


class RateLimitOptions(TypedDict, total=False):
    """Members of the option `rate_limit`."""

    #: Failed logins in a window. Default: 5.
    max_login_attempts: int
    #: Registrations of an address in a window. Default: 5.
    max_register_attempts: int
    #: Length of the window, in seconds. Default: 900.
    duration_seconds: int
    #: Most messages about one subject, and those that one address may ask for in an hour. Default: { perMinute: 1,
    #: perHour: 5, perAddress: 20 }.
    messages: MessageLimitOptions


class CookieOptions(TypedDict, total=False):
    """Members of the option `cookie` or `access_cookie`."""

    #: Name of the access cookie. Default: access_token.
    name: str
    #: Prefix of its name that browsers enforce.
    prefix: Literal["__Host-", "__Secure-", ""]
    #: Domain that it is sent to; none: this host alone.
    domain: str
    #: Path that it is sent to. Default: /.
    path: str
    #: Whether it is sent by https alone. Default: on in production.
    secure: bool
    #: Whether other sites' requests carry it. Default: lax.
    same_site: Union[Literal["lax", "strict", "none"], bool]
    #: Whether it is kept apart for each site that embeds this one (CHIPS). Default: off.
    partitioned: bool
    #: Whether scripts can't read it. Default: off.
    http_only: bool


class SessionCheckOptions(TypedDict, total=False):
    """Members of the option `session_check`."""

    #: Greatest age of what protect() knows of a session. Default: 5s.
    max_age: Duration


class ServerSettings(TypedDict, total=False):
    """Options of server mode that are plain data."""

    #: Redis, by which several processes share limits and word of revocations.
    redis_url: str
    #: Roles that may call the admin endpoints. Default: admin.
    admin_roles: Sequence[str]
    #: Roles of registrations that name none.
    default_roles: Sequence[str]
    #: Roles that an anonymous registration may ask for. Default: the default roles, and user.
    self_assignable_roles: Sequence[str]
    #: Private key (PEM) or shared secret; none: keys are kept in the database.
    secret: Union[str, bytes]
    #: File with the private key (PEM) or shared secret.
    secret_file: str
    #: Signature algorithm of tokens. Default: that of the stored keys, at first RS256; with secret as the key needs
    #: it.
    algorithm: Algorithm
    #: ephemeral: signing keys are lost with the process.
    keys: Union[Literal["ephemeral"], KeysOptions]
    #: Key that encrypts what rests in the database: private keys, and the secrets of second factors.
    encryption_key: Union[str, Sequence[str]]
    #: Life of an access token. Default: 15m.
    access_expires_in: Duration
    #: Idle limit of a session. Default: 7d.
    refresh_expires_in: Duration
    #: Absolute limit of a session. Default: 90d.
    session_max_age: Duration
    #: Time for which the previous refresh token works after a rotation. Default: 10s.
    refresh_grace: Duration
    #: Most sessions of a user at a time. Default: 100.
    max_sessions: int
    #: Bcrypt cost of new passwords. Default: 12.
    salt_rounds: int
    #: nist: at least 15 characters, and none of the well-known passwords.
    password: PasswordOptions
    #: Whether POST /setup makes the first admin by a one-time token, while there is none. Default: off; on in serve.
    setup: bool
    #: Closes registration to others, opens the admin endpoints.
    api_key: Union[str, Sequence[str]]
    #: Whether failed logins and registrations are limited. Default: on.
    rate_limit: Union[bool, RateLimitOptions]
    #: Whether the refresh token travels in a cookie; off: in bodies. Default: on.
    cookie: Union[bool, CookieOptions]
    #: Whether the access token is in a cookie too. Default: off.
    access_cookie: Union[bool, CookieOptions]
    #: Whether a login makes its browser known, so that strangers who lock an account out do not reach it. Default:
    #: off; on in serve.
    known_devices: bool
    #: Origins beside its own that may use cookies.
    trusted_origins: Sequence[str]
    #: Number of proxies in front, or their addresses: their X-Forwarded-For is believed.
    trust_proxy: Union[bool, int, str, Sequence[str]]
    #: Whether protect() looks after the session, not the signature alone. Default: on.
    session_check: Union[bool, SessionCheckOptions]
    #: Whether tokens that belong to no session are refused. Default: off.
    require_session: bool
    #: Whether protect() mints a new access token for a good refresh cookie. Default: on.
    silent_refresh: bool
    #: Types of identifiers that are allowed. Default: any.
    valid_identifiers: Sequence[str]
    #: refuse: no new username in letters that pass for others, of several scripts or all like Latin ones. Default:
    #: allow.
    confusables: Literal["allow", "refuse"]
    #: Issuer of tokens (iss), set and checked.
    issuer: str
    #: Audience of tokens (aud), set and checked.
    audience: str
    #: Field service of log entries. Default: sentri.
    logger_service: str
    #: Whether users log in by a one-time code that a message brings; needs messages. Default: off.
    login_code: bool
    #: What the audit keeps for 400 days: changes of accounts, roles and keys, or logins and refreshes too. Default:
    #: changes with administration, else off.
    audit: Literal["off", "changes", "all"]


class ClientSettings(TypedDict, total=False):
    """Options of client mode that are plain data."""

    #: Origins beside its own that may use cookies.
    trusted_origins: Sequence[str]
    #: Issuer of tokens (iss), set and checked.
    issuer: str
    #: Audience of tokens (aud), set and checked.
    audience: str
    #: Field service of log entries. Default: sentri.
    logger_service: str
    #: Whether the key set may be fetched by http beyond this machine. Default: off.
    allow_insecure: bool
    #: Algorithms that are accepted. Default: all asymmetric ones.
    algorithms: Sequence[Algorithm]
    #: Tolerance for the auth server's clock. Default: 30s.
    clock_tolerance: Duration
    #: Age at which the key set is fetched anew. Default: 1h.
    cache_max_age: Duration


#: An override: ``(input, context, next)``. ``next()`` runs the built-in, with other input if given; in an
#: asynchronous function it is awaited.
Override = Callable[[Any, Any, Any], Any]


class RouterOverrides(TypedDict, total=False):
    """Use cases of your own."""

    #: Stands in for ``POST /login``.
    login: Override
    #: Stands in for ``POST /register``.
    register: Override
    #: Stands in for ``POST /refresh``.
    refresh: Override
    #: Stands in for ``POST /logout``.
    logout: Override
    #: Stands in for ``POST /logout-all``.
    logout_all: Override
    #: Stands in for the change of a user's roles.
    assign_roles: Override
    #: Stands in for the addition of identifiers.
    bulk_create_identifiers: Override
    #: Stands in for the change of identifiers.
    bulk_update_identifiers: Override
    #: Stands in for the removal of identifiers.
    bulk_delete_identifiers: Override
    #: Stands in for a new password by the present one.
    change_password: Override
    #: Stands in for the request of a message for a new password.
    request_password_reset: Override
    #: Stands in for a new password by the secret of a message.
    reset_password: Override
