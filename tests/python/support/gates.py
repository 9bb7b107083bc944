"""An application of every framework behind its idempotency middleware. A route is a function from a body, parsed if it
is JSON, to a ``Reply``, which a framework sends by its own means."""

from __future__ import annotations

import asyncio
import json
import types
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Optional

import sentri.django
import sentri.fastapi
import sentri.flask
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from .apps import configure_django, uvicorn_server, wsgi_server

METHODS = ["POST", "PUT", "PATCH", "DELETE"]


@dataclass
class Reply:
    json: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: Optional[str] = None
    stream: Optional[Iterator[str]] = None

    @property
    def content(self) -> str:
        return json.dumps(self.json) if self.text is None else self.text

    @property
    def type(self) -> str:
        return "application/json" if self.text is None and self.stream is None else "text/plain; charset=utf-8"


Routes = dict[str, Callable[[Any], Reply]]


def parsed(body: bytes, content_type: Optional[str]) -> Any:
    return json.loads(body) if (content_type or "").startswith("application/json") and body else body


def fastapi(gates: Sequence[Any], routes: Routes, auth: Any) -> Any:
    app = FastAPI()
    for gate in reversed(gates):
        app.add_middleware(gate)
    if auth is not None:
        auth.install(app, prefix="/auth")

    def add(path: str, route: Callable[[Any], Reply]) -> None:
        async def answer(request: Request) -> Response:
            body = parsed(await request.body(), request.headers.get("content-type"))
            reply = await asyncio.to_thread(route, body)
            if reply.stream is not None:
                return StreamingResponse(reply.stream, reply.status, reply.headers, reply.type)
            return Response(reply.content, reply.status, reply.headers, reply.type)

        guards = [Depends(auth.protect())] if auth is not None else []
        app.add_api_route(path, answer, methods=METHODS, dependencies=guards)

    for path, route in routes.items():
        add(path, route)
    return uvicorn_server(app)


def flask(gates: Sequence[Any], routes: Routes, auth: Any) -> Any:
    from flask import Flask, Response as FlaskResponse, request

    app = Flask(__name__)
    app.logger.disabled = True
    for gate in reversed(gates):
        app.wsgi_app = gate(app.wsgi_app)  # type: ignore[method-assign]
    if auth is not None:
        auth.init_app(app, url_prefix="/auth")

    def add(path: str, route: Callable[[Any], Reply]) -> None:
        def answer() -> FlaskResponse:
            reply = route(parsed(request.get_data(), request.content_type))
            content: Any = reply.content if reply.stream is None else reply.stream
            return FlaskResponse(content, reply.status, reply.headers, content_type=reply.type)

        view = answer if auth is None else auth.protect()(answer)
        app.add_url_rule(path, path, view, methods=METHODS)

    for path, route in routes.items():
        add(path, route)
    return wsgi_server(app)


def to_django(reply: Reply, asynchronous: bool) -> Any:
    from django.http import HttpResponse, StreamingHttpResponse

    async def pieces(stream: Iterator[str]) -> AsyncIterator[str]:
        while (piece := await asyncio.to_thread(next, stream, None)) is not None:
            yield piece

    headers = {"Content-Type": reply.type, **reply.headers}
    cookie = headers.pop("set-cookie", None)
    if reply.stream is None:
        response = HttpResponse(reply.content, status=reply.status, headers=headers)
        if cookie is not None:
            response.set_cookie(*cookie.split("="))
        return response
    content: Any = pieces(reply.stream) if asynchronous else reply.stream
    return StreamingHttpResponse(content, status=reply.status, headers=headers)


#: What ``MIDDLEWARE`` names, one at a time.
outer: Any = None
inner: Any = None


def django_application(gates: Sequence[Any], routes: Routes, auth: Any, asynchronous: bool) -> tuple[Any, Any]:
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    from django.test import override_settings
    from django.urls import include, path
    from django.views.decorators.csrf import csrf_exempt

    configure_django()

    def view(route: Callable[[Any], Reply]) -> Any:
        def answer(request: Any) -> Any:
            return to_django(route(parsed(request.body, request.content_type)), False)

        async def answer_async(request: Any) -> Any:
            reply = await asyncio.to_thread(route, parsed(request.body, request.content_type))
            return to_django(reply, True)

        chosen: Any = answer_async if asynchronous else answer
        return csrf_exempt(chosen if auth is None else auth.protect()(chosen))

    urlconf: Any = types.ModuleType("urls")
    urlconf.urlpatterns = [path(where[1:], view(route)) for where, route in routes.items()]
    if auth is not None:
        urlconf.urlpatterns.append(path("auth/", include(auth.async_urls if asynchronous else auth.urls)))
    globals().update(zip(("outer", "inner"), gates))
    names = [f"support.gates.{name}" for name in ("outer", "inner")[: len(gates)]]
    exceptions = ["support.gates.errors"] if auth is not None else []
    globals()["errors"] = None if auth is None else auth.middleware
    with override_settings(MIDDLEWARE=[*names, "support.apps.Urls", *exceptions]):
        return (get_asgi_application() if asynchronous else get_wsgi_application()), urlconf


def django(gates: Sequence[Any], routes: Routes, auth: Any) -> Any:
    application, urlconf = django_application(gates, routes, auth, False)

    def app(environ: Any, start_response: Any) -> Any:
        return application({**environ, "test.urlconf": urlconf}, start_response)

    return wsgi_server(app)


def django_async(gates: Sequence[Any], routes: Routes, auth: Any) -> Any:
    application, urlconf = django_application(gates, routes, auth, True)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await application({**scope, "test.urlconf": urlconf}, receive, send)

    return uvicorn_server(app)


@dataclass
class Framework:
    module: Any
    start: Callable[[Sequence[Any], Routes, Any], Any]

    def gate(self, **options: Any) -> Any:
        """The middleware without an auth server."""
        return self.module.create_idempotency_middleware(**options)

    def auth(self, **options: Any) -> Any:
        return self.module.AuthServer(**options)

    @contextmanager
    def serve(self, gates: Any, routes: Routes, auth: Any = None) -> Iterator[str]:
        with ExitStack() as stack:
            if auth is not None:
                getattr(auth, "blocking", auth).migrate()
                stack.callback(getattr(auth, "blocking", auth).close)
            yield stack.enter_context(self.start(gates if isinstance(gates, list) else [gates], routes, auth))


FRAMEWORKS = {
    "FastAPI": Framework(sentri.fastapi, fastapi),
    "Flask": Framework(sentri.flask, flask),
    "Django": Framework(sentri.django, django),
    "Django, asynchronous": Framework(sentri.django, django_async),
}
