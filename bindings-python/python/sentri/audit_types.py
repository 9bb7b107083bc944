"""The entries of the audit."""

from __future__ import annotations

from typing import Any, Optional, TypedDict


class AuditEntry(TypedDict):
    """An entry of the audit; it holds ids and digests, no identifier and no secret. ``at`` is ISO 8601, ``event`` a
    name such as ``auth.roles.assigned``. ``actor`` is the id of the user who acted, ``api-key``, ``code`` or ``cli``,
    or None if unknown; ``subject`` is the id of the affected user, ``session`` the id of the session in which the actor
    acted. ``fields`` has further facts, such as ``roles``."""

    id: str
    at: str
    event: str
    actor: Optional[str]
    subject: Optional[str]
    session: Optional[str]
    ip: Optional[str]
    request_id: Optional[str]
    fields: dict[str, Any]


class AuditPage(TypedDict):
    """A page of entries, newest first; ``next_cursor`` is None on the last page."""

    entries: list[AuditEntry]
    next_cursor: Optional[str]
