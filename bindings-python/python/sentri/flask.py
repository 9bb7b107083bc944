"""Auth for Flask. One call mounts it: ``auth.init_app(app, url_prefix="/auth")``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Optional

from .constants import MAX_BODY
from .extras import require

require("flask")
from flask import Blueprint, Flask, Response, abort, current_app, request
from werkzeug.exceptions import ClientDisconnected

from . import blocking, client
from .errors import SentriError
from .exchange import to_core
from .flask_exchange import FlaskExchange
from .idempotency_flask import Idempotent as Idempotent, create_idempotency_middleware as create_idempotency_middleware
from .requests import matched, read_body, wsgi_path
from .steps import Guards, Limit, Step
from .types import LimiterOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class FlaskGuard(Guards[Decorator]):
    """``@auth.protect()`` and its companions, below ``@app.route``."""

    def _form(self, step: Step) -> Decorator:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                step.blocking(FlaskExchange())
                return current_app.ensure_sync(view)(*args, **kwargs)

            return guarded

        return decorate

    def error_handler(self, error: Exception) -> Response:
        """Answers an error in the envelope: ``app.register_error_handler(Exception, auth.error_handler)``. Unexpected
        errors go to the application's log, as they do without a handler; the answer does not describe them."""
        made = self.error_response(error)
        if made.status >= 500 and not isinstance(error, SentriError):
            current_app.log_exception(sys.exc_info())
        response = Response(made.body, made.status, made.headers)
        if made.status == 204:  # Flask sets a content type for every response, but this has no body.
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
        """Calls ``attach``, and mounts the endpoints under ``url_prefix``."""
        self.attach(app)
        app.register_blueprint(self.blueprint(), url_prefix=url_prefix)

    def blueprint(self, name: str = "sentri") -> Blueprint:
        """Returns the endpoints as a blueprint."""
        blueprint = Blueprint(name, __name__)
        for method, pattern, _ in self.routes:
            rule, endpoint = re.sub(r":(\w+)", r"<path:\1>", pattern), re.sub(r"\W+", "_", f"{method}{pattern}")
            blueprint.add_url_rule(rule, endpoint, self._serving(pattern), methods=[method], strict_slashes=False)
        return blueprint

    def rate_limiter(self, key: Optional[Callable[[], Any]] = None, **options: Unpack[LimiterOptions]) -> Decorator:
        """Limits how often a client may call a route. ``key`` returns a text, a whole number or a boolean to count by.
        If it returns nothing, the client's address counts."""
        return self._form(Limit(self, key, options))

    def _serving(self, pattern: str) -> Callable[..., Response]:
        def serve(**values: str) -> Response:
            whole = wsgi_path(request.environ)
            path = matched(whole, pattern, values)
            if not self.has_route(request.method, path):
                abort(404)
            moved = to_core(FlaskExchange(), path, whole, request.query_string.decode("latin-1"))
            try:
                raw, moved["tooLarge"] = read_body(request.content_length, _read)
            except SentriError as error:
                return self.error_handler(error)
            made = self.handle(moved, raw)
            return Response(made.body, made.status, made.headers)

        return serve


def _read() -> bytes:
    # Without a declared length, one byte more than the limit shows that the body is too long.
    try:
        return request.get_data() if request.content_length is not None else request.stream.read(MAX_BODY + 1)
    except ClientDisconnected as gone:
        raise ConnectionError from gone
