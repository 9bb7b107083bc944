"""Server mode, for threads that may block."""

from __future__ import annotations

from .server import BlockingAuthServer

__all__ = ["BlockingAuthServer"]
