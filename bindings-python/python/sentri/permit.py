"""The host's own decision on a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

from .functions import call, call_blocking
from .guarding import Guard
from .types import User


class Permit:
    """A check of the host's, and the roles that bypass it."""

    def __init__(self, guard: Guard, check: Callable[..., Any], roles: Optional[Sequence[str]]) -> None:
        if roles is not None:
            guard.role_check(roles)
        self._guard = guard
        self._check = check
        self._roles = roles or ()

    def _before(self, user: Optional[User]) -> Optional[str]:
        if user is None:
            return "unauthenticated"
        bypass = next((role for role in self._roles if role in user.roles), None)
        return None if bypass is None else f"bypass:{bypass}"

    async def __call__(self, user: Optional[User], request_id: Optional[str], *args: Any) -> None:
        """Raises unless the request may go on."""
        verdict = self._before(user) or ("passed" if await call(self._check, *args) else "denied")
        self._finish(user, verdict, request_id)

    def blocking(self, user: Optional[User], request_id: Optional[str], *args: Any) -> None:
        """The same for a thread that may block."""
        verdict = self._before(user) or ("passed" if call_blocking(self._check, *args) else "denied")
        self._finish(user, verdict, request_id)

    def _finish(self, user: Optional[User], verdict: str, request_id: Optional[str]) -> None:
        error = self._guard.permit_verdict(user, verdict, request_id)
        if error is not None:
            raise error
