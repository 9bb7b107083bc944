"""Applications with the routes of the golden conversations, as a user of each framework would write them, served over
real sockets in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

import uvicorn
from fastapi import Depends, FastAPI, Request
from sentri import SentriError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import WSGIRequestHandler, make_server

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"]


def is_editor(user: Any) -> bool:
    return "editor" in user.roles


class _Server(uvicorn.Server):
    """One that stops when it is told to; uvicorn looks every 0.1 seconds and waits another 0.1."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        self.is_up.set()
        await self._stopped.wait()

    def stop(self) -> None:
        self.is_up.wait(10)
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def shutdown(self, sockets: Optional[list[socket.socket]] = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)


@contextmanager
def uvicorn_server(app: Any) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", proxy_headers=True, forwarded_allow_ips="127.0.0.1"
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop()
        thread.join(10)
        listener.close()


class Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        pass


@contextmanager
def wsgi_server(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


#: The routes that ask for an authentication which only a server with ``mfa`` can tell of.
STEP_UPS: dict[str, dict[str, Any]] = {
    "fresh": {"max_age": "10m"},
    "strong": {"acr": "aal2"},
    "strong-and-fresh": {"acr": "aal2", "max_age": 60},
}


def has_step_ups(auth: Any) -> bool:
    try:
        auth.protect(max_age="10m")
    except SentriError:
        return False
    return True


@contextmanager
def fastapi(options: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    from sentri.fastapi import AuthServer

    auth = AuthServer(**options)
    app = FastAPI()
    auth.install(app, prefix="/auth")
    fastapi_routes(app, auth)
    with uvicorn_server(app) as base:
        yield auth.blocking, base


@contextmanager
def fastapi_client(options: dict[str, Any]) -> Iterator[str]:
    from sentri.fastapi import AuthClient

    auth = AuthClient(**options)
    app = FastAPI()
    auth.attach(app)
    fastapi_routes(app, auth)
    with uvicorn_server(app) as base:
        yield base


def fastapi_routes(app: FastAPI, auth: Any) -> None:
    protect, admin = Depends(auth.protect()), Depends(auth.authorize("admin"))

    async def check(request: Request) -> bool:
        return is_editor(request.state.user)

    editors = Depends(auth.permit(check, roles=["admin"]))

    def route(path: str, *dependencies: Any) -> None:
        @app.api_route(path, methods=METHODS, dependencies=list(dependencies))
        async def answer(request: Request) -> Any:
            return request.state.user

    route("/protected", protect)
    route("/admin-only", protect, admin)
    route("/editors", protect, editors)
    if has_step_ups(auth):
        for path, asked in STEP_UPS.items():
            route(f"/{path}", Depends(auth.protect(**asked)))
    route("/unguarded-admin", admin)
    route("/unguarded-editors", editors)


@contextmanager
def flask(options: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    from flask import Flask
    from sentri.flask import AuthServer

    auth = AuthServer(**options)
    app = Flask(__name__)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]
    auth.init_app(app, url_prefix="/auth")
    flask_routes(app, auth)
    with wsgi_server(app) as base:
        yield auth, base


@contextmanager
def flask_client(options: dict[str, Any]) -> Iterator[str]:
    from flask import Flask
    from sentri.flask import AuthClient

    auth = AuthClient(**options)
    app = Flask(__name__)
    auth.attach(app)
    flask_routes(app, auth)
    with wsgi_server(app) as base:
        yield base


def flask_routes(app: Any, auth: Any) -> None:
    from flask import g, jsonify

    app.json.sort_keys = False
    editors = auth.permit(lambda: is_editor(g.user), roles=["admin"])

    def route(path: str, *guards: Any) -> None:
        def answer() -> Any:
            return jsonify(id=g.user.id, roles=g.user.roles)

        for guard in reversed(guards):
            answer = guard(answer)
        app.add_url_rule(path, path.replace("/", ""), answer, methods=METHODS)

    route("/protected", auth.protect())
    route("/admin-only", auth.protect(), auth.authorize("admin"))
    route("/editors", auth.protect(), editors)
    if has_step_ups(auth):
        for path, asked in STEP_UPS.items():
            route(f"/{path}", auth.protect(**asked))
    route("/unguarded-admin", auth.authorize("admin"))
    route("/unguarded-editors", editors)


def django_urls(auth: Any, asynchronous: bool, endpoints: bool = True) -> Any:
    from django.http import JsonResponse
    from django.urls import include, path

    def answer(request: Any) -> Any:
        return JsonResponse({"id": request.user.id, "roles": request.user.roles})

    async def answer_async(request: Any) -> Any:
        return answer(request)

    editors = auth.permit(lambda request: is_editor(request.user), roles=["admin"])

    def route(where: str, *guards: Any) -> Any:
        view: Any = answer_async if asynchronous else answer
        for guard in reversed(guards):
            view = guard(view)
        view.csrf_exempt = True  # The decorator makes a synchronous view of any in Django 4.2.
        return path(where, view)

    urlconf: Any = types.ModuleType("urls")
    urlconf.urlpatterns = [
        *([path("auth/", include(auth.async_urls if asynchronous else auth.urls))] if endpoints else ()),
        route("protected", auth.protect()),
        route("admin-only", auth.protect(), auth.authorize("admin")),
        route("editors", auth.protect(), editors),
        *(route(path, auth.protect(**asked)) for path, asked in STEP_UPS.items() if has_step_ups(auth)),
        route("unguarded-admin", auth.authorize("admin")),
        route("unguarded-editors", editors),
    ]
    return urlconf


class Urls:
    """Lets several applications live in one process: each request brings its URL configuration."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        from asgiref.sync import iscoroutinefunction, markcoroutinefunction

        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        brought = request.scope if hasattr(request, "scope") else request.META
        request.urlconf = brought["test.urlconf"]
        return self.get_response(request)


def configure_django() -> None:
    from django.conf import settings

    if not settings.configured:
        import django

        settings.configure(
            ALLOWED_HOSTS=["*"],
            MIDDLEWARE=["support.apps.Urls", "django.middleware.csrf.CsrfViewMiddleware"],
            ROOT_URLCONF="support.apps",
            SECRET_KEY="of the test",
            SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        )
        django.setup()


urlpatterns: list[Any] = []


@contextmanager
def django(options: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    from sentri.django import AuthServer

    auth = AuthServer(**{"trust_proxy": 1, **options})
    with wsgi_server(django_wsgi(django_urls(auth, False))) as base:
        yield auth, base


@contextmanager
def django_client(options: dict[str, Any]) -> Iterator[str]:
    from sentri.django import AuthClient

    with wsgi_server(django_wsgi(django_urls(AuthClient(**options), False, endpoints=False))) as base:
        yield base


def django_wsgi(urlconf: Any) -> Any:
    from django.core.wsgi import get_wsgi_application

    configure_django()
    application = get_wsgi_application()

    def app(environ: Any, start_response: Any) -> Any:
        return application({**environ, "test.urlconf": urlconf}, start_response)

    return app


@contextmanager
def django_async(options: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    from sentri.django import AuthServer

    auth = AuthServer(**options)
    with uvicorn_server(django_asgi(django_urls(auth, True))) as base:
        yield auth, base


@contextmanager
def django_async_client(options: dict[str, Any]) -> Iterator[str]:
    from sentri.django import AuthClient

    with uvicorn_server(django_asgi(django_urls(AuthClient(**options), True, endpoints=False))) as base:
        yield base


def django_asgi(urlconf: Any) -> Any:
    from django.core.asgi import get_asgi_application

    configure_django()
    application = get_asgi_application()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await application({**scope, "test.urlconf": urlconf}, receive, send)

    return app


#: The same routes, guarded by the keys of an auth server elsewhere.
CLIENTS = {
    "FastAPI": fastapi_client,
    "Flask": flask_client,
    "Django": django_client,
    "Django, asynchronous": django_async_client,
}

FRAMEWORKS = {"FastAPI": fastapi, "Flask": flask, "Django": django, "Django, asynchronous": django_async}
