"""Shapes of the arguments and results of calls: users, identifiers, sessions, keys, metrics and health."""

from __future__ import annotations

from typing import Any, Literal, Optional, TypedDict, Union

from .user_types import Disabled, Identifier, StoredUser, UserRoles


class Failure(TypedDict):
    """The reason why a call was refused."""

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


#: Check ``result["success"] is True`` to distinguish the two results, also for type checkers.
RegisterResult = Union[Registered, Refusal]
IdentifiersResult = Union[ChangedIdentifiers, Refusal]
DeletedResult = Union[DeletedIdentifiers, Refusal]


class UserPage(TypedDict):
    """A page of users; ``next_cursor`` is None on the last page."""

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


class _AccountUserAlways(UserRoles):
    created_at: str
    updated_at: Optional[str]


class AccountUser(_AccountUserAlways, total=False):
    """The user of an :class:`Account`; ``disabled`` is the last disabling, which may have run out."""

    disabled: Disabled


class AccountIdentifier(Identifier):
    """An identifier of an :class:`Account`."""

    created_at: str
    verified_at: Optional[str]


class AccountSession(TypedDict):
    """A session of an :class:`Account`. ``methods``, by which the user authenticated (RFC 8176), and
    ``authenticated_at`` are None if they were not kept."""

    id: str
    created_at: str
    last_used_at: Optional[str]
    expires_at: str
    ended_at: Optional[str]
    ip: Optional[str]
    user_agent: Optional[str]
    methods: Optional[list[str]]
    authenticated_at: Optional[str]


class AccountFactor(TypedDict):
    """A second factor of an :class:`Account`; ``confirmed_at`` is None until its first code was entered."""

    id: str
    kind: str
    label: Optional[str]
    created_at: str
    confirmed_at: Optional[str]
    last_used_at: Optional[str]


class PendingChange(TypedDict):
    """A change of an identifier that waits for its code or its link."""

    identifier: str
    type: str
    value: str


class AccountFlow(TypedDict):
    """A message or a login of an :class:`Account` that waits for a code or a link, or did so in the last day."""

    purpose: str
    created_at: str
    expires_at: str
    ended_at: Optional[str]
    pending: Optional[PendingChange]


class AccountChange(TypedDict):
    """An entry of the audit in an :class:`Account`. ``actor`` is the user's own id, ``admin`` for another user, a word
    such as ``api-key``, or None if unknown; ``ip`` is None unless the user acted."""

    at: str
    event: str
    actor: Optional[str]
    ip: Optional[str]
    fields: dict[str, Any]


class _AccountAlways(TypedDict):
    user: AccountUser
    identifiers: list[AccountIdentifier]
    sessions: list[AccountSession]
    factors: list[AccountFactor]
    recovery_codes_left: int
    flows: list[AccountFlow]


class Account(_AccountAlways, total=False):
    """All stored data of a user, without secrets, their hashes and digests; instants are ISO 8601. Of sessions and
    flows the newest 10,000. ``audit`` has the entries of the audit about the user, newest first; it is present with the
    option ``audit`` alone."""

    audit: list[AccountChange]


class HealthChecks(TypedDict, total=False):
    """The state of each part that a server needs, ``ok`` or ``unavailable``; ``redis`` only with ``redis_url``."""

    database: str
    keys: str
    redis: str


class Health(TypedDict):
    """The state of a server, for probes: ``ok``, ``degraded`` if only Redis is unreachable or the stored keys can't be
    read again, or ``unavailable``."""

    status: str
    checks: HealthChecks


class RotatedKey(TypedDict):
    """A new signing key, and the instant from which it signs (ISO 8601)."""

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
    """One number of a metric. ``name`` is the metric's, and for a histogram ``_bucket``, ``_sum`` or ``_count`` behind
    it."""

    name: str
    labels: dict[str, str]
    value: float


class Metric(TypedDict):
    """A metric: see ``docs/reference/metrics.md``. ``type`` is ``counter``, ``gauge`` or ``histogram``."""

    name: str
    type: str
    help: str
    samples: list[MetricSample]


class MessageContext(TypedDict):
    """The request behind a message."""

    ip: Optional[str]
    user_agent: Optional[str]
    request_id: Optional[str]


class _MessageAlways(TypedDict):
    id: str
    kind: str
    channel: str
    to: str
    context: MessageContext


class Message(_MessageAlways, total=False):
    """A message to a user. ``id`` stays the same when it is sent again: give it to your provider as the idempotency
    key. ``kind`` is ``password-reset``, ``password-changed``, ``verify``, ``login-code``, ``change-confirm``,
    ``change-notice``, ``already-registered``, ``invitation``, ``factor-added``, ``factor-removed``, ``recovery-used``,
    ``account-disabled``, ``unknown-account`` or ``new-sign-in``; ``channel`` is ``email`` or ``phone``, ``to`` the
    stored address, for ``unknown-account`` the requested identifier, in its normal form. ``code`` has six digits;
    ``url`` is your page of ``links`` with the ``token``."""

    code: str
    token: str
    url: str
    expires_at: str
    user_id: str
    locale: str


class _AskedAlways(TypedDict):
    flow: str
    expires_at: str


class Asked(_AskedAlways, total=False):
    """A flow that was requested, with the ``message`` if it was not to be delivered. If no account has the identifier
    there is no message, or with the option ``unknown_account`` a message of kind ``unknown-account``."""

    message: Message


class _InvitedAlways(TypedDict):
    user: StoredUser


class Invited(_InvitedAlways, total=False):
    """An invited user, with the ``message`` if it was not to be delivered."""

    message: Message


class _OpenedAlways(TypedDict):
    #: ISO 8601.
    expires_at: str


class OpenedSetup(_OpenedAlways, total=False):
    """An open set-up, with the ``token`` that makes the first admin unless that was given."""

    token: str
