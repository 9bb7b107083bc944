"""Users as calls return them."""

from __future__ import annotations

from typing import TypedDict


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
    """A change of an identifier: by ``id``, or the user's only identifier of its ``type``."""

    id: str
    type: str
    value: str


class UserRoles(TypedDict):
    """A user without identifiers."""

    id: str
    roles: list[str]


class _DisabledAlways(TypedDict):
    at: str


class Disabled(_DisabledAlways, total=False):
    """The state of a disabled user. ``at`` is its beginning, ``until`` its end, if it has one; both are ISO 8601."""

    until: str
    reason: str


class _StoredUserAlways(UserRoles):
    identifiers: list[Identifier]


class StoredUser(_StoredUserAlways, total=False):
    """A user with identifiers; ``disabled`` is present if the user is disabled."""

    disabled: Disabled
