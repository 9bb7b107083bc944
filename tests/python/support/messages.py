"""Servers that send messages, and what they log of it."""

from __future__ import annotations

from typing import Any, Callable

from sentri import AuthServer

from .golden import Listener
from .servers import PASSWORD, options

TO = "anna@example.com"
ANNA = [{"type": "email", "value": TO}]
LINKS = {"reset": "https://app.example.com/reset"}


def server(kind: Callable[..., Any], send: Any, events: list[Any]) -> Any:
    return kind(**options(messages={"send": send, "links": LINKS}, logger=Listener(events)))


def logged(events: list[Any]) -> list[Any]:
    return [(name, entry.get("cause")) for name, entry in events if "auth.message" in name]


def with_anna(send: Any, events: list[Any]) -> Any:
    """A server for event loops that has a user."""
    auth = server(AuthServer, send, events)
    auth.blocking.migrate()
    auth.blocking.register(identifiers=ANNA, password=PASSWORD)
    return auth
