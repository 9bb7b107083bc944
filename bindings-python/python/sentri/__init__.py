"""Auth for services: registration, login by any identifier, JWT access tokens, rotating refresh tokens, sessions,
roles.

``AuthServer`` for event loops and ``BlockingAuthServer`` for threads are the same server over one native core, which
also serves Node; ``AuthClient`` guards the routes of other services by its public keys. ``sentri.fastapi``,
``sentri.flask`` and ``sentri.django`` mount it.
"""

from __future__ import annotations

from .blocking import BlockingAuthServer
from .client import AuthClient
from .errors import SentriError
from .server import AuthServer
from .standalone import (
    hash_password,
    hash_password_async,
    needs_rehash,
    public_jwks,
    sign_access_token,
    verify_access_token,
    verify_password,
    verify_password_async,
    verify_refresh_token,
)
from .tables import SENTRI_ERROR_STATUS, SENTRI_EVENTS, SENTRI_ROUTES
from .types import Access, Auth, User

__all__ = [
    "SENTRI_ERROR_STATUS",
    "SENTRI_EVENTS",
    "SENTRI_ROUTES",
    "Access",
    "Auth",
    "AuthClient",
    "AuthServer",
    "BlockingAuthServer",
    "SentriError",
    "User",
    "hash_password",
    "hash_password_async",
    "needs_rehash",
    "public_jwks",
    "sign_access_token",
    "verify_access_token",
    "verify_password",
    "verify_password_async",
    "verify_refresh_token",
]
