"""Delivers events of the core to the logger, and notices to the hooks."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Optional

_LEVELS = {"info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}

from .options import spelt

#: ``[{"level", "entry"}]``
Events = Sequence[Mapping[str, Any]]


class Dispatcher:
    """Logs entries. A ``logging`` logger gets the event's name as message and its fields as ``extra``; any other logger
    one mapping through its methods ``info``, ``warning`` (or ``warn``) and ``error``."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._std = logger if isinstance(logger, (logging.Logger, logging.LoggerAdapter)) else None

    @property
    def listening(self) -> bool:
        """Whether a logger takes events of level INFO at this moment."""
        if self._std is not None:
            return self._std.isEnabledFor(logging.INFO)
        return self._logger is not None

    def log(self, events: Events, error: Optional[BaseException] = None) -> None:
        """Logs entries, ``error`` with its traceback. A logger that raises harms no request."""
        surroundings = [event for event in events if event["entry"].get("hook") == "trustProxy"]
        for event in surroundings:
            event["entry"]["cause"] = spelt(event["entry"]["cause"])
        if surroundings and not _is_heard(self._std if self._std is not None else self._logger):
            _warn_of(surroundings)
        if self._logger is None:
            return
        for event in events:
            try:
                self._write(event["level"], event["entry"], error)
            except Exception:
                pass  # There is nowhere left to report it.

    def _write(self, level: str, entry: Mapping[str, Any], error: Optional[BaseException]) -> None:
        if self._std is not None:
            self._std.log(_LEVELS[level], entry["event"], extra=dict(entry), exc_info=error)
            return
        method = getattr(self._logger, "warning", None) if level == "warn" else None
        (method or getattr(self._logger, level))(dict(entry))

    def log_again(self, events: Events, request_id: Optional[str]) -> None:
        """Logs the cached events of another request, under the id of this request."""
        if not self.listening:
            return
        for event in events:
            entry = {name: value for name, value in event["entry"].items() if name != "requestId"}
            if request_id is not None:
                entry["requestId"] = request_id
            self.log([{"level": event["level"], "entry": entry}])


def _warn_of(events: Events) -> None:
    """Warns of faults in the environment of a server that has no logger."""
    for event in events:
        try:
            warnings.warn(event["entry"]["cause"], RuntimeWarning, stacklevel=3)
        except RuntimeWarning:
            pass  # Where warnings are errors, the request must not fail.


def _is_heard(logger: Any) -> bool:
    """Whether a logger takes errors. The default logger is silent until the application configures it."""
    if isinstance(logger, logging.LoggerAdapter):
        logger = logger.logger
    if not isinstance(logger, logging.Logger):
        return logger is not None
    enabled, found = logger.isEnabledFor(logging.ERROR), False
    above: Optional[logging.Logger] = logger
    while above is not None and not found:
        found = any(not isinstance(handler, logging.NullHandler) for handler in above.handlers)
        above = above.parent if above.propagate else None
    return enabled and found
