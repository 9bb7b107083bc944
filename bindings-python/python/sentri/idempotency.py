"""Idempotency keys, as far as they are the same in all frameworks: a request with a key runs once, and a client that
repeats it gets the same answer. The core decides which requests are the same and which answers may be kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, Optional, Union

from .constants import MAX_STORED_BODY
from .errors import SentriError, unwrap
from .exchange import Headers
from .functions import call, call_blocking
from .guarding import Guard, ProtectResult, ResponseData, read_response
from .jobs import finish, wait
from .native import Job, NativePassage, make_idempotency
from .options import configured, describe
from .requests import guard_request
from .serving import Serving, printable
from .types import IdempotencyOptions
from .wire import GateRequest, GuardRequest, ReplayData, ReplayDecision

#: Headers that belong to a connection, and the length, which the sender of the answer counts again.
_NOT_KEPT = frozenset(("date", "connection", "keep-alive", "transfer-encoding", "content-length"))


@dataclass
class Running:
    """A request that runs under keys, and the effects of ``protect()`` on it."""

    keys: set[str] = field(default_factory=set)
    #: The user's roles, by the guard that let the user in: only this guard can give the roles again later.
    roles: dict[Guard, list[str]] = field(default_factory=dict)
    #: Whether ``protect()`` required a fresh or strong authentication. If so, the answer is kept for no later request,
    #: since that request may bring no such authentication.
    is_step_up: bool = False
    #: The headers that ``protect()`` added to the answer.
    added: Headers = field(default_factory=list)

    def note(self, guard: Guard, guarded: ProtectResult, is_step_up: bool) -> None:
        self.is_step_up = self.is_step_up or is_step_up
        if guarded.user is not None:
            self.roles[guard] = list(guarded.user.roles)
        self.added.extend(guarded.headers)


@dataclass(frozen=True)
class Keyed:
    """The facts of a request with a key, from the framework."""

    method: str
    #: Names in lower case.
    headers: Headers
    #: Path and query as the client sent them.
    target: str
    #: The client's address as the framework knows it.
    client_ip: Optional[str]
    #: The text that stands for the body (``stand_for``).
    body: bytes
    #: The record of this request, with the keys under which it runs already: a gate behind another gate leaves those
    #: keys to the first.
    running: Running
    #: Makes the object that ``credential`` is called with.
    request: Callable[[], Any]
    #: The host where the framework knows better than the header, since it may trust a proxy.
    host: Optional[str] = None

    def header(self, name: str) -> Optional[str]:
        """A header's value, or its values with commas between. An empty value is not the same as no header."""
        values = [value for known, value in self.headers if known == name]
        return ",".join(values) if values else None


class Execution:
    """A request that runs. Its key is held until the answer is kept or the key is freed, whichever comes first. If
    several processes share answers, the answer goes out only when it is kept. Otherwise a client that has the answer
    and asks another process could be answered that its request still runs. So ``keep`` and ``free`` return a job to
    wait for (``settle``)."""

    def __init__(self, passage: NativePassage, running: Running, guard: Optional[Guard]) -> None:
        self._passage = passage
        self._running = running
        self._guard = guard

    def keep(self, status: int, headers: Headers, body: bytes) -> Optional[Job]:
        """Keeps the answer, if the core allows."""
        if len(body) > MAX_STORED_BODY or self._running.is_step_up:
            return self.free()
        kept = [[name, value] for name, value in headers if name.lower() not in _NOT_KEPT]
        roles = None if self._guard is None else self._running.roles.get(self._guard)
        return self._passage.complete(status, json.dumps(kept), bytes(body), json.dumps(self._running.added), roles)

    def free(self) -> Optional[Job]:
        """Lets the next request with the key run: there is no answer that could be kept."""
        return self._passage.abandon()


#: The gate's decision on a request: it runs under a key, it is answered, or (None) it passes freely.
Verdict = Union[Execution, ResponseData, None]


async def settle(job: Optional[Job]) -> None:
    """Waits for the work before an answer goes out. The work goes on even if nobody waits for it."""
    if job is not None:
        await finish(job)


def settle_blocking(job: Optional[Job]) -> None:
    """The same for a thread that may block."""
    if job is not None:
        wait(job)


class Watched:
    """Watches an answer that is sent in pieces. An answer in one piece is kept before the client has its last byte,
    even if the client has gone. An answer in several pieces is a stream, which passes through and frees its key when
    it ends."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._status = 0
        self._headers: Headers = []
        self._piece = b""
        self._count = 0
        self._is_over = False
        #: The length that its headers state.
        self.length: Optional[int] = None

    def begin(self, status: int, headers: Headers) -> None:
        self._status, self._headers = status, headers
        stated = next((value for name, value in headers if name.lower() == "content-length"), "")
        self.length = int(stated) if stated.isascii() and stated.isdigit() else None

    def add(self, piece: bytes, is_last: bool) -> Optional[Job]:
        """Notes a piece. Returns the job to wait for before the piece goes out, if any."""
        if piece:
            self._count += 1
            self._piece = piece
        is_whole = self._count <= 1 and (is_last or self.length == len(piece) > 0)
        if self._is_over or not (is_whole or is_last):
            return None
        self._is_over = True
        return self._execution.keep(self._status, self._headers, self._piece) if is_whole else self._execution.free()

    def pass_over(self) -> None:
        """Notes that at least a part of the answer is sent without ``add``."""
        self._count = 2


class Pending(NamedTuple):
    """Work that an event loop awaits and a thread blocks for."""

    awaited: Callable[[], Awaitable[Any]]
    blocking: Callable[[], Any]


def _of(job: Job) -> Pending:
    return Pending(lambda: finish(job), lambda: wait(job))


class Gate:
    """The gate in front of an application.

    :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option.
    """

    def __init__(self, options: Mapping[str, Any], server: Optional[Serving] = None) -> None:
        """With a ``server``, its Redis and issuer are used unless the options name others, and answers end with the
        session they were given to."""
        unknown = next((name for name in options if name not in IdempotencyOptions.__annotations__), None)
        if unknown is not None:
            raise SentriError("CONFIGURATION_ERROR", f"{unknown} is not an option of the idempotency middleware")
        own = {name: value for name, value in options.items() if value is not None}
        shared = server.shared_with() if server else {}
        chosen = {name: value for name, value in {**shared, **own}.items() if value is not None}
        for name in ("ttl", "redis_patience"):
            if isinstance(length := chosen.get(name), timedelta):
                chosen[name] = length / timedelta(milliseconds=1)
        self._native = make_idempotency(describe(chosen))
        #: The header with the key, in lower case.
        self.header: str = configured(self._native.configuration()).lower()
        self._credential: Optional[Callable[[Any], Any]] = own.get("credential")
        self._server = server
        self._tell = server.tell_of_redis if server else logging.getLogger("sentri").warning

    async def judge(self, keyed: Keyed) -> Verdict:
        """Decides on a request. Awaits nothing if answers are in the memory of this process and no function has to be
        called."""
        steps = self._steps(keyed)
        found: Any = None
        try:
            while True:
                found = await steps.send(found).awaited()
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            # A task that is cancelled lets go of the key at once.
            steps.close()

    def judge_blocking(self, keyed: Keyed) -> Verdict:
        """``judge`` for a thread that may block."""
        steps = self._steps(keyed)
        found: Any = None
        try:
            while True:
                found = steps.send(found).blocking()
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            steps.close()

    def _steps(self, keyed: Keyed) -> Generator[Pending, Any, Verdict]:
        """Yields each piece of work to wait for, and is sent its result."""
        value = keyed.header(self.header)
        if value in keyed.running.keys:
            return None
        named = None
        if self._credential is not None:
            function, argument = self._credential, keyed.request()
            named = yield Pending(lambda: call(function, argument), lambda: call_blocking(function, argument))
            # Any other value could be the same text for every caller.
            if not isinstance(named, (str, type(None))):
                raise SentriError("CONFIGURATION_ERROR", "credential must return a text or None")
        guarded = guard_request(keyed.method, keyed.headers)
        identity = yield from self._identify(guarded)
        request: GateRequest = {
            "method": keyed.method,
            "host": keyed.host if keyed.host is not None else guarded.get("host"),
            "pathAndQuery": keyed.target,
            "headerValue": value,
            "identity": identity or None,
            "authorization": guarded.get("authorization"),
            "cookie": guarded.get("cookie"),
            "apiKey": keyed.header("x-api-key"),
            "named": None if named is None else printable(named),
            "address": self._server.address_of(keyed.client_ip, keyed.headers) if self._server else keyed.client_ip,
            "contentType": keyed.header("content-type"),
        }
        passage = self._native.pass_now(json.dumps(request), keyed.body)
        kind = passage.kind()
        if kind == "undecided":
            kind = unwrap((yield _of(passage.decide())))
            for what in self._native.take_news():
                self._tell(what)
        if kind == "execute":
            keyed.running.keys.add(value or "")
            return Execution(passage, keyed.running, self._server)
        if kind == "refused":
            return read_response(json.loads(passage.response()))
        if kind == "replay":
            return (yield from self._replay(passage, guarded, identity))
        return None

    def _identify(self, guarded: GuardRequest) -> Generator[Pending, Any, str]:
        """Returns the id of the user whom the tokens of a request name, or an empty text. Checks only signatures."""
        if self._server is None:
            return ""
        identity = self._server.identify_now(guarded)
        if identity is None:
            identity = unwrap((yield _of(self._server.identify(guarded))))
        return str(identity)

    def _replay(self, passage: NativePassage, guarded: GuardRequest, identity: str) -> Generator[Pending, Any, Verdict]:
        """Decides on a request whose answer is stored. The core decides by the user whom ``protect()`` lets in."""
        server, roles = self._server, None
        asked = server is not None and server.guards_replay(guarded, identity)
        if server is not None and asked:
            found = yield Pending(lambda: server.guard(guarded), lambda: server.guard_blocking(guarded))
            roles = None if found.user is None else list(found.user.roles)
        decision: ReplayDecision = json.loads(passage.replay_to(asked, roles))
        if "refusal" in decision:
            return read_response(decision["refusal"])
        if decision["replay"] != "answer":
            return None
        stored: ReplayData = json.loads(passage.response())
        headers = [(name, value) for name, value in stored["headers"]]
        return ResponseData(stored["status"], headers, passage.body())


def stand_for(start: bytes, length: str) -> bytes:
    """Describes a body by its bytes, or a long body by its first bytes and the length that its sender declares."""
    return start if len(start) <= MAX_STORED_BODY else b"%b %b" % (start[:MAX_STORED_BODY], length.encode("latin-1"))
