"""Auth for Django, synchronous and asynchronous views alike::

auth = AuthServer(db="sqlite:./sentri.db", valid_roles=["user", "admin"])
urlpatterns = [path("auth/", include(auth.urls))]  # async_urls under ASGI
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from .extras import require

require("django")
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, re_path

from . import blocking, client
from .django_messages import DjangoExchange, Middleware, exempt, guard_view, read_length, read_path, write_response
from .errors import SentriError
from .exchange import to_core
from .idempotency_django import Idempotent as Idempotent, create_idempotency_middleware as create_idempotency_middleware
from .requests import matched, read_body
from .steps import Guards, Limit, Protect, Step
from .types import LimiterOptions
from .wire import EndpointRequest

if TYPE_CHECKING:
    from typing_extensions import Unpack

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
View = Callable[..., Any]


class DjangoGuard(Guards[Decorator]):
    """``@auth.protect()`` and its companions. ``request.user`` and ``request.auth`` hold the user of a request."""

    def _form(self, step: Step) -> Decorator:
        return lambda view: guard_view(self, step, view)

    @property
    def authentication(self) -> type:
        """A class for ``authentication_classes`` of Django REST framework."""
        from .django_rest import Authentication

        return type("SentriAuthentication", (Authentication,), {"guard": self, "step": Protect(self)})

    @property
    def middleware(self) -> type:
        """Answers a ``SentriError`` that a view raises in the envelope. List its name in ``MIDDLEWARE``."""
        return type("SentriMiddleware", (Middleware,), {"auth": self})


class AuthClient(DjangoGuard, client.AuthClient):
    """Client mode for Django."""


class AuthServer(DjangoGuard, Idempotent, blocking.BlockingAuthServer):
    """Server mode for Django. Programmatic calls block; ``auth.asynchronous`` has them for event loops."""

    @property
    def urls(self) -> list[URLPattern]:
        """The endpoints, for ``path("auth/", include(auth.urls))``."""
        return _urls(self, self._serving)

    @property
    def async_urls(self) -> list[URLPattern]:
        """The endpoints as asynchronous views, for an ASGI server, where blocking views would wait for each other."""
        return _urls(self, self._serving_async)

    def rate_limiter(self, key: Optional[View] = None, **options: Unpack[LimiterOptions]) -> Decorator:
        """Limits how often a client may call a view. ``key`` returns a text, a whole number or a boolean to count by.
        If it returns nothing, the client's address counts."""
        return self._form(Limit(self, key, options))

    def _serving(self, pattern: str) -> View:
        def serve(request: HttpRequest, **values: str) -> HttpResponse:
            try:
                made = self.handle(*self._read(request, pattern, values))
            except SentriError as error:
                made = self.error_response(error)
            return write_response(made)

        return serve

    def _serving_async(self, pattern: str) -> View:
        async def serve(request: HttpRequest, **values: str) -> HttpResponse:
            try:
                made = await self.asynchronous.handle(*self._read(request, pattern, values))
            except SentriError as error:
                made = self.error_response(error)
            return write_response(made)

        return serve

    def _read(self, request: HttpRequest, pattern: str, values: dict[str, str]) -> tuple[EndpointRequest, Any]:
        path = matched(whole := read_path(request), pattern, values)
        if not self.has_route(request.method or "", path):
            raise Http404
        moved = to_core(DjangoExchange(request), path, whole, request.META.get("QUERY_STRING", ""))
        raw, moved["tooLarge"] = read_body(read_length(request), lambda: _whole(request))
        return moved, raw


def _whole(request: HttpRequest) -> bytes:
    raw: bytes = request.body
    # Under WSGI, Django does not distinguish a part of a body from the whole.
    if len(raw) < (read_length(request) or 0):
        raise ConnectionError
    return raw


def _urls(auth: AuthServer, serving: Callable[[str], View]) -> list[URLPattern]:
    # Longer patterns come first, since an id may hold any character, an encoded slash too.
    patterns = sorted({pattern for _, pattern, _ in auth.routes}, key=lambda pattern: -pattern.count("/"))
    regex = {pattern: "^" + re.sub(r":(\w+)", r"(?P<\1>[\\s\\S]+)", pattern[1:]) + "/?$" for pattern in patterns}
    name = {pattern: "sentri" + re.sub(r"[/:]+", "-", pattern) for pattern in patterns}
    return [re_path(regex[pattern], exempt(serving(pattern)), name=name[pattern]) for pattern in patterns]
