"""The Flask objects that hold the data of guards."""

from __future__ import annotations

from typing import Any, Optional

from flask import Response, after_this_request, g, request

from .exchange import Headers
from .requests import wsgi_headers
from .types import Auth, User


class FlaskExchange:
    """The request of Flask's context. ``g.user`` and ``g.auth`` hold its user."""

    def __init__(self) -> None:
        self.method, self.scheme, self.arguments = request.method, request.scheme, ()
        self.headers = wsgi_headers(request.environ)
        self.client_ip, self.known_id = request.remote_addr, getattr(g, "request_id", None)

    @property
    def user(self) -> Optional[User]:
        return getattr(g, "sentri_user", None)

    @property
    def auth(self) -> Optional[Auth]:
        return getattr(g, "sentri_auth", None)

    @property
    def running(self) -> Any:
        return request.environ.get("sentri.idempotency")

    def admit(self, user: User, auth: Auth) -> None:
        g.user, g.auth, g.sentri_user, g.sentri_auth = user, auth, user, auth

    def add(self, headers: Headers) -> None:
        @after_this_request
        def send(response: Response) -> Response:
            for name, value in headers:
                (response.headers.add if name == "Set-Cookie" else response.headers.set)(name, value)
            return response
