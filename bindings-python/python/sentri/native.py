"""Written by `make generate` from the tables of the core. Do not edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Protocol, cast

from .library import module as _module


class Step(Protocol):
    """The news of a job."""

    #: See the method that started the job. ``{"error", "cause"}`` if it panicked.
    result: str
    #: Comes back with the answer.
    number: int
    #: Name of an overridden operation, or ``isTokenRevoked``.
    function: str
    #: JSON text.
    input: str
    #: JSON text; empty for ``isTokenRevoked``.
    context: str

    def is_DONE(self) -> bool: ...

    def is_ASK(self) -> bool: ...


class NativeIdempotency(Protocol):
    """One middleware's rules and memory, or the reason why the options make none
    (``NativeIdempotency::configuration``)."""

    def configuration(self) -> str:
        """``{"value": header}`` or ``{"error"}``."""
        ...

    def take_news(self) -> list[str]:
        """The news of Redis since the last call."""
        ...

    def pass_now(self, request: str, body: bytes) -> NativePassage:
        """Judges a request (``wire::read_incoming``) without waiting, where answers are in memory alone; where the
        passage is ``undecided``, call ``NativePassage::decide``."""
        ...


class NativePassage(Protocol):
    """A request at the gate. One that executes is to be completed or abandoned, once; one whose host lets go of it
    without either, because its task was cancelled for instance, is abandoned."""

    def decide(self) -> Job:
        """Judges a request that is undecided: ``{"value": kind}``."""
        ...

    def kind(self) -> str:
        """``free``, ``execute``, ``replay``, ``refused`` or ``undecided``."""
        ...

    def response(self) -> str:
        """The response to answer with, ``{status, headers}`` and, for a refusal, ``body``."""
        ...

    def body(self) -> bytes:
        """The body to replay."""
        ...

    def complete(self, status: int, headers: str, body: bytes, added: str, roles: Optional[list[str]]) -> Optional[Job]:
        """Keeps the answer of a request that executed, if it may be kept; nothing: that is done. ``headers`` is
        ``[[name, value]]``, ``added`` those that ``protect()`` added, ``roles`` those of the user whom it let
        in."""
        ...

    def replay_to(self, asked: bool, roles: Optional[list[str]]) -> str:
        """Decides whether a caller gets the stored answer: ``{replay, refusal?}``. ``asked`` says whether
        ``protect()`` was asked, and ``roles`` are those of the user whom it lets in, if it does."""
        ...

    def abandon(self) -> Optional[Job]:
        """Lets the next request with the key run; nothing: that is done."""
        ...


class Job(Protocol):
    """Work that goes on by itself. Take steps, awaited or blocking, until it is done. Who stops asking gets no
    result, but the work is finished."""

    async def next(self) -> Step:
        """The next step, awaited: only a channel is polled on the host's event loop."""
        ...

    def wait(self, milliseconds: int) -> Optional[Step]:
        """The next step, or nothing within so many milliseconds: a host that must look at its signals asks
        again."""
        ...

    def answer(self, number: int, outcome: str) -> None:
        """Answers a question with ``{"value"}`` or ``{"error"}``. An answer to an abandoned question is dropped."""
        ...


class NativeTokens(Protocol):
    """Keys with the rules that their tokens must meet, or the reason why the options make none."""

    def configuration(self) -> str:
        """``{"error"}`` when the options are wrong, else ``{"value": [warnings]}``."""
        ...

    def sign_access(self, claims: str, now: Optional[int]) -> str:
        """Signs an access token for ``{id, roles, sessionId?}``."""
        ...

    def verify_access(self, token: str, now: Optional[int]) -> str:
        """Verifies an access token: ``{id, roles, sessionId, exp}``."""
        ...

    def verify_refresh(self, token: str, now: Optional[int]) -> str:
        """Verifies a refresh token: ``{sessionId, gen, iat, exp}``."""
        ...

    def jwks(self) -> str:
        """The public key set."""
        ...


class NativePasswords(Protocol):
    """The password service by itself, or the reason why the options make none."""

    def hash(self, password: str) -> Job:
        """Hashes a password."""
        ...

    def verify(self, password: str, hash: str) -> Job:
        """Whether a password belongs to a hash."""
        ...

    def needs_rehash(self, hash: str) -> str:
        """Whether a hash is weaker than the options would make it now: ``{"value": true or false}``."""
        ...


class NativeProtectHost(Protocol):
    """The part that servers and clients share: all that guards an application's routes."""

    def configuration(self) -> str:
        """``{"error"}`` when the options are wrong, else ``{"value": [warnings]}``."""
        ...

    def set_clock(self, now: int) -> None:
        """Moves the test clock, in milliseconds since 1970."""
        ...

    def number(self) -> int:
        """The number under which ``epoch`` and Python's ``verify_access_token`` know it."""
        ...

    def guard_now(self, request: str, request_id: Optional[str]) -> Optional[str]:
        """``protect()`` without waiting: ``{principal | error, answer?, headers, events, freshUntil, epoch}``, or
        nothing: call ``guard``."""
        ...

    def guard(self, request: str, request_id: Optional[str]) -> Job:
        """``protect()``."""
        ...

    def check_roles(self, required: list[str]) -> str:
        """Checks the roles given to ``authorize()``."""
        ...

    def authorize(self, id: Optional[str], roles: list[str], withheld: list[str], required: list[str], request_id: Optional[str]) -> str:
        """``authorize()``: ``{"value": {error?, events}}``."""
        ...

    def requirement(self, asked: str) -> str:
        """Reads the requirement of ``protect(acr=, max_age=)``: ``{"value": {acr?, maxAge?, leeway}}`` or
        ``{"error"}``."""
        ...

    def step_up(self, id: str, need: str, request_id: Optional[str]) -> str:
        """Words the refusal for a requirement: ``{"value": {error, events}}``."""
        ...

    def permit(self, id: Optional[str], roles: list[str], verdict: str, request_id: Optional[str]) -> str:
        """``permit()``: ``{"value": {error?, events}}``. ``verdict`` is ``passed``, ``denied``, ``withheld``,
        ``unauthenticated``, or ``bypass:`` and a role."""
        ...

    def error_response(self, error: str) -> str:
        """The response for an error: ``{"value": {status, headers, body}}``."""
        ...

    def metrics(self, remembered: str, format: str) -> str:
        """The present numbers: ``{"value": text}``, which is JSON, or with ``prometheus`` the text format of
        Prometheus. ``remembered`` is ``{name of an event: count}``."""
        ...

    def access_token_of(self, authorization: Optional[str], cookie: Optional[str]) -> str:
        """The access token that a request brings, unverified: ``{"value": text or null}``."""
        ...


class NativeClient(NativeProtectHost, Protocol):
    """A client of an auth server, or the reason why the options make none (``NativeClient::configuration``)."""

    def verify_access_token(self, token: str) -> Job:
        """Verifies an access token: ``{id, roles, sessionId, exp}``; the host is not asked about its session."""
        ...

    def verify_access_token_now(self, token: str) -> Optional[str]:
        """The same without waiting, or nothing: call ``verify_access_token``."""
        ...


class NativeServer(NativeProtectHost, Protocol):
    """An auth server, or the reason why the options make none (``NativeServer::configuration``)."""

    def has_route(self, method: str, path: str) -> bool:
        """Whether an endpoint serves this."""
        ...

    def handle(self, request: str, raw: Optional[bytes]) -> Job:
        """Serves a request (``wire::read_request``): ``{response, events, notices}``."""
        ...

    def call(self, method: str, arguments: str) -> Job:
        """A programmatic call by name; arguments as a JSON array. ``{"value"}`` or ``{"error"}``."""
        ...

    def take_events(self) -> str:
        """The events that calls and background work have left for the log: ``{"value": [{level, entry}]}``."""
        ...

    def run_builtin(self, operation: str, input: str, context: str) -> Job:
        """Runs the built-in for the ``next`` of an override: ``{"value"}`` or ``{"error"}``."""
        ...

    def hook_failed(self, hook: str, cause: str, request_id: Optional[str]) -> str:
        """The log entry of a hook that threw: ``{"value": [{level, entry}]}``."""
        ...

    def messages(self) -> str:
        """The messages that calls left, for the host to send: ``{"value": [..]}``."""
        ...

    def message_event(self, kind: str, channel: str, cause: Optional[str], request_id: Optional[str]) -> str:
        """The log entry of a message that was sent, or with a cause of a message that could not be sent:
        ``{"value": [..]}``."""
        ...

    def sign_access_token(self, claims: str) -> str:
        """Signs an access token for ``{id, roles, sessionId?}``."""
        ...

    def sign_refresh_token(self, session_id: str) -> str:
        """Signs a refresh token for a session."""
        ...

    def verify_access_token(self, token: str) -> str:
        """Verifies an access token: ``{id, roles, sessionId, exp}``. Python has a faster one of its own
        (``verify``)."""
        ...

    def verify_refresh_token(self, token: str) -> str:
        """Verifies a refresh token: the session's id."""
        ...

    def client_address(self, peer: str, forwarded: list[str]) -> str:
        """The client's address: the peer's, or the forwarded one where ``trustProxy`` says so: ``{"value": text or
        null}``."""
        ...

    def identify_now(self, request: str) -> Optional[str]:
        """The user named by a request's tokens, or the empty text; nothing: call ``identify``."""
        ...

    def identify(self, request: str) -> Job:
        """The user named by a request's tokens, or the empty text: ``{"value": text}``."""
        ...

    def guards_replay(self, identity: str, authorization: Optional[str], cookie: Optional[str]) -> bool:
        """Whether ``protect()`` has to be asked before a request gets a stored answer. ``identity`` is the user
        named by its tokens, or an empty text."""
        ...

    def check_limit_rule(self, rule: str) -> str:
        """Checks the options of a new rate limiter."""
        ...

    def limit(self, rule: str, key: str, peer: str, forwarded: list[str], request_id: Optional[str]) -> Job:
        """Counts one hit, by ``key`` (JSON) or the client's address: ``{headers, error?, events}``."""
        ...


def make_client(options: str, functions: list[str], test_clock: Optional[int]) -> NativeClient:
    """Checks the options and builds a client; no I/O. ``functions`` may name ``isTokenRevoked``. With
    ``test_clock`` time stays there until it is set."""
    return cast(NativeClient, _module.NativeClient(options, functions, test_clock))


def make_idempotency(options: str) -> NativeIdempotency:
    """Checks the options of the middleware; no I/O."""
    return cast(NativeIdempotency, _module.NativeIdempotency(options))


def make_server(options: str, functions: list[str], test_clock: Optional[int]) -> NativeServer:
    """Checks the options and builds a server; no I/O. ``functions`` names the functions that the host overrides.
    With ``test_clock`` time stays there until it is set."""
    return cast(NativeServer, _module.NativeServer(options, functions, test_clock))


def make_tokens(options: str) -> NativeTokens:
    """Reads the options (``sentri_core::standalone::Tokens``)."""
    return cast(NativeTokens, _module.NativeTokens(options))


def make_passwords(options: str) -> NativePasswords:
    """Reads the options (``sentri_core::standalone::passwords``)."""
    return cast(NativePasswords, _module.NativePasswords(options))


#: Lets no step through from now on, and waits for those that are on their way. To be called before the host's
#: interpreter goes down.
let_go: Callable[[], None] = _module.let_go
#: The options of ``sentri serve`` from flags, environment and file (``sentri_core::settings::settle``).
settle_options: Callable[[str], str] = _module.settle_options
#: The mail or the signed request of a message of ``sentri serve`` (``sentri_core::settings::compose``).
compose_message: Callable[[str], str] = _module.compose_message
#: The options that SIGHUP changes (``sentri_core::settings::reload``).
reload_options: Callable[[str], str] = _module.reload_options
#: See ``AuthServer::epoch`` and ``AuthClient::epoch``.
epoch: Callable[[int], int] = _module.epoch
#: Verifies an access token (UTF-8): packed text (``wire::verified_text``), or ``{"error"}``.
verify_access_token: Callable[[int, bytes], str] = _module.verify_access_token
#: Signs an access token for claims in the flat form (UTF-8, ``wire::read_claims_text``): the token, or
#: ``{"error"}``.
sign_access_token: Callable[[int, bytes], str] = _module.sign_access_token
#: Panics. For the test of panics.
panic_now: Callable[[str], None] = _module.panic_now
#: A job that panics. For the test of panics.
panic_later: Callable[[str], Job] = _module.panic_later
