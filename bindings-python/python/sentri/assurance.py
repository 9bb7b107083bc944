"""The authentication that a route asks for (RFC 9470), and the check of a user's authentication against it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from . import wire
from .errors import SentriError
from .options import configured, describe

if TYPE_CHECKING:
    from .native import NativeProtectHost
    from .types import Auth, User

#: Checks a user's authentication against the requirement of a route. Returns the error to answer with, or None.
StepUpCheck = Callable[["User", "Auth", Optional[str]], Optional[SentriError]]


@dataclass(frozen=True)
class Requirement:
    """The authentication that a route asks for, in seconds. ``leeway`` is for the signer's clock."""

    acr: Optional[str]
    max_age: Optional[int]
    leeway: int

    def is_met(self, acr: Optional[str], auth_time: Optional[int], now: float) -> bool:
        """Whether an authentication is enough at ``now``, in milliseconds since 1970. This is the rule of the core's
        ``assurance``, which ``tests/vectors/assurance.json`` tests in every language: an unknown value is neither
        strong nor fresh, and a time in the future is not fresh."""
        if self.acr == "aal2" and acr != "aal2":
            return False
        if self.max_age is None:
            return True
        if auth_time is None:
            return False
        age = now - auth_time * 1000
        return -self.leeway * 1000 <= age <= (self.max_age + self.leeway) * 1000


def read_requirement(native: NativeProtectHost, asked: dict[str, Any]) -> tuple[Requirement, str]:
    """Checks the arguments of ``protect()``. Returns them, and their text for the core."""
    read: wire.Requirement = configured(native.requirement(describe(asked)))
    return Requirement(read.get("acr"), read.get("maxAge"), read["leeway"]), json.dumps(read)
