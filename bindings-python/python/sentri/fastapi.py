"""Auth for FastAPI and Starlette. One call mounts it: ``auth.install(app, prefix="/auth")``."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Optional

from .extras import require

require("fastapi")
from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from . import client, server
from .asgi import AsgiExchange, Endpoints, SendHeaders
from .asgi_socket import closing
from .errors import SentriError
from .fastapi_docs import BearerDependency, described
from .fastapi_response import Served
from .idempotency_fastapi import (
    Idempotent as Idempotent,
    create_idempotency_middleware as create_idempotency_middleware,
)
from .requests import asgi_path, matched
from .steps import Guards, Limit, Protect, Step
from .types import LimiterOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: For ``Depends(...)``, or awaited with a request or a WebSocket. Returns the user.
Dependency = Callable[[HTTPConnection], Awaitable[Any]]
#: Returns the key that a request is counted by: a text, a whole number or a boolean.
Key = Callable[[Request], Any]


class FastAPIGuard(Guards[Dependency]):
    """``Depends(auth.protect())`` and its companions. ``request.state.user`` and ``.auth`` hold the request's user."""

    def _form(self, step: Step) -> Dependency:
        async def dependency(request: HTTPConnection) -> Any:
            exchange = AsgiExchange(request.scope, request)
            with closing(request):
                await step.awaited(exchange)
            return exchange.user

        return BearerDependency(dependency) if isinstance(step, Protect) else dependency

    def protect(
        self,
        called_with: HTTPConnection = None,  # type: ignore[assignment]
        *,
        acr: Any = None,
        max_age: Any = None,
    ) -> Dependency:
        """Lets authenticated requests pass, and gives the application their user; see :meth:`Guards.protect`."""
        # If parentheses were forgotten, this method itself is the dependency, and FastAPI passes it the connection.
        if called_with is not None:
            cure = "Depends(auth.protect) guards nothing: write Depends(auth.protect())"
            raise SentriError("CONFIGURATION_ERROR", cure)
        return super().protect(acr=acr, max_age=max_age)

    async def error_handler(self, _: Request, error: Exception) -> Response:
        """Answers an error in the envelope: ``app.add_exception_handler(Exception, auth.error_handler)``."""
        made = self.error_response(error)
        return Response(made.body, made.status, dict(made.headers))

    def attach(self, app: FastAPI) -> None:
        """Answers ``SentriError`` in the envelope, and adds the headers of ``protect()`` to the responses of routes."""
        app.add_exception_handler(SentriError, self.error_handler)
        app.add_middleware(SendHeaders)


class AuthClient(FastAPIGuard, client.AuthClient):
    """Client mode for FastAPI and Starlette: ``auth.attach(app)``."""


class AuthServer(FastAPIGuard, Idempotent, server.AuthServer):
    """Server mode for FastAPI and Starlette."""

    def install(self, app: FastAPI, *, prefix: str = "/auth") -> None:
        """Calls ``attach``, and mounts the endpoints under ``prefix``."""
        self.attach(app)
        app.include_router(self.router(), prefix=prefix)

    def router(self) -> APIRouter:
        """Returns the endpoints as a router. The app's OpenAPI document describes them as the core does."""
        router = APIRouter(tags=["auth"])
        # A parameter matches slashes too, so `/users/:userId` would also match `/users/:userId/factors`.
        for method, pattern, _ in sorted(self.routes, key=lambda route: ":" in route[1].rsplit("/", 1)[-1]):
            path, serve = re.sub(r":(\w+)", r"{\1:path}", pattern), self._serving(pattern)
            words = described(method, pattern)
            router.add_api_route(path, serve, methods=[method], name=f"{method} {pattern}", **words)
            router.add_route(f"{path}/", serve, methods=[method], include_in_schema=False)
            if method == "GET":
                router.add_route(path, serve, methods=["HEAD"], include_in_schema=False)
        return router

    def app(self) -> ASGIApp:
        """The endpoints as an ASGI application: ``app.mount("/auth", auth.app())``."""
        return Endpoints(self)

    def rate_limiter(self, key: Optional[Key] = None, **options: Unpack[LimiterOptions]) -> Dependency:
        """Limits how often a client may call a route, by ``key`` or, if it returns nothing, by the address."""
        return self._form(Limit(self.blocking, key, options))

    def _serving(self, pattern: str) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            path = matched(asgi_path(request.scope), pattern, request.path_params)
            if not self.has_route(request.method, path):
                raise HTTPException(404)
            return Served(Endpoints(self, path))

        return serve
