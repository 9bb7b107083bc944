"""Written by `make generate` from the tables of the core. Do not edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Protocol, cast

from .library import module as _module


class Step(Protocol):
    """A step of a job: its end, or a function that the host must run."""

    #: JSON text, as the method that started the job describes it. ``{"error", "cause"}`` if the job panicked.
    result: str
    #: The number of the question, for ``Job::answer``.
    number: int
    #: The name of an overridden operation, or ``isTokenRevoked``.
    function: str
    #: JSON text.
    input: str
    #: JSON text; empty for ``isTokenRevoked``.
    context: str

    def is_DONE(self) -> bool: ...

    def is_ASK(self) -> bool: ...


class NativeIdempotency(Protocol):
    """An idempotency gate, or the error that its options caused (``NativeIdempotency::configuration``)."""

    def configuration(self) -> str:
        """Returns ``{"value": header}``, the name of the header that holds the key, or ``{"error"}`` if the options
        are wrong."""
        ...

    def take_news(self) -> list[str]:
        """Returns the sentences which say that Redis went away or came back since the last call, and forgets
        them."""
        ...

    def pass_now(self, request: str, body: bytes) -> NativePassage:
        """Judges a request (``wire::read_incoming``) without waiting. If the answers are in Redis, the passage is
        ``undecided``; then call ``NativePassage::decide``."""
        ...


class NativePassage(Protocol):
    """A request at the gate, with the gate's decision on it. The host completes or abandons a request that
    executes, once. If the host drops the passage without doing so, for example because its task was cancelled, the
    request is abandoned."""

    def decide(self) -> Job:
        """Judges a request that is undecided; the job's result is ``{"value": kind}``."""
        ...

    def kind(self) -> str:
        """The kind of the decision: ``free``, ``execute``, ``replay``, ``refused`` or ``undecided``."""
        ...

    def response(self) -> str:
        """Returns the response that the gate answers with: ``{status, headers}``, and ``body`` for a refusal."""
        ...

    def body(self) -> bytes:
        """Returns the body to replay, which is empty unless the kind is ``replay``."""
        ...

    def complete(self, status: int, headers: str, body: bytes, added: str, roles: Optional[list[str]]) -> Optional[Job]:
        """Keeps the answer of a request that executed, if it may be kept. Returns nothing if the work is done
        already, else a job. ``headers`` is ``[[name, value]]``, ``added`` the headers among them that ``protect()``
        added, and ``roles`` the roles of the user whom it let in."""
        ...

    def replay_to(self, asked: bool, roles: Optional[list[str]]) -> str:
        """Decides whether a caller gets the stored answer: ``{replay, refusal?}``. ``asked`` says whether
        ``protect()`` was asked, and ``roles`` are those of the user whom it lets in, if it does."""
        ...

    def abandon(self) -> Optional[Job]:
        """Lets the next request with the key run. Returns nothing if the work is done already, else a job."""
        ...


class Job(Protocol):
    """Work that runs by itself. The host takes steps, awaited or blocking, until the work is done. A host that
    stops taking steps gets no result, but the work goes on to its end."""

    async def next(self) -> Step:
        """Returns the next step. The host's event loop only polls a channel meanwhile."""
        ...

    def wait(self, milliseconds: int) -> Optional[Step]:
        """Waits for the next step, at most for so many milliseconds, and returns nothing if there is none by then.
        So a host that must look at its signals can do so and ask again."""
        ...

    def answer(self, number: int, outcome: str) -> None:
        """Answers a question with ``{"value"}`` or ``{"error"}``. An answer to an abandoned question is dropped."""
        ...


class NativeTokens(Protocol):
    """Keys with the rules that their tokens must meet, or the error of the options."""

    def configuration(self) -> str:
        """Returns ``{"error"}`` if the options are wrong, else ``{"value": [warnings]}``."""
        ...

    def sign_access(self, claims: str, now: Optional[int]) -> str:
        """Signs an access token for ``{id, roles, sessionId?}``."""
        ...

    def verify_access(self, token: str, now: Optional[int]) -> str:
        """Verifies an access token and returns ``{"value": {id, roles, sessionId, exp}}`` or ``{"error"}``."""
        ...

    def verify_refresh(self, token: str, now: Optional[int]) -> str:
        """Verifies a refresh token and returns ``{"value": {sessionId, gen, iat, exp}}`` or ``{"error"}``."""
        ...

    def jwks(self) -> str:
        """Returns the public keys as a JWK set (RFC 7517, 5)."""
        ...


class NativePasswords(Protocol):
    """Hashes and verifies passwords by options, or holds the error of the options."""

    def hash(self, password: str) -> Job:
        """Hashes a password."""
        ...

    def verify(self, password: str, hash: str) -> Job:
        """Verifies a password against a hash; the job's result is ``{"value": true or false}`` or ``{"error"}``."""
        ...

    def needs_rehash(self, hash: str) -> str:
        """Whether a hash is weaker than a hash by the options would be, ``{"value": true or false}``."""
        ...


class NativeProtectHost(Protocol):
    """The part that servers and clients share: all that guards an application's routes."""

    def configuration(self) -> str:
        """Returns ``{"error"}`` if the options are wrong, else ``{"value": [warnings]}``."""
        ...

    def set_clock(self, now: int) -> None:
        """Sets the test clock, in milliseconds since 1970. Without a test clock it does nothing."""
        ...

    def number(self) -> int:
        """Returns the number by which ``epoch`` finds this client."""
        ...

    def guard_now(self, request: str, request_id: Optional[str]) -> Optional[str]:
        """Runs ``protect()`` without waiting and returns ``{principal | error, answer?, headers, events,
        freshUntil, epoch}``. Returns nothing if the answer takes I/O or a decision of the host; then call
        ``guard``."""
        ...

    def guard(self, request: str, request_id: Optional[str]) -> Job:
        """Runs ``protect()``; the job's result is the same JSON text as of ``guard_now``."""
        ...

    def check_roles(self, required: list[str]) -> str:
        """Checks the roles given to ``authorize()``."""
        ...

    def authorize(self, id: Optional[str], roles: list[str], withheld: list[str], required: list[str], request_id: Optional[str]) -> str:
        """Runs ``authorize()`` and returns ``{"value": {error?, events}}``."""
        ...

    def requirement(self, asked: str) -> str:
        """Reads the requirement of ``protect(acr=, max_age=)`` and returns ``{"value": {acr?, maxAge?, leeway}}``,
        with seconds as numbers, or ``{"error"}``."""
        ...

    def step_up(self, id: str, need: str, request_id: Optional[str]) -> str:
        """Returns the refusal ``{"value": {error, events}}`` for a user whose authentication does not meet a
        requirement."""
        ...

    def permit(self, id: Optional[str], roles: list[str], verdict: str, request_id: Optional[str]) -> str:
        """Runs ``permit()`` and returns ``{"value": {error?, events}}``. ``verdict`` is ``passed``, ``denied``,
        ``withheld``, ``unauthenticated``, or ``bypass:`` and the role that made the check needless."""
        ...

    def error_response(self, error: str) -> str:
        """Returns the response for an error, ``{"value": {status, headers, body}}``."""
        ...

    def metrics(self, remembered: str, format: str) -> str:
        """Returns the present metrics, ``{"value": text}``. The text is JSON, or with the format ``prometheus`` the
        text format of Prometheus. ``remembered`` counts the events of requests that the host answered from its own
        cache, ``{name of an event: count}``."""
        ...

    def access_token_of(self, authorization: Optional[str], cookie: Optional[str]) -> str:
        """Returns the access token of a request without verifying it, ``{"value": text or null}``."""
        ...


class NativeClient(NativeProtectHost, Protocol):
    """A client of an auth server, or the error that its options caused (``NativeClient::configuration``)."""

    def verify_access_token(self, token: str) -> Job:
        """Verifies an access token; the job's result is ``{"value": {id, roles, sessionId, exp}}`` or
        ``{"error"}``. It does not call ``isTokenRevoked``."""
        ...

    def verify_access_token_now(self, token: str) -> Optional[str]:
        """Verifies an access token without waiting, and returns the same text as the job of
        ``verify_access_token``. Returns nothing if a key set must be fetched first; then call
        ``verify_access_token``."""
        ...


class NativeServer(NativeProtectHost, Protocol):
    """An auth server, or the error that its options caused (``NativeServer::configuration``)."""

    def has_route(self, method: str, path: str) -> bool:
        """Whether an endpoint serves this method and path; the path is below the mount point."""
        ...

    def handle(self, request: str, raw: Optional[bytes]) -> Job:
        """Serves a request to an endpoint (``wire::read_request``); the job's result is ``{response, events,
        notices}``."""
        ...

    def call(self, method: str, arguments: str) -> Job:
        """Runs a programmatic call by its name, with its arguments as a JSON array. The job's result is
        ``{"value"}`` or ``{"error"}``."""
        ...

    def take_events(self) -> str:
        """Returns the events that calls and background work have left for the log, ``{"value": [{level, entry}]}``,
        and forgets them."""
        ...

    def run_builtin(self, operation: str, input: str, context: str) -> Job:
        """Runs the built-in use case, for the ``next`` of an override. The job's result is ``{"value"}`` or
        ``{"error"}``."""
        ...

    def hook_failed(self, hook: str, cause: str, request_id: Optional[str]) -> str:
        """Returns the log entry of a hook that raised an error, ``{"value": [{level, entry}]}``."""
        ...

    def messages(self) -> str:
        """Returns the messages that programmatic calls have left for the host to send, ``{"value": [..]}``, and
        forgets them."""
        ...

    def message_event(self, kind: str, channel: str, cause: Optional[str], request_id: Optional[str]) -> str:
        """Returns the log entry ``{"value": [..]}`` of a message that was sent, or with ``cause`` of a message that
        could not be sent."""
        ...

    def sign_access_token(self, claims: str) -> str:
        """Signs an access token for ``{id, roles, sessionId?}``."""
        ...

    def sign_refresh_token(self, session_id: str) -> str:
        """Signs a refresh token for a session."""
        ...

    def verify_access_token(self, token: str) -> str:
        """Verifies an access token and returns ``{"value": {id, roles, sessionId, exp}}`` or ``{"error"}``. Python
        calls the faster function of the module ``verify`` instead."""
        ...

    def verify_refresh_token(self, token: str) -> str:
        """Verifies a refresh token and returns the id of its session, ``{"value": text}``, or ``{"error"}``."""
        ...

    def client_address(self, peer: str, forwarded: list[str]) -> str:
        """Returns the client's address, ``{"value": text or null}``. It is the peer's, or the forwarded address
        where ``trustProxy`` trusts the peer."""
        ...

    def identify_now(self, request: str) -> Optional[str]:
        """Returns the identity that a request's tokens name, or an empty text if they name none. Returns nothing if
        the answer takes I/O; then call ``identify``."""
        ...

    def identify(self, request: str) -> Job:
        """Finds the identity that a request's tokens name; the job's result is ``{"value": text}``, with an empty
        text if they name none."""
        ...

    def guards_replay(self, identity: str, authorization: Optional[str], cookie: Optional[str]) -> bool:
        """Whether ``protect()`` has to be asked before a request gets a stored answer. ``identity`` is the result
        of ``identify`` for the request."""
        ...

    def check_limit_rule(self, rule: str) -> str:
        """Checks the options of a new rate limiter."""
        ...

    def limit(self, rule: str, key: str, peer: str, forwarded: list[str], request_id: Optional[str]) -> Job:
        """Counts a hit under ``key`` (JSON), or under the client's address without it. The job's result is
        ``{headers, error?, events}``."""
        ...


def make_client(options: str, functions: list[str], test_clock: Optional[int]) -> NativeClient:
    """Checks the options and builds a client, without I/O. ``functions`` may name ``isTokenRevoked``. With
    ``test_clock``, in milliseconds since 1970, the clock stands at that instant until ``set_clock`` moves it."""
    return cast(NativeClient, _module.NativeClient(options, functions, test_clock))


def make_idempotency(options: str) -> NativeIdempotency:
    """Checks the options of the middleware, without I/O."""
    return cast(NativeIdempotency, _module.NativeIdempotency(options))


def make_server(options: str, functions: list[str], test_clock: Optional[int]) -> NativeServer:
    """Checks the options and builds a server, without I/O. ``functions`` names the host's functions: overridden
    operations and ``isTokenRevoked``. With ``test_clock``, in milliseconds since 1970, the clock stands at that
    instant until ``set_clock`` moves it."""
    return cast(NativeServer, _module.NativeServer(options, functions, test_clock))


def make_tokens(options: str) -> NativeTokens:
    """Reads the options (``sentri_core::standalone::Tokens``)."""
    return cast(NativeTokens, _module.NativeTokens(options))


def make_passwords(options: str) -> NativePasswords:
    """Reads the options (``sentri_core::standalone::passwords``)."""
    return cast(NativePasswords, _module.NativePasswords(options))


#: Lets no step through from now on, and waits up to a second for steps that are on their way. The host must call
#: it before its interpreter shuts down.
let_go: Callable[[], None] = _module.let_go
#: Reads the options of ``sentri serve`` from flags, environment and file (``sentri_core::settings::settle``).
settle_options: Callable[[str], str] = _module.settle_options
#: Writes a message of ``sentri serve`` as a mail or a signed request (``sentri_core::settings::compose``).
compose_message: Callable[[str], str] = _module.compose_message
#: Reads the options that SIGHUP changes (``sentri_core::settings::reload``).
reload_options: Callable[[str], str] = _module.reload_options
#: Returns the present epoch (``AuthServer::epoch``, ``AuthClient::epoch``), and looks for new keys of a server.
#: Returns 0 if there is no server or client of this number.
epoch: Callable[[int], int] = _module.epoch
#: Verifies an access token (UTF-8) and returns its claims as packed text (``wire::verified_text``), or
#: ``{"error"}``.
verify_access_token: Callable[[int, bytes], str] = _module.verify_access_token
#: Signs an access token for claims in the flat form (UTF-8, ``wire::read_claims_text``) and returns the token, or
#: ``{"error"}``.
sign_access_token: Callable[[int, bytes], str] = _module.sign_access_token
#: Panics at once, for the tests of panics.
panic_now: Callable[[str], None] = _module.panic_now
#: Starts a job that panics, for the tests of panics.
panic_later: Callable[[str], Job] = _module.panic_later
