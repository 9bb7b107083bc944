"""The host's functions: hooks, overrides and ``is_token_revoked``, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import threading
import time
from datetime import date
from typing import Any, Callable

import fastapi
import pytest
import starlette.exceptions
import werkzeug.exceptions
from sentri import AuthServer, BlockingAuthServer, SentriError, library, native
from sentri.errors import unwrap
from sentri.jobs import finish, wait
from support.servers import login, options, user

#: Something of the application's own that belongs to a request.
tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")


def serve(asynchronous: bool, request: dict[str, Any], raw: bytes, **more: Any) -> Any:
    """Registers a user and serves a request, by either form."""
    tenant.set("acme")
    if not asynchronous:
        blocking = BlockingAuthServer(**options(**more))
        blocking.migrate()
        blocking.register(**user("rizz", roles=["user"]))
        return blocking.handle(request, raw)

    async def main() -> Any:
        auth = AuthServer(**options(**more))
        await auth.migrate()
        await auth.register(**user("rizz", roles=["user"]))
        return await auth.handle(request, raw)

    return asyncio.run(main())


def either(function: Callable[..., Any], asynchronous: bool) -> Any:
    """The function, or an asynchronous one that does the same."""

    async def wrapped(*args: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args)

    return wrapped if asynchronous else function


BOTH = pytest.mark.parametrize("asynchronous", [True, False], ids=["async function", "function"])
FORMS = pytest.mark.parametrize("loop", [True, False], ids=["AuthServer", "BlockingAuthServer"])


@BOTH
@FORMS
def test_hooks_are_waited_for_in_the_context_of_the_request(loop: bool, asynchronous: bool) -> None:
    seen: list[Any] = []
    hook = either(lambda who, context: seen.append((who, context["error_code"], tenant.get())), asynchronous)
    hooks = {"on_login": hook, "on_failed_login": hook}
    assert serve(loop, *login("rizz"), hooks=hooks).status == 200
    assert serve(loop, *login("rizz", "wrong horse"), hooks=hooks).status == 401
    (known, _, where), (given, code, _) = seen
    assert known["roles"] == ["user"] and where == "acme"
    assert (given, code) == ("rizz", "INVALID_CREDENTIALS")


@BOTH
@FORMS
def test_a_hook_that_raises_changes_nothing_and_is_logged_with_its_cause(
    loop: bool, asynchronous: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("the mail server is away")

    with caplog.at_level(logging.INFO, "sentri"):
        assert serve(loop, *login("rizz"), hooks={"on_login": either(broken, asynchronous)}).status == 200
    record = next(one for one in caplog.records if one.message == "auth.hook.failure")
    assert (record.levelname, record.hook, record.cause) == ("ERROR", "onLogin", "the mail server is away")  # type: ignore[attr-defined]
    assert record.exc_info and isinstance(record.exc_info[1], ValueError)
    assert capfd.readouterr() == ("", "")


@FORMS
def test_an_override_runs_the_built_in_by_next(loop: bool) -> None:
    seen: list[Any] = []

    async def awaited(input: Any, context: Any, next: Any) -> Any:
        seen.append((input["identifier"], sorted(context), tenant.get()))
        return await next({**input, "identifier": "rizz"})

    def plain(input: Any, context: Any, next: Any) -> Any:
        seen.append((input["identifier"], sorted(context), tenant.get()))
        return next({**input, "identifier": "rizz"})

    for function in (awaited, plain):
        assert serve(loop, *login("alias"), router={"login": function}).status == 200
    assert seen == [("alias", ["ip", "request_id", "user_agent"], "acme")] * 2


@BOTH
@FORMS
def test_what_an_override_raises_is_answered_or_hidden(
    loop: bool, asynchronous: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def teapot(*_: Any) -> None:
        # Particulars that JSON does not know are in nobody's way.
        raise SentriError("TEAPOT", "short and stout", 418, {"since": date(2026, 1, 1)})

    def broken(*_: Any) -> None:
        raise ValueError("secret words")

    told = serve(loop, *login("rizz"), router={"login": either(teapot, asynchronous)})
    assert (told.status, json.loads(told.body)["code"]) == (418, "TEAPOT")
    with caplog.at_level(logging.INFO, "sentri"):
        hidden = serve(loop, *login("rizz"), router={"login": either(broken, asynchronous)})
    assert hidden.status == 500 and b"secret words" not in hidden.body
    record = next(one for one in caplog.records if one.message == "auth.hook.failure")
    assert (record.hook, record.cause) == ("router.login", "secret words")  # type: ignore[attr-defined]
    assert record.exc_info and isinstance(record.exc_info[1], ValueError)
    assert capfd.readouterr() == ("", "")


@FORMS
def test_a_result_of_the_wrong_shape_is_refused(loop: bool) -> None:
    assert serve(loop, *login("rizz"), router={"login": lambda *_: {"access_token": 1}}).status == 500


def guard(loop: bool, is_token_revoked: Any) -> tuple[bool, float]:
    """Whether a good token passes, and after how many seconds."""
    blocking = BlockingAuthServer(**options(is_token_revoked=is_token_revoked))
    blocking.migrate()
    id = blocking.register(**user("rizz"))["user"]["id"]
    token = blocking.create_session(id)["access_token"]
    request = {"method": "GET", "authorization": f"Bearer {token}"}
    started = time.monotonic()

    async def main() -> tuple[bool, float]:
        guarded = await blocking.asynchronous.guard(request)
        return guarded.user is not None, time.monotonic() - started

    return (
        asyncio.run(main()) if loop else (blocking.guard_blocking(request).user is not None, time.monotonic() - started)
    )


@BOTH
@FORMS
def test_is_token_revoked_decides(loop: bool, asynchronous: bool) -> None:
    def broken(_: str) -> bool:
        raise RuntimeError("away")

    for function, passes in [
        (lambda _: False, True),
        (lambda _: None, True),
        (lambda _: "yes", False),
        (broken, False),
    ]:
        assert guard(loop, either(function, asynchronous))[0] is passes


@BOTH
@FORMS
def test_what_is_token_revoked_raises_is_logged(
    loop: bool, asynchronous: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(_: str) -> bool:
        raise RuntimeError("the list is away")

    with caplog.at_level(logging.INFO, "sentri"):
        assert guard(loop, either(broken, asynchronous))[0] is False
    record = next(one for one in caplog.records if one.message == "auth.hook.failure")
    assert (record.hook, record.cause) == ("isTokenRevoked", "RuntimeError: the list is away")  # type: ignore[attr-defined]
    assert capfd.readouterr() == ("", "")


@BOTH
@FORMS
def test_is_token_revoked_that_hangs_refuses_after_two_seconds(loop: bool, asynchronous: bool) -> None:
    async def hang_awaited(_: str) -> bool:
        await asyncio.sleep(4)
        return False

    def hang(_: str) -> bool:
        time.sleep(4)
        return False

    passes, seconds = guard(loop, hang_awaited if asynchronous else hang)
    assert not passes and 1.5 < seconds < 3.9


def test_functions_of_a_blocking_server_run_in_the_thread_of_their_request() -> None:
    """Where the request's database connection and thread-local things are."""
    threads: list[str] = []
    serve(
        False,
        *login("rizz"),
        router={"login": lambda input, context, next: threads.append(threading.current_thread().name) or next()},
    )
    assert threads == [threading.current_thread().name]


def test_a_panic_is_an_exception_with_its_cause(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(library.NativePanic, match="of a synchronous call"):
        native.panic_now("of a synchronous call")
    for take in (wait, lambda job: asyncio.run(finish(job))):
        with pytest.raises(SentriError, match="Internal server error") as caught:
            unwrap(take(native.panic_later("of a job")))
        assert caught.value.code == "INTERNAL_ERROR" and "of a job" in str(caught.value.__cause__)
    assert capfd.readouterr() == ("", "")


def test_a_question_that_nobody_answers_fails_the_job_and_frees_it() -> None:
    """Whoever waited went away while his function was to be run."""

    async def main() -> Any:
        async def never(*_: Any) -> Any:
            await asyncio.sleep(60)

        auth = AuthServer(**options(router={"login": never}))
        await auth.migrate()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(auth.handle(*login("rizz")), 0.1)
        return await auth.find_user("rizz")

    assert asyncio.run(main()) is None


class Upstream(Exception):
    """What a client of another server raises."""

    def __init__(self, status: int) -> None:
        self.status_code = status
        self.detail = "https://internal.example says no"


@pytest.mark.parametrize(
    ("error", "expect"),
    [
        (werkzeug.exceptions.MethodNotAllowed(), (405, "VALIDATION_ERROR", "Method not allowed")),
        (werkzeug.exceptions.NotFound(), (404, "NOT_FOUND", "Not found")),
        (werkzeug.exceptions.NotFound("No such order"), (404, "NOT_FOUND", "No such order")),
        (werkzeug.exceptions.InternalServerError("table t is gone"), (500, "INTERNAL_ERROR", "Internal server error")),
        (werkzeug.exceptions.UnsupportedMediaType(), (415, "VALIDATION_ERROR", "Unsupported media type")),
        (werkzeug.exceptions.Unauthorized(), (401, "UNAUTHORIZED", "Unauthorized")),
        (werkzeug.exceptions.BadGateway(), (500, "INTERNAL_ERROR", "Internal server error")),
        (starlette.exceptions.HTTPException(409), (409, "VALIDATION_ERROR", "Conflict")),
        (starlette.exceptions.HTTPException(409, "Order exists"), (409, "VALIDATION_ERROR", "Order exists")),
        (fastapi.HTTPException(401, "Log in again"), (401, "UNAUTHORIZED", "Log in again")),
        (fastapi.HTTPException(422, {"rows": 7}), (422, "VALIDATION_ERROR", "Unprocessable content")),
        (starlette.exceptions.HTTPException(503, "table t is gone"), (500, "INTERNAL_ERROR", "Internal server error")),
        (Upstream(404), (404, "NOT_FOUND", "Not found")),
        (starlette.exceptions.HTTPException(499, ""), (499, "VALIDATION_ERROR", "Bad request")),
        (ValueError("secret"), (500, "INTERNAL_ERROR", "Internal server error")),
    ],
)
def test_errors_of_frameworks_keep_a_4xx_and_what_the_application_has_them_say(
    error: Exception, expect: tuple[int, str, str]
) -> None:
    response = BlockingAuthServer(**options()).error_response(error)
    told = json.loads(response.body)
    assert (response.status, told["code"], told["message"]) == expect
