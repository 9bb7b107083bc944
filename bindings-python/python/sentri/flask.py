"""Auth for Flask. One call mounts it: ``auth.init_app(app, url_prefix="/auth")``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Optional

from .extras import require

require("flask")
from flask import Blueprint, Flask, Response, abort, after_this_request, current_app, g, request

from werkzeug.exceptions import ClientDisconnected

from . import blocking, client
from .errors import SentriError
from .exchange import Headers, to_core
from .idempotency_flask import Idempotent as Idempotent, create_idempotency_middleware as create_idempotency_middleware
from .requests import MAX_BODY, matched, read_body, wsgi_headers, wsgi_path
from .steps import Guards, Limit, Step
from .tables import SENTRI_ROUTES
from .types import Auth, LimiterOptions, User

if TYPE_CHECKING:
    from typing_extensions import Unpack

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _Exchange:
    """The request of Flask's context. ``g.user`` and ``g.auth`` say whose it is."""

    def __init__(self) -> None:
        self.method, self.scheme, self.arguments = request.method, request.scheme, ()
        self.headers = wsgi_headers(request.environ)
        self.client_ip, self.known_id = request.remote_addr, getattr(g, "request_id", None)

    @property
    def user(self) -> Optional[User]:
        return getattr(g, "sentri_user", None)

    @property
    def running(self) -> Any:
        return request.environ.get("sentri.idempotency")

    def admit(self, user: User, auth: Auth) -> None:
        g.user, g.auth, g.sentri_user = user, auth, user

    def add(self, headers: Headers) -> None:
        @after_this_request
        def send(response: Response) -> Response:
            for name, value in headers:
                (response.headers.add if name == "Set-Cookie" else response.headers.set)(name, value)
            return response


class FlaskGuard(Guards[Decorator]):
    """``@auth.protect()`` and its companions, below ``@app.route``."""

    def _form(self, step: Step) -> Decorator:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                step.blocking(_Exchange())
                return current_app.ensure_sync(view)(*args, **kwargs)

            return guarded

        return decorate

    def error_handler(self, error: Exception) -> Response:
        """Answers an error in the envelope: ``app.register_error_handler(Exception, auth.error_handler)``. What nobody expected
        goes to the application's log, as it does without a handler: the answer says nothing of it."""
        made = self.error_response(error)
        if made.status >= 500 and not isinstance(error, SentriError):
            current_app.log_exception(sys.exc_info())
        response = Response(made.body, made.status, made.headers)
        if made.status == 204:  # Flask names a type for every body, and there is none.
            del response.headers["Content-Type"]
        return response

    def attach(self, app: Flask) -> None:
        """Answers ``SentriError`` in the envelope."""
        app.register_error_handler(SentriError, self.error_handler)


class AuthClient(FlaskGuard, client.AuthClient):
    """Client mode for Flask: ``auth.attach(app)``."""


class AuthServer(FlaskGuard, Idempotent, blocking.BlockingAuthServer):
    """Server mode for Flask. Programmatic calls block; ``auth.asynchronous`` has them for event loops."""

    def init_app(self, app: Flask, *, url_prefix: str = "/auth") -> None:
        """``attach``, and the endpoints under ``url_prefix``."""
        self.attach(app)
        app.register_blueprint(self.blueprint(), url_prefix=url_prefix)

    def blueprint(self, name: str = "sentri") -> Blueprint:
        """The endpoints."""
        blueprint = Blueprint(name, __name__)
        for method, pattern, _ in SENTRI_ROUTES:
            rule, endpoint = re.sub(r":(\w+)", r"<path:\1>", pattern), re.sub(r"\W+", "_", f"{method}{pattern}")
            blueprint.add_url_rule(rule, endpoint, self._serving(pattern), methods=[method], strict_slashes=False)
        return blueprint

    def rate_limiter(self, key: Optional[Callable[[], Any]] = None, **options: Unpack[LimiterOptions]) -> Decorator:
        """Limits how often a client may call a route. ``key`` replaces the client's address, unless it
        returns nothing: a text, a whole number or a boolean."""
        return self._form(Limit(self, key, options))

    def _serving(self, pattern: str) -> Callable[..., Response]:
        def serve(**values: str) -> Response:
            path = matched(wsgi_path(request.environ), pattern, values)
            if not self.has_route(request.method, path):
                abort(404)
            moved = to_core(_Exchange(), path, request.query_string.decode("latin-1"))
            try:
                raw, moved["tooLarge"] = read_body(request.content_length, _read)
            except SentriError as error:
                return self.error_handler(error)
            made = self.handle(moved, raw)
            return Response(made.body, made.status, made.headers)

        return serve


def _read() -> bytes:
    # Without a length only as much as tells that it is too long.
    try:
        return request.get_data() if request.content_length is not None else request.stream.read(MAX_BODY + 1)
    except ClientDisconnected as gone:
        raise ConnectionError from gone
