"""The guards of an application's routes, for both modes."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Protocol

from . import wire
from .assurance import StepUpCheck, read_requirement
from .cache import Generations
from .constants import REMEMBERED_DECISIONS, REMEMBERED_TOKENS
from .dispatch import Dispatcher, Events
from .errors import SentriError, from_data, to_data, unwrap
from .exchange import Exchange, request_id
from .functions import HostFunctions
from .jobs import finish, wait
from .native import NativeProtectHost, epoch
from .options import configured, spelt
from .testing import Clock
from .types import Auth, Metric, User
from .wire import ErrorData

#: The names that the forms for frameworks add, and their modules.
_OF_FRAMEWORKS = {
    **dict.fromkeys(
        ("protect", "authorize", "permit", "rate_limiter", "idempotency_middleware"),
        "sentri.fastapi, sentri.flask or sentri.django",
    ),
    **dict.fromkeys(("attach", "error_handler"), "sentri.fastapi or sentri.flask"),
    **dict.fromkeys(("install", "router", "app"), "sentri.fastapi"),
    **dict.fromkeys(("init_app", "blueprint"), "sentri.flask"),
    **dict.fromkeys(("urls", "async_urls", "middleware"), "sentri.django"),
}


class RoleCheck(Protocol):
    """Checks that a user has one of the roles that the check was made for. Returns the error to answer with, or None.
    ``auth`` names the roles that wait for a second factor."""

    def __call__(
        self, user: Optional[User], request_id: Optional[str], auth: Optional[Auth] = None
    ) -> Optional[SentriError]: ...


@dataclass(frozen=True)
class ProtectResult:
    """The result of ``protect()``: ``user`` and ``auth``, or ``error``. ``headers`` belong on any response."""

    user: Optional[User]
    auth: Optional[Auth]
    error: Optional[ErrorData]
    headers: list[tuple[str, str]]
    events: Events
    #: The time (ms since 1970) until which this result holds for the same bearer token under the same epoch; 0: never.
    fresh_until: int
    epoch: int
    #: The time at which the result was made. If the clock steps back before this time, the result is not used again.
    since: float = 0
    #: The whole response to a request that ends here, a CORS preflight.
    answer: Optional[ResponseData] = None

    def admit(self) -> tuple[User, Auth]:
        """The user, or the exception that ends the request."""
        if self.answer is not None:
            raise Answered(self.answer)
        if self.user is None or self.auth is None:
            raise from_data(self.error) if self.error else SentriError("UNAUTHORIZED")
        return self.user, self.auth


@dataclass(frozen=True)
class ResponseData:
    """A response to be written as it is."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Answered(SentriError):
    """Raised if ``protect()`` has answered a request itself, so that the request ends here. Code that does not know
    this class takes it for a refusal."""

    def __init__(self, answer: ResponseData) -> None:
        super().__init__("UNAUTHORIZED", "Access token is missing")
        self.answer = answer


def read_response(data: wire.ResponseData) -> ResponseData:
    """Reads a response of the core."""
    return ResponseData(data["status"], [(name, value) for name, value in data["headers"]], data["body"].encode())


class Guard:
    """All that an adapter needs to guard routes. A request here has the members that ``protect()`` reads: ``method``,
    and if they were sent ``authorization``, ``cookie``, ``origin``, ``secFetchSite``, ``host``, ``upgrade``,
    ``accessControlRequestMethod`` and ``accessControlRequestHeaders``."""

    def __init__(
        self, native: NativeProtectHost, functions: HostFunctions, dispatcher: Dispatcher, clock: Optional[Clock]
    ) -> None:
        for warning in configured(native.configuration()) or ():
            warnings.warn(spelt(warning), stacklevel=4)
        self._protect_host = native
        self._functions = functions
        self._dispatcher = dispatcher
        self._number = native.number()
        self._now: Callable[[], float] = clock.now if clock else lambda: time.time() * 1000
        self._guards: Generations[ProtectResult] = Generations(REMEMBERED_TOKENS)
        #: The numbers of requests and decisions that were answered from a cache here, so the core did not count them.
        self._remembered = {"auth.protect.success": 0, "auth.authorize.passed": 0, "auth.authorize.denied": 0}
        if clock:
            clock.on_change(native.set_clock)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            where = _OF_FRAMEWORKS.get(name)
            cure = f": import {type(self).__name__.replace('Blocking', '')} from {where}" if where else ""
            raise AttributeError(f"{type(self).__name__!r} of {type(self).__module__} has no {name!r}{cure}")

    @property
    def logging(self) -> bool:
        """Whether there is a logger. Only then the id of a request is needed."""
        return self._dispatcher.listening

    def id_of(self, exchange: Exchange) -> Optional[str]:
        """A request's id, if there is a logger."""
        return request_id(exchange) if self.logging else None

    def guard_now(self, request: wire.GuardRequest, request_id: Optional[str] = None) -> Optional[ProtectResult]:
        """Runs ``protect()`` from memory, and logs its events. If it returns None, call ``guard``."""
        key = request.get("authorization")
        known = None if key is None else self._guards.get(key)
        # A request in the form of a preflight is answered as a preflight, with any credentials.
        if key is not None and known is not None and request["method"] != "OPTIONS":
            if known.since <= self._now() < known.fresh_until and known.epoch == epoch(self._number):
                self._remembered["auth.protect.success"] += 1
                self._dispatcher.log_again(known.events, request_id)
                return known
            self._guards.delete(key)
        text = self._protect_host.guard_now(json.dumps(request), request_id)
        return None if text is None else self._guarded(key, text)

    async def guard(self, request: wire.GuardRequest, request_id: Optional[str] = None) -> ProtectResult:
        """Runs ``protect()``, with I/O if needed."""
        guarded = self.guard_now(request, request_id)
        if guarded is None:
            job = self._protect_host.guard(json.dumps(request), request_id)
            guarded = self._guarded(request.get("authorization"), await finish(job, self._functions))
        return guarded

    def guard_blocking(self, request: wire.GuardRequest, request_id: Optional[str] = None) -> ProtectResult:
        """``guard`` for a thread that may block."""
        guarded = self.guard_now(request, request_id)
        if guarded is None:
            job = self._protect_host.guard(json.dumps(request), request_id)
            guarded = self._guarded(request.get("authorization"), wait(job, self._functions))
        return guarded

    def _guarded(self, key: Optional[str], text: str) -> ProtectResult:
        data: wire.ProtectData = json.loads(text)
        if "events" not in data:
            unwrap(text)
        self._dispatcher.log(data["events"])
        principal = data.get("principal")
        user = principal and User(principal["id"], tuple(principal["roles"]))
        auth = principal and _auth(principal)
        headers = [(name, value) for name, value in data["headers"]]
        answer = read_response(data["answer"]) if "answer" in data else None
        guarded = ProtectResult(
            user,
            auth,
            data.get("error"),
            headers,
            data["events"],
            data["freshUntil"],
            data["epoch"],
            self._now(),
            answer,
        )
        if key is not None and user is not None and guarded.fresh_until > 0:
            self._guards.set(key, guarded)
        return guarded

    def step_up_check(self, acr: Any, max_age: Any) -> StepUpCheck:
        """``protect(acr=, max_age=)``: checks the requirement at once, and users against it later."""
        need, text = read_requirement(self._protect_host, {"acr": acr, "max_age": max_age})

        def check(user: User, auth: Auth, request_id: Optional[str]) -> Optional[SentriError]:
            # This runs at every request, even for a token that is cached as verified: an authentication ages.
            if need.is_met(auth.acr, auth.auth_time, self._now()):
                return None
            decision = self._decide(self._protect_host.step_up(user.id, text, request_id))
            return from_data(decision["error"]) if decision["error"] else SentriError("STEP_UP_REQUIRED")

        return check

    def role_check(self, roles: Sequence[str]) -> RoleCheck:
        """``authorize()``: checks the roles at once, and users against them later."""
        required = [str(role) for role in roles]
        configured(self._protect_host.check_roles(required))
        decisions: Generations[wire.Decision] = Generations(REMEMBERED_DECISIONS)

        def check(
            user: Optional[User], request_id: Optional[str], auth: Optional[Auth] = None
        ) -> Optional[SentriError]:
            key = user.roles if user else ()
            withheld = auth.withheld if auth else ()
            # With a logger the event of a decision names the user, so decisions are cached only without a logger.
            # Withheld roles have an event of their own.
            remembered = user is not None and not withheld and not self._dispatcher.listening
            decision = decisions.get(key) if remembered else None
            if decision is None:
                named = self._protect_host.authorize(*_named(user), list(withheld), required, request_id)
                decision = self._decide(named)
                if remembered:
                    decisions.set(key, decision)
            else:
                self._remembered["auth.authorize.denied" if decision["error"] else "auth.authorize.passed"] += 1
            return from_data(decision["error"]) if decision["error"] else None

        return check

    def permit_verdict(self, user: Optional[User], verdict: str, request_id: Optional[str]) -> Optional[SentriError]:
        """Returns the error for the verdict of a ``permit()`` check, if any, and logs the verdict: ``passed``,
        ``denied``, ``withheld``, ``unauthenticated``, or ``bypass:`` and a role.
        """
        decision = self._decide(self._protect_host.permit(*_named(user), verdict, request_id))
        return from_data(decision["error"]) if decision["error"] else None

    def _decide(self, text: str) -> wire.Decision:
        decision: wire.Decision = unwrap(text)
        self._dispatcher.log(decision["events"])
        return decision

    def _counted(self, form: str) -> str:
        text: str = unwrap(self._protect_host.metrics(json.dumps(self._remembered), form))
        return text

    def metrics(self) -> list[Metric]:
        """Lists the counts since this object was made, and the gauges of now. No I/O. The table of metrics is in
        ``docs/reference/metrics.md``; for Prometheus see :mod:`sentri.prometheus`."""
        metrics: list[Metric] = json.loads(self._counted("json"))
        return metrics

    def metrics_text(self) -> str:
        """Returns the same metrics in the text format of Prometheus (exposition format 0.0.4)."""
        return self._counted("prometheus")

    def error_response(self, error: BaseException) -> ResponseData:
        """The response for an exception."""
        if isinstance(error, Answered):
            return error.answer
        return read_response(unwrap(self._protect_host.error_response(json.dumps(to_data(error), default=str))))

    def get_current_access_token(self, headers: Mapping[str, str]) -> Optional[str]:
        """Returns the access token that a request brings in ``Authorization``, or else in the access cookie, or None.
        The token is not verified. Names of headers may be in any case."""
        found = {name.lower(): value for name, value in headers.items() if name.lower() in ("authorization", "cookie")}
        token: Optional[str] = unwrap(
            self._protect_host.access_token_of(found.get("authorization"), found.get("cookie"))
        )
        return token


def _auth(principal: wire.Principal) -> Auth:
    amr, withheld = tuple(principal.get("amr") or ()), tuple(principal.get("withheld") or ())
    acr, auth_time = principal.get("acr"), principal.get("authTime")
    return Auth(principal["sessionId"], principal["token"], acr, amr, auth_time, withheld)


def _named(user: Optional[User]) -> tuple[Optional[str], list[str]]:
    return (user.id, list(user.roles)) if user else (None, [])
