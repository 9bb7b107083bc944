"""For tests: a clock that stands still until it is moved. Pass it as the option ``clock``::

clock = Clock(datetime(2026, 1, 1, tzinfo=timezone.utc))
auth = AuthServer(db="sqlite::memory:", valid_roles=["user"], clock=clock)
clock.advance(timedelta(minutes=15))

With it hashes of passwords cost next to nothing (``salt_rounds`` is 4 unless you set it). Production refuses it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Optional


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
        """Moves the clock forward, by milliseconds or a timedelta."""
        self.set(self._now + (by if isinstance(by, int) else round(by.total_seconds() * 1000)))

    def on_change(self, listener: Callable[[int], None]) -> None:
        """Calls a listener at every move."""
        self._listeners.append(listener)


def _millis(at: int | datetime) -> int:
    return at if isinstance(at, int) else round(at.timestamp() * 1000)


class Mailbox(Mapping[str, Any]):
    """A mailbox that takes messages at once. Pass it as the option ``messages``; ``auth.mailbox`` is the same::

    auth = AuthServer(db="sqlite::memory:", valid_roles=["user"], messages=Mailbox())
    # .. POST /password/forgot, then
    code = auth.mailbox.code("anna@example.com")

    :param options: ``links`` and ``locale``, as the option ``messages`` has them.
    """

    def __init__(self, **options: Any) -> None:
        self._options: dict[str, Any] = {**options, "send": lambda message, _context: self.take(message)}
        self._messages: list[dict[str, Any]] = []
        self._refusal: Optional[str] = None

    def __getitem__(self, name: str) -> Any:
        return self._options[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)

    def last(self, to: str) -> Optional[dict[str, Any]]:
        """The last message to an address, if any."""
        return next((message for message in reversed(self._messages) if message["to"] == to), None)

    def code(self, to: str) -> str:
        """The code of the last message to an address.

        :raises LookupError: there is none.
        """
        code = (self.last(to) or {}).get("code")
        if code is None:
            raise LookupError(f"no message with a code went to {to}")
        return str(code)

    def all(self) -> list[dict[str, Any]]:
        """All messages, oldest first."""
        return list(self._messages)

    def clear(self) -> None:
        """Forgets all messages."""
        self._messages.clear()

    def refuse(self, cause: Optional[str] = None) -> None:
        """Refuses messages from now on, for this cause, as a mail server may. Without a cause, takes messages again."""
        self._refusal = cause

    def take(self, message: dict[str, Any]) -> Optional[str]:
        """Takes a message; returns the cause of a refusal."""
        if self._refusal is None:
            self._messages.append(message)
        return self._refusal
