"""The part that the asynchronous and the blocking form of server mode share."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional, Union

from . import native
from .cache import Generations
from .calls import Call
from .constants import EPOCH_AGE_MS, REMEMBERED_TOKENS
from .dispatch import Dispatcher
from .errors import SentriError, from_data, unwrap
from .functions import Hooks, HostFunctions, report
from .guarding import Guard, ResponseData, read_response
from .names import to_snake
from .native import Job, NativeServer
from .options import configured, describe, limit_key, prepare, spelt
from .outbox import Outbox
from .requests import forwarded_for
from .tables import SENTRI_ROUTES
from .testing import Mailbox
from .types import Access
from .wire import EndpointRequest, EndpointResult, GuardRequest, HookCall, LimitResult


class Serving(Guard):
    """Everything of server mode that does not wait."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        text, clock, logger = prepare("server", options)
        dispatcher = Dispatcher(logger)
        failed = report(dispatcher, lambda *words: self._native.hook_failed(*words))
        functions = HostFunctions(
            options.get("router"),
            options.get("is_token_revoked"),
            lambda *step: self._native.run_builtin(*step),
            failed,
        )
        self._native: NativeServer = native.make_server(text, functions.names, clock.now() if clock else None)
        self._hooks = Hooks(options.get("hooks"), failed)
        event_of = lambda *words: self._native.message_event(*words)  # noqa: E731
        self._outbox = Outbox(options.get("messages"), event_of, dispatcher.log)
        self._verified: Generations[tuple[Access, int, int]] = Generations(REMEMBERED_TOKENS)
        self._stands_still = clock is not None
        #: The time at which the epoch was asked for, and the epoch. Both are one value, since threads share it.
        self._asked: tuple[float, int] = (0, 0)
        url, issuer = options.get("redis_url"), options.get("issuer")
        # This is a function, so that a password in the address does not show with the object's members.
        self.shared_with: Callable[[], dict[str, Any]] = lambda: {"redis_url": url, "key_prefix": issuer}
        super().__init__(self._native, functions, dispatcher, clock)

    def has_route(self, method: str, path: str) -> bool:
        """Whether an endpoint serves this; ``path`` is raw and below the mount point."""
        return self._native.has_route(method, path)

    @property
    def routes(self) -> list[tuple[str, str, str]]:
        """The endpoints that the options make: method, path below the mount point, who may call it."""
        return [route for route in SENTRI_ROUTES if self.has_route(route[0], route[1])]

    def _handle(self, request: EndpointRequest, raw: Optional[bytes]) -> Job:
        return self._native.handle(json.dumps(request), raw)

    @property
    def mailbox(self) -> Optional[Mailbox]:
        """The mailbox of ``sentri.testing`` that takes the messages, if ``messages`` is a mailbox."""
        return self._outbox.mailbox

    def _post(self, messages: list[Any]) -> None:
        """Sends messages after the answer."""
        raise NotImplementedError

    def _handled(self, text: str) -> tuple[ResponseData, list[HookCall], list[Any]]:
        handled: EndpointResult = json.loads(text)
        if "response" not in handled:
            unwrap(text)
        self._dispatcher.log(handled["events"])
        return read_response(handled["response"]), handled["notices"], handled.get("messages", [])

    def _call(self, method: Call, *args: Any) -> Job:
        return self._native.call(method, describe(args))

    def _outcome(self, text: str) -> Any:
        # Events are taken even without a logger. Otherwise they would go with the next request, whose result could then
        # not be cached.
        self._dispatcher.log(unwrap(self._native.take_events()))
        if self._outbox.is_on:
            self._post(unwrap(self._native.messages()))
        return to_snake(unwrap(text))

    def _tell_of_wait(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """Warns of the wait for the database, if no logger reports it. Returns the options of the next call."""
        if not self._dispatcher.listening:
            warnings.warn(step["waiting"], stacklevel=4)
        again: Mapping[str, Any] = step["again"]
        return {"wait": again["wait"], "goes_on": True}

    def client_address(self, peer: Optional[str], forwarded_for: Union[str, Sequence[str]] = ()) -> Optional[str]:
        """Returns the client's address in its canonical spelling: the peer's, or an address in ``forwarded_for``, the
        value of ``X-Forwarded-For`` or its values in the order received, as far as ``trust_proxy`` trusts the proxies.
        None if the peer has no address."""
        forwarded = [forwarded_for] if isinstance(forwarded_for, str) else [str(value) for value in forwarded_for]
        address: Optional[str] = unwrap(self._native.client_address(peer or "", forwarded))
        return address

    def address_of(self, peer: Optional[str], headers: Sequence[tuple[str, str]]) -> Optional[str]:
        """``client_address`` of a request with these headers, names in lower case."""
        return self.client_address(peer, forwarded_for(headers))

    def identify_now(self, request: GuardRequest) -> Optional[str]:
        """Returns the id of the user whom the tokens of a request name, or an empty text. Checks only signatures. If
        it returns None, call ``identify``.
        """
        return self._native.identify_now(json.dumps(request))

    def identify(self, request: GuardRequest) -> Job:
        """``identify_now`` with I/O."""
        return self._native.identify(json.dumps(request))

    def guards_replay(self, request: GuardRequest, identity: str) -> bool:
        """Whether ``protect()`` has to be asked before a request of ``identity`` gets a stored answer."""
        return self._native.guards_replay(identity, request.get("authorization"), request.get("cookie"))

    def tell_of_redis(self, what: str) -> None:
        """Logs that Redis went away from an idempotency gate of this server, or came back."""
        self._dispatcher.log(unwrap(self._native.hook_failed("redis", what, None)))

    def check_limit_rule(self, rule: Mapping[str, Any]) -> str:
        """Checks the options of a new rate limiter. Returns them in the form that ``limit`` takes."""
        text = describe(rule)
        configured(self._native.check_limit_rule(text))
        return text

    def _limit(
        self, rule: str, key: Any, peer: Optional[str], forwarded: Sequence[str], request_id: Optional[str]
    ) -> Job:
        return self._native.limit(rule, limit_key(key), peer or "", list(forwarded), request_id)

    def _limited(self, text: str) -> tuple[list[tuple[str, str]], Optional[SentriError]]:
        limited: LimitResult = json.loads(text)
        if "events" not in limited:
            unwrap(text)
        self._dispatcher.log(limited["events"])
        headers = [(name, value) for name, value in limited["headers"]]
        error = from_data(limited["error"]) if limited["error"] else None
        if error is not None and error.code == "CONFIGURATION_ERROR":
            error = SentriError(error.code, spelt(error.message))
        return headers, error

    def sign_access_token(self, id: str, roles: Sequence[str] = (), session_id: Optional[str] = None) -> str:
        """Signs an access token; call after ``ready()``, which looks for a newer key, too."""
        if not isinstance(roles, str):
            roles = tuple(roles)
        flat = None if isinstance(roles, str) or session_id == "" else _flat((id, session_id or "", *roles))
        if flat is not None:
            text: str = native.sign_access_token(self._number, to_utf8(flat))
        else:
            claims = {"id": id, "roles": roles, "session_id": session_id}
            text = self._native.sign_access_token(describe(claims))
        return text if text[0] != "{" else str(unwrap(text))

    def sign_refresh_token(self, session_id: str) -> str:
        """Signs a refresh token of generation 0 for a session; call after ``ready()``, as ``sign_access_token()``."""
        signed: str = unwrap(self._native.sign_refresh_token(str(session_id)))
        return signed

    def verify_access_token(self, token: str) -> Access:
        """Verifies signature, claims and expiry of an access token. Does not check whether its session has ended.

        :raises SentriError: ``TOKEN_INVALID``, ``TOKEN_EXPIRED``; ``SERVICE_UNAVAILABLE`` before ``ready()``.
        """
        known = self._verified.get(token)
        now = self._now()
        if known is not None and now < known[1] and known[2] == self._epoch_at(now):
            return known[0]
        # The epoch is read first, so that the result counts as stale if a key is withdrawn meanwhile.
        epoch = native.epoch(self._number)
        access, exp = read_access(native.verify_access_token(self._number, to_utf8(token)))
        self._verified.set(token, (access, exp * 1000, epoch))
        return access

    def _epoch_at(self, now: float) -> int:
        """Returns the core's epoch, which is read at most every 100 ms, since reading it takes longer than a look-up,
        and the core itself notices withdrawn keys only after seconds. A test clock may stand still, so with it the
        epoch is read each time."""
        asked_at, epoch = self._asked
        if self._stands_still or not asked_at <= now < asked_at + EPOCH_AGE_MS:
            epoch = native.epoch(self._number)
            self._asked = (now, epoch)
        return epoch

    def verify_refresh_token(self, token: str) -> str:
        """Verifies a refresh token and returns its session's id. Does not check whether the session has ended."""
        session_id: str = unwrap(self._native.verify_refresh_token(printable(token)))
        return session_id


def _flat(parts: Sequence[Any]) -> Optional[str]:
    """Joins texts to one text, which is the fastest form to pass to the core. None if a part is no text or holds the
    separator."""
    try:
        flat = "\x1f".join(parts)
    except TypeError:
        return None
    return flat if flat.count("\x1f") == len(parts) - 1 else None


def to_utf8(token: str) -> bytes:
    """Returns a value as UTF-8 bytes. Invalid Unicode is kept in a form that is no valid token."""
    return str(token).encode("utf-8", "surrogatepass")


def printable(text: str) -> str:
    """Returns a text that can be passed to the core. Invalid Unicode is replaced, which leaves no valid token."""
    return str(text).encode("utf-8", "replace").decode()


def read_access(text: str) -> tuple[Access, int]:
    """Reads a verified token and its ``exp`` in seconds: packed text, or JSON."""
    if text[0] == "{":
        verified = unwrap(text)
        return Access(verified["id"], tuple(verified["roles"]), verified["sessionId"]), verified["exp"]
    exp, id, session_id, *roles = text.split("\x1f")
    return Access(id, tuple(roles), session_id or None), int(exp)
