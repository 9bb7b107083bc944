"""Middleware that sets the Authorization header of a request: ``protect()`` and the endpoints see the same."""

from __future__ import annotations

from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from fastapi import FastAPI
from flask import Flask
from sentri.exchange import seen_by_guard, to_core
from support.apps import configure_django, fastapi_routes, flask_routes, uvicorn_server, wsgi_server
from support.servers import options, user


def exchange(asynchronous: bool, sent: dict[str, str], set_later: dict[str, Any]) -> Any:
    configure_django()
    from django.test import AsyncRequestFactory, RequestFactory
    from sentri.django_messages import DjangoExchange

    if asynchronous:
        request: Any = AsyncRequestFactory().get("/own", **{name: value for name, value in sent.items()})
    else:
        request = RequestFactory().get("/own", **{f"HTTP_{name}": value for name, value in sent.items()})
    for name, value in set_later.items():
        request.META.pop(name, None) if value is None else request.META.update({name: value})
    return DjangoExchange(request)


@pytest.mark.parametrize("asynchronous", (False, True))
@pytest.mark.parametrize(
    ("sent", "set_later", "expect"),
    [
        ({}, {}, None),
        ({"AUTHORIZATION": "Bearer a"}, {}, "Bearer a"),
        ({}, {"HTTP_AUTHORIZATION": "Bearer b"}, "Bearer b"),
        ({"AUTHORIZATION": "Bearer a"}, {"HTTP_AUTHORIZATION": "Bearer b"}, "Bearer b"),
        ({"AUTHORIZATION": "Bearer a"}, {"HTTP_AUTHORIZATION": None}, None),
    ],
)
def test_django_shows_both_what_middleware_has_set(
    asynchronous: bool, sent: dict[str, str], set_later: dict[str, Any], expect: Any
) -> None:
    made = exchange(asynchronous, sent, set_later)
    assert seen_by_guard(made).get("authorization") == expect
    at_endpoint = [value for name, value in to_core(made, "/me", "/auth/me", "")["headers"] if name == "authorization"]
    assert at_endpoint == ([] if expect is None else [expect])


def status(url: str) -> int:
    try:
        with urlopen(url) as answer:
            code: int = answer.status
    except HTTPError as refused:
        code = refused.code
    return code


def fastapi_app(token: dict[str, str]) -> tuple[Any, Any]:
    from sentri.fastapi import AuthServer

    auth, app = AuthServer(**options()), FastAPI()
    auth.install(app, prefix="/auth")
    fastapi_routes(app, auth)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        headers = [*scope["headers"], (b"authorization", f"Bearer {token['is']}".encode())]
        await app({**scope, "headers": headers}, receive, send)

    return auth.blocking, uvicorn_server(middleware)


def flask_app(token: dict[str, str]) -> tuple[Any, Any]:
    from sentri.flask import AuthServer

    auth, app = AuthServer(**options()), Flask(__name__)
    auth.init_app(app, url_prefix="/auth")
    flask_routes(app, auth)
    return auth, wsgi_server(
        lambda environ, start: app({**environ, "HTTP_AUTHORIZATION": f"Bearer {token['is']}"}, start)
    )


@pytest.mark.parametrize("make", (fastapi_app, flask_app))
def test_middleware_in_front_of_an_application_is_seen_by_both(make: Any) -> None:
    token: dict[str, str] = {}
    auth, server = make(token)
    with server as base:
        auth.migrate()
        token["is"] = auth.create_session(auth.register(**user("rizz"))["user"]["id"])["access_token"]
        assert (status(f"{base}/protected"), status(f"{base}/auth/me")) == (200, 200)
        token["is"] = "nonsense"
        assert (status(f"{base}/protected"), status(f"{base}/auth/me")) == (401, 401)
