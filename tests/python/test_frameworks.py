"""What the golden conversations do not say of FastAPI, Starlette, Flask and Django."""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

import pytest
import sentri.django
import sentri.fastapi
import sentri.flask
from fastapi import Depends, FastAPI, Request, Response
from flask import Flask, abort
from sentri import SentriError, User
from support.apps import configure_django, uvicorn_server, wsgi_server
from support.golden import Answer, exchange
from support.servers import options, user

Served = tuple[Any, str]
#: What a route says of its answer.
CACHED = {"Cache-Control": "private, max-age=60"}
#: A limiter whose key is not always there.
MAYBE: Any = {"max_attempts": 1, "duration_seconds": 60, "key_prefix": "maybe"}


class Teapot(SentriError):
    def __init__(self) -> None:
        super().__init__("TEAPOT", "short and stout", 418)


@contextmanager
def fastapi(**more: Any) -> Iterator[Served]:
    auth = sentri.fastapi.AuthServer(**options(**more))
    app = FastAPI()
    auth.install(app, prefix="/auth")
    limit = Depends(auth.rate_limiter(max_attempts=2, duration_seconds=60, key_prefix="mail"))
    own = Depends(auth.rate_limiter(key=lambda request: request.headers["x-who"], max_attempts=1, duration_seconds=60))

    maybe = Depends(auth.rate_limiter(key=lambda request: request.headers.get("x-who"), **MAYBE))

    @app.get("/maybe", dependencies=[maybe])
    async def by_key_or_address() -> Any:
        return {"sent": True}

    @app.get("/teapot")
    async def teapot() -> None:
        raise Teapot

    @app.get("/mail", dependencies=[limit])
    async def mail() -> Any:
        return {"sent": True}

    @app.get("/own", dependencies=[own])
    async def by_key() -> Any:
        return {"sent": True}

    @app.get("/me")
    async def me(request: Request, who: User = Depends(auth.protect())) -> Response:
        return Response(
            json.dumps([who.id, request.state.auth.session_id]), media_type="application/json", headers=CACHED
        )

    with uvicorn_server(app) as base:
        yield auth.blocking, base


@contextmanager
def flask(**more: Any) -> Iterator[Served]:
    from flask import Flask, g, request

    auth = sentri.flask.AuthServer(**options(**more))
    app = Flask(__name__)
    auth.init_app(app, url_prefix="/auth")

    @app.get("/teapot")
    def teapot() -> None:
        raise Teapot

    @app.get("/mail")
    @auth.rate_limiter(max_attempts=2, duration_seconds=60, key_prefix="mail")
    def mail() -> Any:
        return {"sent": True}

    @app.get("/maybe")
    @auth.rate_limiter(key=lambda: request.headers.get("x-who"), **MAYBE)
    def by_key_or_address() -> Any:
        return {"sent": True}

    @app.get("/own")
    @auth.rate_limiter(key=lambda: request.headers["x-who"], max_attempts=1, duration_seconds=60)
    def by_key() -> Any:
        return {"sent": True}

    @app.get("/me")
    @auth.protect()
    async def me() -> Any:
        return [g.user.id, g.auth.session_id], CACHED

    with wsgi_server(app) as base:
        yield auth, base


@contextmanager
def django(**more: Any) -> Iterator[Served]:
    from django.core.wsgi import get_wsgi_application
    from django.http import JsonResponse
    from django.urls import include, path

    configure_django()
    auth = sentri.django.AuthServer(**options(**more))

    def teapot(_: Any) -> Any:
        raise Teapot

    def sent(_: Any) -> Any:
        return JsonResponse({"sent": True})

    async def me(request: Any) -> Any:
        return JsonResponse([request.user.id, request.auth.session_id], safe=False, headers=CACHED)

    module: Any = type(http)("urls")
    module.urlpatterns = [
        path("auth/", include(auth.urls)),
        path("teapot", teapot),
        path("mail", auth.rate_limiter(max_attempts=2, duration_seconds=60, key_prefix="mail")(sent)),
        path("maybe", auth.rate_limiter(key=lambda request: request.headers.get("x-who"), **MAYBE)(sent)),
        path(
            "own",
            auth.rate_limiter(key=lambda request: request.headers["x-who"], max_attempts=1, duration_seconds=60)(sent),
        ),
        path("me", auth.protect()(me)),
    ]
    application = get_wsgi_application()
    # As `MIDDLEWARE` would, which is one for the whole process; test_readme.py has it there.
    application._exception_middleware.append(auth.middleware(lambda _: None).process_exception)

    def app(environ: Any, start_response: Any) -> Any:
        return application({**environ, "test.urlconf": module}, start_response)

    with wsgi_server(app) as base:
        yield auth, base


FRAMEWORKS = {"FastAPI": fastapi, "Flask": flask, "Django": django}
EACH = pytest.mark.parametrize("serve", FRAMEWORKS.values(), ids=FRAMEWORKS)
Serve = Callable[..., Any]


def get(base: str, path: str, **headers: str) -> Answer:
    return exchange(base, "GET", path, {name.replace("_", "-"): value for name, value in headers.items()})


def caching(answer: Answer) -> list[str]:
    return [value for name, value in answer.headers if name.lower() == "cache-control"]


def chunked(base: str, path: str, size: int) -> Optional[int]:
    """The status of a POST whose body has no length and is cut into pieces."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=20)
    try:
        pieces = (b"x" * 1024 for _ in range(size // 1024))
        connection.request("POST", path, pieces, {"content-type": "application/json"}, encode_chunked=True)
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        return None  # The server has hung up on us, which is an answer, too.
    finally:
        connection.close()


@EACH
def test_an_error_of_a_route_is_answered_in_the_envelope(serve: Serve) -> None:
    with serve() as (_, base):
        answer = get(base, "/teapot")
        assert (answer.status, json.loads(answer.text)["code"]) == (418, "TEAPOT")


@EACH
def test_a_route_has_limits_by_address_and_by_key(serve: Serve) -> None:
    with serve() as (_, base):
        assert [get(base, "/mail").status for _ in range(3)] == [200, 200, 429]
        refused = get(base, "/mail")
        assert json.loads(refused.text)["code"] == "RATE_LIMIT_EXCEEDED" and refused.header("retry-after")
        assert [get(base, "/own", x_who=who).status for who in ("a", "b", "a")] == [200, 200, 429]
        assert get(base, "/own", x_who="c").header("ratelimit")


@pytest.mark.parametrize("serve", [flask, django], ids=["Flask", "Django"])
def test_a_limit_by_address_looks_behind_trusted_proxies(serve: Serve) -> None:
    """Under FastAPI that is the ASGI server's to do, and the one of these tests does."""
    with serve(trust_proxy=1) as (_, base):
        statuses = [
            get(base, "/mail", x_forwarded_for=f"6.6.6.6, 203.0.113.{number}").status for number in (1, 1, 1, 2)
        ]
        assert statuses == [200, 200, 429, 200]
    with serve() as (_, base):
        assert [get(base, "/mail", x_forwarded_for=f"203.0.113.{number}").status for number in (1, 2, 3)] == [
            200,
            200,
            429,
        ]


@EACH
def test_a_limiter_without_a_key_counts_by_address(serve: Serve) -> None:
    with serve() as (_, base):
        # A header that is not there gives None.
        assert [get(base, "/maybe").status, get(base, "/maybe", x_who="a").status, get(base, "/maybe").status] == [
            200,
            200,
            429,
        ]
        assert [get(base, "/maybe", x_who=who).status for who in ("a", "b")] == [429, 200]


@pytest.mark.parametrize("framework", [sentri.fastapi, sentri.flask, sentri.django])
def test_limiters_without_a_name_share_no_counter(framework: Any) -> None:
    auth = framework.AuthServer(**options())
    rule: Any = {"max_attempts": 7, "duration_seconds": 60}
    for more in ({}, {"key": lambda *_: "a"}, {"max_attempts": 8}, {"key_prefix": "mail"}, {"key_prefix": "mail"}):
        auth.rate_limiter(**{**rule, **more})
    for more in ({}, {"key": lambda *_: "b"}):
        with pytest.raises(SentriError, match=r"^rate_limiter\(\): key_prefix is missing.*max_attempts") as refused:
            auth.rate_limiter(**rule, **more)
        assert refused.value.code == "CONFIGURATION_ERROR"
    with pytest.raises(SentriError, match=r"^rate_limiter\(\): key must be a function"):
        auth.rate_limiter(**rule, key="address")


@pytest.mark.parametrize("serve", [flask, django], ids=["Flask", "Django"])
@pytest.mark.parametrize("path", ["/mail", "/auth/login"])
def test_a_proxy_that_nobody_has_declared_is_warned_of_once(serve: Serve, path: str, caplog: Any) -> None:
    method = "POST" if path == "/auth/login" else "GET"
    with serve(rate_limit=True) as (auth, base):
        auth.migrate()
        exchange(base, method, path, {})
        assert proxies_told(caplog) == []
        for _ in range(3):
            exchange(base, method, path, {"x-forwarded-for": "198.51.100.1"})
    (told,) = proxies_told(caplog)
    assert "127.0.0.1" in told and "X-Forwarded-For" in told and "set trust_proxy" in told
    with serve(rate_limit=True, trust_proxy=1) as (auth, base):
        auth.migrate()
        exchange(base, method, path, {"x-forwarded-for": "198.51.100.1"})
    assert len(proxies_told(caplog)) == 1


@pytest.mark.parametrize("more", [{}, {"logger": False}], ids=["an unconfigured logger", "no logger"])
def test_without_a_logger_the_process_is_warned_of_a_proxy(more: dict[str, Any]) -> None:
    auth = sentri.flask.AuthServer(**options(**more))
    rule = auth.check_limit_rule({"max_attempts": 9, "duration_seconds": 60})
    handlers, logging.root.handlers = logging.root.handlers, []
    try:
        with pytest.warns(RuntimeWarning, match="set trust_proxy") as warned:
            for _ in range(3):
                auth.limit(rule, None, "10.0.0.1", ["198.51.100.1"])
    finally:
        logging.root.handlers = handlers
    assert len(warned) == 1


def proxies_told(caplog: Any) -> list[str]:
    return [record.cause for record in caplog.records if getattr(record, "hook", None) == "trustProxy"]


def test_a_fastapi_dependency_without_its_parentheses_lets_nobody_in() -> None:
    auth = sentri.fastapi.AuthServer(**options())
    app = FastAPI()
    auth.install(app)

    @app.get("/open", dependencies=[Depends(auth.protect)])
    async def opened() -> Any:
        return {"in": True}

    with uvicorn_server(app) as base:
        answer = get(base, "/open")
        assert answer.status == 500 and "write Depends(auth.protect())" in answer.text


@EACH
def test_a_silent_refresh_reaches_the_client_whatever_the_route_answers(serve: Serve) -> None:
    with serve() as (auth, base):
        auth.migrate()
        id = auth.register(**user("rizz"))["user"]["id"]
        session = auth.create_session(id)
        answer = get(base, "/me", cookie=f"refresh_token={session['refresh_token']}")
        assert (answer.status, json.loads(answer.text)) == (200, [id, session["session_id"]])
        minted = answer.header("x-access-token")
        assert minted is not None and auth.verify_access_token(minted).id == id
        # With a token in it, it is for no cache, whatever the route says.
        assert caching(answer) == ["no-store"]
        assert caching(get(base, "/me", authorization=f"Bearer {minted}")) == [CACHED["Cache-Control"]]


@EACH
def test_hostile_bodies_are_refused(serve: Serve) -> None:
    with serve() as (auth, base):
        auth.migrate()
        assert chunked(base, "/auth/login", 32 * 1024) == 400
        assert chunked(base, "/auth/login", 1024 * 1024) in (400, 413, None)
        for body in (b"\xff\xfe", b"[" * 60_000, b'{"identifier":"a","identifier":"b"}', b""):
            answer = exchange(base, "POST", "/auth/login", {"content-type": "application/json"}, body)
            assert (answer.status, json.loads(answer.text)["code"]) == (400, "VALIDATION_ERROR")


@EACH
def test_methods_that_no_endpoint_has_are_the_frameworks(serve: Serve) -> None:
    with serve() as (_, base):
        for method, path in (
            ("GET", "/auth/login"),
            ("BREW", "/auth/login"),
            ("GET", "/auth/nothing"),
            ("GET", "/auth"),
        ):
            assert exchange(base, method, path, {}).status in (404, 405, 501), f"{method} {path}"


@EACH
def test_the_whole_path_below_the_mount_is_matched(serve: Serve) -> None:
    with serve() as (auth, base):
        auth.migrate()
        made = auth.register(**user("boss", roles=["admin"]))["user"]
        access = auth.create_session(made["id"])["access_token"]
        for path in (
            "/users/anything/me/sessions",
            "/users/a/users",
            "/users/a/keys",
            f"/users/x/users/{made['id']}",
            "/users/a/me",
        ):
            assert exchange(base, "GET", f"/auth{path}", {"authorization": f"Bearer {access}"}).status == 404, path
        for path in (f"/users/{made['id']}", f"/users/{made['id']}/", "/me/sessions"):
            assert exchange(base, "GET", f"/auth{path}", {"authorization": f"Bearer {access}"}).status == 200, path
        for path in ("/users/a%2Fb", "/users/a%2Fme%2Fsessions", "/users/a%2F"):
            answer = exchange(base, "GET", f"/auth{path}", {"authorization": f"Bearer {access}"})
            assert (answer.status, json.loads(answer.text)["code"]) == (404, "USER_NOT_FOUND"), path


def test_head_is_get_without_a_body() -> None:
    with fastapi() as (auth, base):
        auth.migrate()
        answer = exchange(base, "HEAD", "/auth/keys", {})
        assert (answer.status, answer.text) == (404, "")


def test_starlette_mounts_the_endpoints_as_an_application() -> None:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Mount, Route

    auth = sentri.fastapi.AuthServer(**options())
    protect = auth.protect()

    async def me(request: Request) -> JSONResponse:
        return JSONResponse({"id": (await protect(request)).id})

    app = Starlette(
        routes=[Mount("/auth", auth.app()), Route("/me", me)], exception_handlers={SentriError: auth.error_handler}
    )
    with uvicorn_server(app) as base:
        auth.blocking.migrate()
        id = auth.blocking.register(**user("rizz"))["user"]["id"]
        token = auth.blocking.create_session(id)["access_token"]
        assert json.loads(get(base, "/me", authorization=f"Bearer {token}").text) == {"id": id}
        assert get(base, "/me").status == 401
        assert json.loads(get(base, "/auth/me", authorization=f"Bearer {token}").text)["data"]["id"] == id
        assert json.loads(get(base, "/auth/nothing").text)["code"] == "NOT_FOUND"


def test_adapters_are_thin() -> None:
    folder = Path(str(sentri.fastapi.__file__)).parent
    adapters = [*map(folder.joinpath, ("fastapi.py", "flask.py", "django.py")), *folder.glob("idempotency_*.py")]
    assert len(adapters) == 9
    for adapter in adapters:
        assert len(adapter.read_text().splitlines()) <= 120, adapter.name


def test_what_nobody_expected_is_in_the_log_and_not_in_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """With a handler for every error; Starlette raises it again by itself, for the server to log."""
    app, auth = Flask(__name__), sentri.flask.AuthServer(**options())
    app.register_error_handler(Exception, auth.error_handler)

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("row 7 of table t")

    @app.get("/conflict")
    def conflict() -> None:
        abort(409, "Order exists")

    @app.get("/away")
    def away() -> None:
        raise SentriError("SERVICE_UNAVAILABLE")

    client = app.test_client()
    with caplog.at_level(logging.ERROR):
        assert client.get("/conflict").json["message"] == "Order exists"
        assert (client.get("/nothing").status_code, client.get("/away").status_code) == (404, 503)
        assert caplog.records == []
        answer = client.get("/broken")
    assert (answer.status_code, answer.json["message"]) == (500, "Internal server error")
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["row 7 of table t"]
