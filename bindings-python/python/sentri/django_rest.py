"""Authentication for Django REST framework: ``authentication_classes = [auth.authentication]``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from .extras import require

require("rest_framework", "djangorestframework")
from rest_framework.authentication import BaseAuthentication  # type: ignore[import-untyped]
from rest_framework.exceptions import APIException  # type: ignore[import-untyped]

from .django_messages import DjangoExchange
from .errors import SentriError
from .guarding import Answered
from .types import Auth, User

if TYPE_CHECKING:
    from .guarding import Guard
    from .steps import Step


class Refused(APIException):  # type: ignore[misc]
    """A refusal that is answered in the envelope by whichever exception handler the application has."""

    def __init__(self, guard: Guard, error: SentriError) -> None:
        super().__init__(str(error))
        answer = guard.error_response(error)
        headers = {name.lower(): value for name, value in answer.headers}
        self.status_code = answer.status
        self.detail = json.loads(answer.body)
        self.auth_header = headers.get("www-authenticate")
        self.wait = headers.get("retry-after")


class Authentication(BaseAuthentication):  # type: ignore[misc]
    """Sets ``request.user`` and ``request.auth`` for requests with a token; ``permission_classes`` judge other
    requests."""

    guard: Guard
    step: Step

    def authenticate(self, request: Any) -> Optional[tuple[User, Auth]]:
        exchange = DjangoExchange(request._request)
        view = (request.parser_context or {}).get("view")
        if view is not None:
            view.finalize_response = _finishing(exchange, view.finalize_response)
        try:
            self.step.blocking(exchange)
        except SentriError as error:
            # A preflight has no user; the view has its own answer to it.
            if isinstance(error, Answered) or self.guard.get_current_access_token(dict(exchange.headers)) is None:
                return None
            raise Refused(self.guard, error) from error
        return request._request.user, request._request.auth

    def authenticate_header(self, request: Any) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return "Bearer"


def _finishing(exchange: DjangoExchange, finalize: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the headers of ``protect()`` to the response of this view instance, which Django makes for each request."""
    return lambda *args, **kwargs: exchange.finish(finalize(*args, **kwargs))
