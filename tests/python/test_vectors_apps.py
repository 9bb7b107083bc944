"""The tables of tests/vectors about what stands in a request's headers, through the applications of all frameworks:
what a server and a framework make of a header before the core sees it counts, too. test_vectors_http.py has the other
tables about requests."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

import pytest
from sentri import SentriError
from support.apps import FRAMEWORKS, django_asgi, django_urls, django_wsgi
from support.servers import options, user
from support.vectors import fits, said, table

EACH = pytest.mark.parametrize("framework", FRAMEWORKS)
#: Where a WSGI server made one header of several lines.
WSGI = ("Flask", "Django")


def rows(name: str, op: str) -> Iterator[tuple[str, Any, Any]]:
    for row in table(name, op):
        yield row.id, *row.values


@contextmanager
def served(framework: str, **more: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """A server with the user ``rizz``: its address, and a session."""
    with FRAMEWORKS[framework](options(logger=False, **more)) as (auth, base):
        auth.migrate()
        session = auth.create_session(auth.register(**user("rizz", roles=["user"]))["user"]["id"])
        yield base, session
        auth.close()


def send(
    base: str, method: str, path: str, headers: list[tuple[str, str]], host: Optional[str] = ""
) -> tuple[int, Any]:
    """One request with exactly these headers; without a host it is one of HTTP/1.0, which needs none."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
    if host is None:
        connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"  # type: ignore[attr-defined]
    try:
        connection.putrequest(method, path, skip_host=host != "", skip_accept_encoding=True)
        for name, value in [*([("host", host)] if host else []), *headers]:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if response.getheader("content-type", "").startswith(
            "application/json"
        ) and text else None
    finally:
        connection.close()


# --- cookie -------------------------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("name", sorted({given["name"] for _, given, _ in rows("cookie", "read")}))
def test_cookies_are_read(framework: str, name: str) -> None:
    cookie = {"name": name, "secure": True}
    with (
        served(framework, cookie=cookie, access_cookie={"name": "other"}) as (base, session),
        served(framework, cookie={"name": "other"}, access_cookie=cookie) as (guarded, own),
    ):
        for id, given, expect in rows("cookie", "read"):
            if given["name"] != name:
                continue
            headers, expect = given["headers"], seen(framework, given, expect)
            lines = lambda value, token: [("cookie", with_value(header, value, token)) for header in headers]  # noqa: B023, E731
            if isinstance(expect, dict) and expect.get("one") in ("x", "y"):
                # A good token where the row has its value is let in.
                for at, method, path, token in (
                    (base, "POST", "/auth/refresh", session["refresh_token"]),
                    (guarded, "GET", "/protected", own["access_token"]),
                ):
                    assert send(at, method, path, lines(expect["one"], token))[0] == 200, (id, path)
            answers = [
                send(base, "POST", "/auth/refresh", lines("", "")),
                send(guarded, "GET", "/protected", lines("", "")),
            ]
            words = [(status, body["code"], body["message"]) for status, body in answers]
            if expect == "none" or expect == {"one": ""}:
                # An empty cookie is nobody's token.
                assert words[0] == (401, "UNAUTHORIZED", "Refresh token cookie is missing"), id
                assert words[1][:2] == (401, "UNAUTHORIZED") and "cookies" not in words[1][2], id
            elif "tooMany" in expect:
                assert all(
                    one == (401, "UNAUTHORIZED", f"Several different cookies are named {name}") for one in words
                ), (id, words)
            else:
                # It is read, and is no token.
                assert [one[:2] for one in words] == [(401, "TOKEN_INVALID")] * 2, id


def seen(framework: str, given: dict[str, Any], expect: Any) -> Any:
    """WSGI has one text for a header. Servers join several lines by commas, as is right for all headers but this one,
    which no client sends twice (RFC 6265, 5.4): whatever stands in them, nobody is let in by a cookie of the second
    line."""
    if framework not in WSGI or len(given["headers"]) < 2:
        return expect
    both = {"several": [*"0123456", "7,refresh_token=8"]}
    return {
        "read second header": "none",
        "read two headers": {"one": "x,refresh_token=y"},
        "read nine values in two headers": both,
    }[{json.dumps(row): id for id, row, _ in rows("cookie", "read")}[json.dumps(given)]]


def with_value(header: str, value: str, token: str) -> str:
    return re.sub(rf"(?<=[=\s\"]){value}(?=$|[;\s\"])", token, header) if value else header


# --- origin -------------------------------------------------------------------------------------------------------


@EACH
def test_same_origin(framework: str) -> None:
    trusted: Any
    for trusted in sorted({tuple(given["trusted"]) for _, given, _ in rows("origin", "sameOrigin")}):
        with served(framework, access_cookie=True, session_check=False, trusted_origins=list(trusted)) as (
            base,
            session,
        ):
            for id, given, expect in rows("origin", "sameOrigin"):
                # Servers take these from a proxy, and no other spelling of them.
                if tuple(given["trusted"]) != trusted or given.get("scheme") not in (None, "http", "https"):
                    continue
                named = (
                    ("upgrade", "upgrade"),
                    ("sec-fetch-site", "secFetchSite"),
                    ("origin", "origin"),
                    ("x-forwarded-proto", "scheme"),
                )
                sent = [(name, given[key]) for name, key in named if given.get(key) is not None]
                ask = lambda name, value: send(
                    base, given["method"], "/protected", [(name, value), *sent], given["host"]
                )  # noqa: B023, E731
                status, body = ask("cookie", f"access_token={session['access_token']}")
                if given["method"] == "get" and framework == "FastAPI":
                    # Methods have a case (RFC 9110, 9.1), and a route of Starlette's knows none of this one.
                    assert status == 405
                    continue
                assert status == (200 if expect else 403), (id, status, body)
                assert expect or body["code"] == "FORBIDDEN"
                # Where the credential is no cookie, no browser sent it of itself.
                assert ask("authorization", f"Bearer {session['access_token']}")[0] == 200, id


# --- client-ip ----------------------------------------------------------------------------------------------------


def tell(_: Any, context: Any, __: Any) -> None:
    """In the place of a login: answers with the client's address."""
    raise SentriError("VALIDATION_ERROR", context["ip"])


Ask = Callable[[str, list[str]], str]


def over_wsgi(app: Any) -> Ask:
    """The address of the peer is the server's to say, so the test stands in its place."""
    from werkzeug.test import Client

    def ask(peer: str, forwarded: list[str]) -> str:
        headers = [("X-Forwarded-For", line) for line in forwarded]
        response = Client(app).post("/auth/login", json={}, headers=headers, environ_base={"REMOTE_ADDR": peer})
        message: str = json.loads(response.get_data())["message"]
        return message

    return ask


def over_asgi(app: Any) -> Ask:
    from asgiref.testing import ApplicationCommunicator

    async def sent(peer: str, forwarded: list[str]) -> str:
        headers = [(b"content-type", b"application/json"), *((b"x-forwarded-for", line.encode()) for line in forwarded)]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": "POST", "path": "/auth/login",
            "raw_path": b"/auth/login", "root_path": "", "query_string": b"", "headers": headers, "client": (peer, 50_000), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        communicator = ApplicationCommunicator(app, scope)
        await communicator.send_input({"type": "http.request", "body": b"{}"})
        assert (await communicator.receive_output(20))["type"] == "http.response.start"
        message: str = json.loads((await communicator.receive_output(20))["body"])["message"]
        await communicator.wait(20)
        return message

    return lambda peer, forwarded: asyncio.run(sent(peer, forwarded))


def fastapi(own: dict[str, Any]) -> tuple[Any, Ask]:
    from fastapi import FastAPI
    from sentri.fastapi import AuthServer

    auth, app = AuthServer(**own), FastAPI()
    auth.install(app, prefix="/auth")
    return auth.blocking, over_asgi(app)


def flask(own: dict[str, Any]) -> tuple[Any, Ask]:
    from flask import Flask
    from sentri.flask import AuthServer

    auth, app = AuthServer(**own), Flask(__name__)
    auth.init_app(app, url_prefix="/auth")
    return auth, over_wsgi(app)


def django(own: dict[str, Any]) -> tuple[Any, Ask]:
    from sentri.django import AuthServer

    auth = AuthServer(**own)
    return auth, over_wsgi(django_wsgi(django_urls(auth, False)))


def django_async(own: dict[str, Any]) -> tuple[Any, Ask]:
    from sentri.django import AuthServer

    auth = AuthServer(**own)
    return auth, over_asgi(django_asgi(django_urls(auth, True)))


@pytest.mark.parametrize("serve", [fastapi, flask, django, django_async], ids=FRAMEWORKS)
def test_client_addresses_are_resolved(serve: Callable[[dict[str, Any]], tuple[Any, Ask]]) -> None:
    def resolve(given: dict[str, Any]) -> Any:
        auth, ask = serve(options(logger=False, router={"login": tell}, trust_proxy=given["trustProxy"]))
        auth.migrate()
        try:
            return ask(given["peer"], given["forwarded"])
        finally:
            auth.close()

    for id, given, expect in rows("client-ip", "resolve"):
        found = said(lambda: resolve(given))  # noqa: B023
        assert fits(expect, found), (id, found)
