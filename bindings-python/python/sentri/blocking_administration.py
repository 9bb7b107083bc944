# Written by `make generate` from administration.py. Do not edit.
"""Server mode: the calls of an admin about users."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Optional, Union

from .audit_types import AuditPage
from .calls import Call
from .jobs import wait
from .serving import Serving
from .types import Asked, StoredUser, UserPage


def _instant(at: Union[str, datetime, None]) -> Optional[str]:
    return at.isoformat() if isinstance(at, datetime) else at


class BlockingAdministration(Serving):
    """The calls of an admin, for threads that may block."""

    def _run(self, method: Call, *args: Any) -> Any:
        return self._outcome(wait(self._call(method, *args)))

    def list_users(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        identifier: Optional[str] = None,
        search: Optional[str] = None,
    ) -> UserPage:
        """Lists users, oldest first, in pages of 1 to 100.

        :param identifier: only the owner of this identifier, in any spelling.
        :param search: only users who have an identifier that begins with this text, in any spelling; at most 255
            characters, none of which is a wildcard.
        :raises SentriError: ``VALIDATION_ERROR``.
        """
        page = {"limit": limit, "cursor": cursor, "identifier": identifier, "search": search}
        result: UserPage = self._run("listUsers", page)
        return result

    def send_password_reset(self, user_id: str, *, deliver: bool = True) -> Asked:
        """Sends a user, named by id, a code and a link for a new password. They go to the oldest verified e-mail
        address, else phone number, or to the oldest one if none is verified.

        :param deliver: if False, the message comes back as ``message``, for you to send.
        :raises SentriError: ``USER_NOT_FOUND``; ``VALIDATION_ERROR`` for a user without an address;
            ``CONFIGURATION_ERROR`` without the option ``messages``.
        """
        result: Asked = self._run("sendPasswordReset", user_id, {"deliver": deliver})
        return result

    def disable_user(
        self, user_id: str, *, reason: Optional[str] = None, until: Union[str, datetime, None] = None
    ) -> StoredUser:
        """Disables a user. Every session, every flow and every token that is checked ends at once, and the user can
        open no other. Another call replaces the reason and the end.

        :param reason: a line of at most 500 characters, for admins.
        :param until: the instant from which the user is enabled again, such as ``"2026-12-24T18:00:00Z"`` or a
            ``datetime`` with a time zone; None means never.
        :raises SentriError: ``USER_NOT_FOUND``, ``VALIDATION_ERROR``.
        """
        result: StoredUser = self._run("disableUser", user_id, {"reason": reason, "until": _instant(until)})
        return result

    def enable_user(self, user_id: str) -> StoredUser:
        """Enables a disabled user. Sessions, flows and tokens that ended stay ended.

        :raises SentriError: ``USER_NOT_FOUND``.
        """
        result: StoredUser = self._run("enableUser", user_id)
        return result

    def list_audit(
        self,
        *,
        limit: Optional[int] = None,
        cursor: Optional[str] = None,
        user: Optional[str] = None,
        event: Optional[str] = None,
    ) -> AuditPage:
        """Lists the entries of the audit, newest first, in pages of 1 to 100, as ``GET /audit`` answers them.

        :param user: only entries about the user with this id.
        :param event: only this event.
        :raises SentriError: ``CONFIGURATION_ERROR`` if the option ``audit`` is off; ``VALIDATION_ERROR``.
        """
        query = {"limit": limit, "cursor": cursor, "user": user, "event": event}
        result: AuditPage = self._run("listAudit", query)
        return result
