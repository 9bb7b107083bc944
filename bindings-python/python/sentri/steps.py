"""The steps in front of an application's routes, the same for every framework and for either kind of thread."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Optional, Protocol, TypeVar

from .errors import SentriError
from .exchange import Exchange, request_id, seen_by_guard
from .functions import call, call_blocking
from .guarding import Guard, ProtectResult
from .requests import forwarded_for

if TYPE_CHECKING:
    from .blocking import BlockingAuthServer
    from .types import Duration

#: The form in which a framework wants a step: a dependency, a decorator.
Form = TypeVar("Form")


class Step(Protocol):
    """Raises ``SentriError`` unless the request may go on."""

    def blocking(self, exchange: Exchange) -> None: ...
    async def awaited(self, exchange: Exchange) -> None: ...


class Guards(Guard, ABC, Generic[Form]):
    """The steps that an application puts in front of its routes."""

    @abstractmethod
    def _form(self, step: Step) -> Form: ...

    def protect(self, *, acr: Optional[str] = None, max_age: Optional[Duration] = None) -> Form:
        """Lets authenticated requests pass, and gives the application their user. With ``acr`` (``"aal2"`` is a
        password and a second factor) or ``max_age`` (``"10m"``) it lets only those pass whose user authenticated
        strongly and recently enough, and answers others ``STEP_UP_REQUIRED`` (RFC 9470). No look-up."""
        return self._form(Protect(self, acr, max_age))

    def authorize(self, *roles: str) -> Form:
        """Lets users with any of the roles pass; after ``protect()``."""
        return self._form(Authorize(self, roles))

    def permit(self, check: Callable[..., Any], *, roles: Optional[Sequence[str]] = None) -> Form:
        """Lets requests pass that your check admits, and users with one of the roles; after ``protect()``."""
        return self._form(Permit(self, check, roles))


class Protect:
    def __init__(self, guard: Guard, acr: Any = None, max_age: Any = None) -> None:
        self._guard = guard
        self._step_up = None if acr is None and max_age is None else guard.step_up_check(acr, max_age)

    def blocking(self, exchange: Exchange) -> None:
        self._finish(exchange, self._guard.guard_blocking(seen_by_guard(exchange), self._guard.id_of(exchange)))

    async def awaited(self, exchange: Exchange) -> None:
        self._finish(exchange, await self._guard.guard(seen_by_guard(exchange), self._guard.id_of(exchange)))

    def _finish(self, exchange: Exchange, guarded: ProtectResult) -> None:
        if guarded.headers:
            exchange.add(guarded.headers)
        running = exchange.running
        if running is not None:
            running.note(self._guard, guarded, self._step_up is not None)
        user, auth = guarded.admit()
        refusal = self._step_up and self._step_up(user, auth, self._guard.id_of(exchange))
        if refusal:
            raise refusal
        exchange.admit(user, auth)


class Authorize:
    def __init__(self, guard: Guard, roles: Sequence[str]) -> None:
        self._guard = guard
        self._check = guard.role_check(roles)

    def blocking(self, exchange: Exchange) -> None:
        error = self._check(exchange.user, self._guard.id_of(exchange), exchange.auth)
        if error is not None:
            raise error

    async def awaited(self, exchange: Exchange) -> None:
        self.blocking(exchange)


class Permit:
    def __init__(self, guard: Guard, check: Callable[..., Any], roles: Optional[Sequence[str]]) -> None:
        _check_permit(guard, check, roles)
        self._guard = guard
        self._check = check
        self._roles = roles or ()

    def blocking(self, exchange: Exchange) -> None:
        verdict = self._before(exchange)
        self._finish(exchange, verdict or self._word(exchange, call_blocking(self._check, *exchange.arguments)))

    async def awaited(self, exchange: Exchange) -> None:
        verdict = self._before(exchange)
        self._finish(exchange, verdict or self._word(exchange, await call(self._check, *exchange.arguments)))

    def _before(self, exchange: Exchange) -> Optional[str]:
        user = exchange.user
        if user is None:
            return "unauthenticated"
        bypass = next((role for role in self._roles if role in user.roles), None)
        return None if bypass is None else f"bypass:{bypass}"

    def _word(self, exchange: Exchange, verdict: Any) -> str:
        if verdict:
            return "passed"
        withheld = exchange.auth.withheld if exchange.auth else ()
        return "withheld" if any(role in withheld for role in self._roles) else "denied"

    def _finish(self, exchange: Exchange, verdict: str) -> None:
        error = self._guard.permit_verdict(exchange.user, verdict, self._guard.id_of(exchange))
        if error is not None:
            raise error


def _check_permit(guard: Guard, check: Any, roles: Any) -> None:
    """Checks the options when they are given, before the first request."""
    if not callable(check):
        cure = (
            "permit(check) or permit(check, roles=[...])"
            if roles is None
            else "permit(check, roles=[...]), or authorize(...) for roles alone"
        )
        raise SentriError("CONFIGURATION_ERROR", f"permit() needs a function as its check: {cure}")
    if roles is None:
        return
    if isinstance(roles, str) or not isinstance(roles, Sequence) or not roles:
        cure = "leave it out if none bypasses the check"
        raise SentriError("CONFIGURATION_ERROR", f"permit(): roles must be a list of at least one role; {cure}")
    try:
        guard.role_check(roles)
    except SentriError as error:
        # The error about unknown roles names authorize().
        raise SentriError(error.code, re.sub(r"^authorize\(\)", "permit()", error.message)) from None


class Limit:
    def __init__(self, auth: BlockingAuthServer, key: Optional[Callable[..., Any]], options: Mapping[str, Any]) -> None:
        if key is not None and not callable(key):
            raise SentriError("CONFIGURATION_ERROR", "rate_limiter(): key must be a function of the request")
        self._auth = auth
        self._key = key
        # The core must know whether there is a function, which has another counter than the addresses have.
        self._rule = auth.check_limit_rule({**options, "key": key})

    def blocking(self, exchange: Exchange) -> None:
        key = call_blocking(self._key, *exchange.arguments) if self._key else None
        self._finish(exchange, *self._auth.limit(self._rule, key, *self._origin(exchange), request_id(exchange)))

    async def awaited(self, exchange: Exchange) -> None:
        key = await call(self._key, *exchange.arguments) if self._key else None
        auth = self._auth.asynchronous
        self._finish(exchange, *await auth.limit(self._rule, key, *self._origin(exchange), request_id(exchange)))

    def _origin(self, exchange: Exchange) -> tuple[Optional[str], list[str]]:
        return exchange.client_ip, forwarded_for(exchange.headers)

    def _finish(self, exchange: Exchange, headers: list[tuple[str, str]], error: Optional[Exception]) -> None:
        exchange.add(headers)
        if error is not None:
            raise error
