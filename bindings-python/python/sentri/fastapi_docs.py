"""The endpoints and ``protect()`` in the OpenAPI document that FastAPI writes for an application."""

# Annotations must be objects here and not texts: FastAPI reads those of a callable object, and could not resolve names.
import re
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Depends
from fastapi.openapi.models import APIKey, APIKeyIn, HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from .openapi import operation


def _api_key(place: APIKeyIn, name: str) -> APIKey:
    # The name of the member is a keyword of Python.
    members: Any = {"in": place, "name": name}
    return APIKey(**members)


#: The security schemes of the core's document.
_SCHEMES: dict[str, Any] = {
    "accessToken": HTTPBearer(bearerFormat="JWT"),
    "apiKey": _api_key(APIKeyIn.header, "X-Api-Key"),
    "refreshCookie": _api_key(APIKeyIn.cookie, "refresh_token"),
}


class _Scheme(SecurityBase):
    """Names a security scheme in the document, and checks nothing: the core does."""

    def __init__(self, name: str) -> None:
        self.scheme_name = name
        self.model = _SCHEMES[name]

    async def __call__(self) -> None: ...


class BearerDependency(SecurityBase):
    """``protect()`` as a dependency: the document says that a route behind it requires an access token."""

    def __init__(self, dependency: Callable[[HTTPConnection], Awaitable[Any]]) -> None:
        self.scheme_name = "accessToken"
        self.model = _SCHEMES["accessToken"]
        self._dependency = dependency

    async def __call__(self, request: HTTPConnection) -> Any:
        return await self._dependency(request)


def described(method: str, pattern: str) -> dict[str, Any]:
    """The arguments of FastAPI for a route, from the core's description of the endpoint."""
    described = operation(method, pattern)
    security, name = described.pop("security"), described.pop("operationId")
    success = next(status for status in described["responses"] if status.startswith("2"))

    def unique_id(route: APIRoute) -> str:
        """The id that FastAPI makes, with another operation name: an application may mount the endpoints twice."""
        return re.sub(r"\W", "_", f"{name}{route.path_format}") + f"_{method.lower()}"

    return {
        "summary": described.pop("summary"),
        "status_code": int(success),
        "dependencies": [Depends(_Scheme(scheme)) for alternative in security for scheme in alternative],
        "generate_unique_id_function": unique_id,
        # An empty alternative admits any client, which no dependency expresses.
        "openapi_extra": {**described, **({"security": [{}]} if {} in security else {})},
    }
