"""The native core, as the rest of the package sees it. Texts are JSON."""

from __future__ import annotations

import atexit
from typing import Any, Optional, Protocol, cast

try:
    from ._native import sentri_native as _module  # pyright: ignore[reportMissingImports]
except (ImportError, OSError) as cause:  # pragma: no cover
    raise ImportError(
        "The native core of sentri could not be loaded: the installed wheel does not fit this system, or the package "
        "was copied without it. Cure: pip install --force-reinstall sentri"
    ) from cause

# A thread of ours must not be in the interpreter when it goes down.
atexit.register(_module.let_go)


@_module._UNIFFI_RUST_FUTURE_CONTINUATION_CALLBACK  # type: ignore[untyped-decorator, unused-ignore]
def _wake(handle: int, poll_code: int) -> None:
    """The generated callback, but for an event loop that has ended while a thread of ours was about to wake it: nobody
    waits there, and an exception would be a traceback on stderr."""
    loop, future = _module._UniffiContinuationHandleMap.remove(handle)
    try:
        loop.call_soon_threadsafe(_module._uniffi_set_future_result, future, poll_code)
    except RuntimeError:
        if not loop.is_closed():
            raise


_module._uniffi_continuation_callback = _wake

#: The exception for a panic; its text is the cause.
NativePanic: type[Exception] = _module.InternalError


class Step(Protocol):
    """``result`` of a job that is done; the other members of a question."""

    result: str
    number: int
    function: str
    input: str
    context: str

    def is_DONE(self) -> bool: ...


class Job(Protocol):
    """Work on the native runtime."""

    async def next(self) -> Step: ...
    def wait(self, milliseconds: int) -> Optional[Step]: ...
    def answer(self, number: int, outcome: str) -> None: ...


class NativeGuardian(Protocol):
    """The part that both modes share: all that guards an application's routes."""

    def configuration(self) -> str: ...
    def set_clock(self, now: int) -> None: ...
    def number(self) -> int: ...
    def guard_now(self, request: str, request_id: Optional[str]) -> Optional[str]: ...
    def guard(self, request: str, request_id: Optional[str]) -> Job: ...
    def check_roles(self, required: list[str]) -> str: ...
    def authorize(
        self,
        id: Optional[str],
        roles: list[str],
        withheld: list[str],
        required: list[str],
        request_id: Optional[str],
    ) -> str: ...
    def requirement(self, asked: str) -> str: ...
    def step_up(self, id: str, need: str, request_id: Optional[str]) -> str: ...
    def permit(self, id: Optional[str], roles: list[str], verdict: str, request_id: Optional[str]) -> str: ...
    def metrics(self, remembered: str, format: str) -> str: ...
    def error_response(self, error: str) -> str: ...
    def access_token_of(self, authorization: Optional[str], cookie: Optional[str]) -> str: ...


class NativeServer(NativeGuardian, Protocol):
    """Server mode."""

    def has_route(self, method: str, path: str) -> bool: ...
    def handle(self, request: str, raw: Optional[bytes]) -> Job: ...
    def call(self, method: str, arguments: str) -> Job: ...
    def told(self) -> str: ...
    def messages(self) -> str: ...
    def message_told(self, kind: str, channel: str, cause: Optional[str], request_id: Optional[str]) -> str: ...
    def run_builtin(self, operation: str, input: str, context: str) -> Job: ...
    def hook_failed(self, hook: str, cause: str, request_id: Optional[str]) -> str: ...
    def sign_access_token(self, claims: str) -> str: ...
    def sign_refresh_token(self, session_id: str) -> str: ...
    def verify_refresh_token(self, token: str) -> str: ...
    def identify_now(self, request: str) -> Optional[str]: ...
    def identify(self, request: str) -> Job: ...
    def client_address(self, peer: str, forwarded: list[str]) -> str: ...
    def check_limit_rule(self, rule: str) -> str: ...
    def limit(self, rule: str, key: str, peer: str, forwarded: list[str], request_id: Optional[str]) -> Job: ...


class NativeClient(NativeGuardian, Protocol):
    """Client mode."""

    def verify_access_token(self, token: str) -> Job: ...
    def verify_access_token_now(self, token: str) -> Optional[str]: ...


class NativeTokens(Protocol):
    """Tokens without a server."""

    def configuration(self) -> str: ...
    def sign_access(self, claims: str, now: Optional[int]) -> str: ...
    def verify_access(self, token: str, now: Optional[int]) -> str: ...
    def verify_refresh(self, token: str, now: Optional[int]) -> str: ...
    def jwks(self) -> str: ...


class NativePassage(Protocol):
    """A request at an idempotency gate."""

    def decide(self) -> Job: ...
    def kind(self) -> str: ...
    def response(self) -> str: ...
    def body(self) -> bytes: ...
    def complete(
        self, status: int, headers: str, body: bytes, added: str, roles: Optional[list[str]]
    ) -> Optional[Job]: ...
    def refusal_for(self, roles: Optional[list[str]]) -> Optional[str]: ...
    def abandon(self) -> Optional[Job]: ...


class NativeIdempotency(Protocol):
    """An idempotency gate."""

    def configuration(self) -> str: ...
    def told(self) -> list[str]: ...
    def pass_now(self, request: str, body: bytes) -> NativePassage: ...


class NativePasswords(Protocol):
    """Passwords without a server."""

    def hash(self, password: str) -> Job: ...
    def verify(self, password: str, hash: str) -> Job: ...
    def needs_rehash(self, hash: str) -> str: ...


def make_server(options: str, functions: list[str], test_clock: Optional[int]) -> NativeServer:
    return cast(NativeServer, _module.NativeServer(options, functions, test_clock))


def make_client(options: str, functions: list[str], test_clock: Optional[int]) -> NativeClient:
    return cast(NativeClient, _module.NativeClient(options, functions, test_clock))


def make_tokens(options: str) -> NativeTokens:
    return cast(NativeTokens, _module.NativeTokens(options))


def make_idempotency(options: str) -> NativeIdempotency:
    return cast(NativeIdempotency, _module.NativeIdempotency(options))


def make_passwords(options: str) -> NativePasswords:
    return cast(NativePasswords, _module.NativePasswords(options))


epoch: Any = _module.epoch
settle_options: Any = _module.settle_options
compose_message: Any = _module.compose_message
reload_options: Any = _module.reload_options
verify_access_token: Any = _module.verify_access_token
sign_access_token: Any = _module.sign_access_token
panic_now: Any = _module.panic_now
panic_later: Any = _module.panic_later
