"""Requests and responses of Django, converted unchanged."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http.cookies import Morsel
from typing import TYPE_CHECKING, Any, Optional

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from .django_user import DjangoUser
from .errors import SentriError
from .exchange import Headers
from .guarding import ResponseData
from .requests import asgi_headers, asgi_path, wsgi_headers, wsgi_path
from .steps import Protect, Step
from .types import Auth, User

if TYPE_CHECKING:
    from .guarding import Guard


class DjangoExchange:
    """A request of Django. ``request.user`` and ``request.auth`` hold its user."""

    def __init__(self, request: HttpRequest) -> None:
        self.method, self.scheme = request.method or "", request.scheme
        # Under ASGI, the scope has the lines of headers, which Django joins by commas, those of cookies too.
        scope = getattr(request, "scope", None)
        self.headers = _as_set(asgi_headers(scope), request) if scope else wsgi_headers(request.META)
        self.client_ip: Optional[str] = request.META.get("REMOTE_ADDR")
        self.known_id = getattr(request, "request_id", None)
        self.arguments = (request,)
        self._request: Any = request
        self._added: Headers = []

    @property
    def user(self) -> Optional[User]:
        return getattr(self._request, "sentri_user", None)

    @property
    def auth(self) -> Optional[Auth]:
        return getattr(self._request, "sentri_auth", None)

    @property
    def running(self) -> Any:
        return getattr(self._request, "sentri_running", None)

    def admit(self, user: User, auth: Auth) -> None:
        shown = DjangoUser(user.id, user.roles)

        async def auser() -> User:
            return shown

        # `protect()` has checked the origin of a request that a cookie authenticates. Otherwise REST framework would
        # ask for Django's CSRF token too.
        self._request.user, self._request.auser, self._request._dont_enforce_csrf_checks = shown, auser, True
        self._request.sentri_user, self._request.sentri_auth, self._request.auth = user, auth, auth

    def add(self, headers: Headers) -> None:
        self._added.extend(headers)

    def finish(self, response: HttpResponse) -> HttpResponse:
        """The response with the added headers."""
        return _add(response, self._added)


def _as_set(sent: Headers, request: HttpRequest) -> Headers:
    """The headers of a scope, with the ``Authorization`` that middleware has set in ``META``."""
    name, known = "authorization", request.META.get("HTTP_AUTHORIZATION")
    if known == (",".join(value for header, value in sent if header == name) or None):
        return sent
    others = [header for header in sent if header[0] != name]
    return others if known is None else [*others, (name, known)]


def guard_view(guard: Guard, step: Step, view: Callable[..., Any]) -> Callable[..., Any]:
    """Puts a step in front of a view. Behind ``protect()``, a view needs no CSRF token of Django."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        exchange = DjangoExchange(request)
        try:
            step.blocking(exchange)
        except SentriError as error:
            return exchange.finish(write_response(guard.error_response(error)))
        return exchange.finish(view(request, *args, **kwargs))

    @wraps(view)
    async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        exchange = DjangoExchange(request)
        try:
            await step.awaited(exchange)
        except SentriError as error:
            return exchange.finish(write_response(guard.error_response(error)))
        return exchange.finish(await view(request, *args, **kwargs))

    form = guarded_async if iscoroutinefunction(view) else guarded
    return exempt(form) if isinstance(step, Protect) else form


class Middleware:
    """Lets requests pass; Django asks it to convert an exception to a response."""

    auth: Guard
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self._get_response(request)

    def process_exception(self, _: HttpRequest, error: Exception) -> Optional[HttpResponse]:
        return write_response(self.auth.error_response(error)) if isinstance(error, SentriError) else None


def exempt(view: Callable[..., Any]) -> Callable[..., Any]:
    """Exempts a view from Django's CSRF tokens. The endpoints and ``protect()`` check the origin of requests that a
    cookie authenticates, and another site needs permission (CORS) to send a bearer token."""
    # Django's own decorator makes every view synchronous before Django 5.0.
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


def read_path(request: HttpRequest) -> str:
    """The raw path, as far as the server provides it."""
    scope = getattr(request, "scope", None)
    return asgi_path(scope) if scope else wsgi_path(request.META)


def read_length(request: HttpRequest) -> Optional[int]:
    """The client's declared length of the body."""
    text = request.META.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdigit() else None


def write_response(made: ResponseData) -> HttpResponse:
    """Converts a response of the core unchanged."""
    response = HttpResponse(made.body, status=made.status)
    del response["Content-Type"]
    return _add(response, made.headers)


def _add(response: HttpResponse, headers: Headers) -> HttpResponse:
    # Django keeps cookies apart from headers, since it writes them itself.
    for name, value in headers:
        if name == "Set-Cookie":
            _add_cookie(response, _Cookie(value))
        else:
            response[name] = value
    return response


def _add_cookie(response: HttpResponse, cookie: _Cookie) -> None:
    """Adds a cookie. Django keeps one cookie for each name, a browser keeps one for each name, domain and path. So an
    earlier cookie of the name with another place moves to a key with its place. The last one stays under its name,
    where an application looks for it."""
    before = dict.pop(response.cookies, cookie.key, None)
    if isinstance(before, _Cookie) and before.place != cookie.place:
        dict.__setitem__(response.cookies, f"{cookie.key}; {before.place}", before)
    dict.pop(response.cookies, f"{cookie.key}; {cookie.place}", None)
    dict.__setitem__(response.cookies, cookie.key, cookie)


class _Cookie(Morsel[str]):
    """A cookie that is sent exactly as the core wrote it."""

    def __init__(self, line: str) -> None:
        super().__init__()
        name, _, rest = line.partition("=")
        value, *attributes = rest.split("; ")
        self.set(name, value, value)
        self.place = "; ".join(sorted(one for one in attributes if one.startswith(("Domain=", "Path="))))
        self._line = line

    def OutputString(self, attrs: Any = None) -> str:
        return self._line
