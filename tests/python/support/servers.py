"""Auth servers for tests."""

from __future__ import annotations

from typing import Any

PASSWORD = "correct horse 1"


def options(**more: Any) -> dict[str, Any]:
    """The options of a fast test server."""
    return {
        "db": "sqlite::memory:",
        "secret": "a secret of at least thirty-two bytes, for tests",
        "valid_roles": ["user", "admin"],
        "salt_rounds": 10,
        "rate_limit": False,
        **more,
    }


def user(name: str, **more: Any) -> dict[str, Any]:
    """The input of a registration."""
    return {"identifiers": [{"type": "username", "value": name}], "password": PASSWORD, **more}


def login(name: str, password: str = PASSWORD) -> tuple[dict[str, Any], bytes]:
    """A request to /login."""
    request = {"method": "POST", "path": "/login", "headers": [("content-type", "application/json")]}
    return request, f'{{"identifier":"{name}","password":"{password}"}}'.encode()
