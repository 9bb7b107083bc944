"""Shapes of options, inputs and results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Optional, TypedDict, Union

from .audit_types import (
    AuditEntry as AuditEntry,
    AuditPage as AuditPage,
)
from .import_types import (
    FirebaseHash as FirebaseHash,
    ImportedUser as ImportedUser,
    ImportOptions as ImportOptions,
    ImportProgress as ImportProgress,
    ImportRefusal as ImportRefusal,
    ImportReport as ImportReport,
)
from .middleware_types import (
    IdempotencyOptions as IdempotencyOptions,
    LimiterOptions as LimiterOptions,
    TokenOptions as TokenOptions,
)
from .option_types import (
    Algorithm as Algorithm,
    ClientSettings as ClientSettings,
    CookieOptions as CookieOptions,
    Duration as Duration,
    KeysOptions as KeysOptions,
    MessageLimitOptions as MessageLimitOptions,
    Override as Override,
    PasswordOptions as PasswordOptions,
    RateLimitOptions as RateLimitOptions,
    RouterOverrides as RouterOverrides,
    ServerSettings as ServerSettings,
    SessionCheckOptions as SessionCheckOptions,
)
from .results import (
    Account as Account,
    AccountChange as AccountChange,
    AccountFactor as AccountFactor,
    AccountFlow as AccountFlow,
    AccountIdentifier as AccountIdentifier,
    AccountSession as AccountSession,
    AccountUser as AccountUser,
    Asked as Asked,
    ChangedIdentifiers as ChangedIdentifiers,
    DeletedIdentifiers as DeletedIdentifiers,
    DeletedResult as DeletedResult,
    Failure as Failure,
    Health as Health,
    HealthChecks as HealthChecks,
    IdentifiersResult as IdentifiersResult,
    Invited as Invited,
    IssuedSession as IssuedSession,
    Message as Message,
    MessageContext as MessageContext,
    Metric as Metric,
    MetricSample as MetricSample,
    OpenedSetup as OpenedSetup,
    PendingChange as PendingChange,
    Refusal as Refusal,
    Registered as Registered,
    RegisterResult as RegisterResult,
    RotatedKey as RotatedKey,
    SessionInfo as SessionInfo,
    StoredKey as StoredKey,
    UserPage as UserPage,
)
from .testing import Mailbox
from .user_types import (
    Disabled as Disabled,
    Identifier as Identifier,
    IdentifierInput as IdentifierInput,
    IdentifierUpdate as IdentifierUpdate,
    StoredUser as StoredUser,
    UserRoles as UserRoles,
)


@dataclass(frozen=True)
class User:
    """The user who makes a request."""

    id: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Auth:
    """The credentials of a request's user. ``session_id`` is None for a token that was signed without a session;
    ``token`` is the access token, or the token minted in its place."""

    session_id: Optional[str]
    token: str
    #: The authenticator assurance level, where the auth server has the option ``mfa``: ``aal2`` is two factors.
    acr: Optional[str] = None
    #: The methods by which the user authenticated (RFC 8176): ``pwd``, ``otp``, ``recovery``, ``email``, ``sms``,
    #: ``host``.
    amr: tuple[str, ...] = ()
    #: The time at which the user authenticated, in seconds since 1970; None if unknown.
    auth_time: Optional[int] = None
    #: The user's roles that wait for a second factor, by the option ``mfa["required_for"]``.
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True)
class Access:
    """The claims of a verified access token."""

    id: str
    roles: tuple[str, ...]
    session_id: Optional[str]


class HookContext(TypedDict):
    """The circumstances of a notice."""

    ip: Optional[str]
    user_agent: Optional[str]
    request_id: Optional[str]
    session_id: Optional[str]
    error_code: Optional[str]


class Hooks(TypedDict, total=False):
    """Functions that get notices, each synchronous or asynchronous."""

    on_login: Callable[[UserRoles, HookContext], Any]
    on_failed_login: Callable[[str, HookContext], Any]
    on_logout: Callable[[str, HookContext], Any]


class MessageLinks(TypedDict, total=False):
    """Your own pages, by absolute https URLs. Links have the query parameter ``token``, or for ``login`` ``code``."""

    reset: str
    verify: str
    login: str
    invite: str


class _MessagesNeed(TypedDict):
    send: Callable[[Message, MessageContext], Any]


class MessageOptions(_MessagesNeed, total=False):
    """Messages to users. ``send``, synchronous or asynchronous, gets a message and its request after the answer. If it
    raises or takes 30 s, it is called again after 1 s, and after 5 s more. ``locale`` is passed on with each message.
    ``unknown_account`` notifies addresses without an account of requests, ``new_sign_in`` users of new devices."""

    links: MessageLinks
    locale: str
    unknown_account: bool
    new_sign_in: bool


class RequiredSince(TypedDict):
    """Users who are older than the instant are exempt: ``"2026-12-01T00:00:00Z"``."""

    since: str


class VerificationOptions(TypedDict, total=False):
    """The types of addresses that users verify. With ``required`` registration makes no user until an address is
    proved, and a login requires a verified address."""

    types: Sequence[Literal["email", "phone"]]
    required: Union[bool, RequiredSince]


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

    ``type`` says which database ``host`` is, PostgreSQL by default. ``max`` is the most connections, 10 by default.
    ``schema``, for PostgreSQL alone, is the schema of the tables, also behind a pooler; it must exist.
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


class TotpOptions(TypedDict):
    """Codes of authenticator apps; ``issuer`` is the name of the application that they show."""

    issuer: str


class _RequiredMfaOptions(TypedDict):
    totp: TotpOptions


class MfaOptions(_RequiredMfaOptions, total=False):
    """Second factors. The roles of ``required_for`` are in effect only after a second factor."""

    recovery_codes: int
    required_for: Sequence[str]


class ReauthenticationOptions(TypedDict, total=False):
    """The greatest age of an authentication by which a user may change credentials."""

    max_age: Duration


class _CommonOptions(TypedDict, total=False):
    #: Refuses sessions: a truthy result, an exception, or no answer within 2 s refuses the token.
    is_token_revoked: Callable[[str], Any]
    #: A ``logging`` logger (default: the logger named ``logger_service``), any object with ``info``, ``warning`` and
    #: ``error``, or False for none.
    logger: Any
    #: For tests: ``sentri.testing.Clock``.
    clock: Any
    #: Secure cookies, strong secrets; default: ``SENTRI_ENV`` or ``NODE_ENV`` is ``production``.
    production: bool


class _ServerNeeds(TypedDict):
    db: Union[str, DatabaseOptions]
    valid_roles: Sequence[str]


class ServerOptions(_ServerNeeds, ServerSettings, _CommonOptions, total=False):
    """Options of server mode: those of ``ServerSettings``, and those that depend on the application.
    See docs/reference/options.md; the names are in ``snake_case`` here."""

    #: Sends messages to users: codes and links for a new password. ``"console"`` prints them while you develop; a
    #: ``sentri.testing.Mailbox`` takes them in tests.
    messages: Union[MessageOptions, Mailbox, Literal["console"]]
    #: The types of addresses that users verify, and whether they must; needs ``messages``.
    verification: VerificationOptions
    #: Whether admins search and disable users and manage their sessions, passwords, which needs ``messages``,
    #: invitations, which needs ``messages["links"]["invite"]``, and second factors, which needs ``mfa``.
    administration: bool
    #: Second factors: users enrol authenticator apps, and their logins take two steps. Sessions keep how and when the
    #: user authenticated, tokens carry it (``acr``, ``amr``, ``auth_time``), and ``protect(acr=, max_age=)`` and ``POST
    #: /me/reauthenticate`` exist. Needs ``encryption_key``.
    mfa: MfaOptions
    #: The rule for changes of credentials, if ``mfa`` or ``messages`` is on; 10 minutes by default.
    reauthentication: ReauthenticationOptions
    hooks: Hooks
    router: RouterOverrides


class AccessCookieName(TypedDict, total=False):
    """The cookie in which client mode looks for an access token beside the header."""

    name: str


class _ClientNeeds(TypedDict):
    key_uri: str


class ClientOptions(_ClientNeeds, ClientSettings, _CommonOptions, total=False):
    """Options of client mode, described in docs/guide/client-mode.md; the names in ``snake_case``."""

    valid_roles: Sequence[str]
    access_cookie: Union[bool, AccessCookieName]
