"""Messages that are being sent."""

from __future__ import annotations

import inspect
import time
from typing import Any, Callable, Optional

from .functions import is_async

#: The time for an answer to be written before ``send`` is called, in seconds.
LEAD = 0.05

Message = dict[str, Any]


class Letter:
    """A message that is being sent. ``before`` is the letter of the same message in a loop that has ended."""

    def __init__(self, message: Message, before: Optional[Letter] = None) -> None:
        self.message = message
        self.before = before
        self.failed: int = before.failed if before else 0
        #: Whether another thread or loop sends it now.
        self.moved = False
        #: Whether a thread of a loop sends it at this moment, and whether a thread has sent it.
        self.busy = self.sent = False
        self._due = time.monotonic() + LEAD

    def noted(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """Wraps a synchronous ``send`` so that its outcome is noted, since its thread outlives the loop."""
        if is_async(send):
            return send

        def run(*args: Any) -> Any:
            self.busy = True
            try:
                value = send(*args)
                self.sent = not inspect.isawaitable(value)
                return value
            finally:
                self.busy = False

        return run

    @property
    def wait(self) -> float:
        """The seconds until the message may be sent."""
        return max(0.0, self._due - time.monotonic())
