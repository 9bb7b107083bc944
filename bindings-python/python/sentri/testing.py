"""For tests: a clock that stands still until it is moved. Pass it as the option ``clock``::

    clock = Clock(datetime(2026, 1, 1, tzinfo=timezone.utc))
    auth = AuthServer(db="sqlite::memory:", valid_roles=["user"], clock=clock)
    clock.advance(timedelta(minutes=15))
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Optional


class Clock:
    """A clock of a test. Instants are milliseconds since 1970 or aware datetimes."""

    def __init__(self, start: Optional[int | datetime] = None) -> None:
        self._now = int(time.time() * 1000) if start is None else _millis(start)
        self._listeners: list[Callable[[int], None]] = []

    def now(self) -> int:
        """Milliseconds since 1970."""
        return self._now

    def set(self, now: int | datetime) -> None:
        """Moves the clock to an instant."""
        self._now = _millis(now)
        for listener in self._listeners:
            listener(self._now)

    def advance(self, by: int | timedelta) -> None:
        """Moves the clock on, by milliseconds or a timedelta."""
        self.set(self._now + (by if isinstance(by, int) else round(by.total_seconds() * 1000)))

    def on_change(self, listener: Callable[[int], None]) -> None:
        """Calls back at every move."""
        self._listeners.append(listener)


def _millis(at: int | datetime) -> int:
    return at if isinstance(at, int) else round(at.timestamp() * 1000)
