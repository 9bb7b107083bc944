"""The log on standard output: JSON or text, one line per entry."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Optional

from ..output import harmless, paint

#: The levels, the least important first.
LEVELS = ("debug", "info", "warn", "error")
_COLOURS = {"debug": "dim", "info": "green", "warn": "bold", "error": "red"}

#: W3C Trace Context, 3.2: an id of zeros alone is none, version ff is not allowed, and 00 ends behind the flags.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{53}-)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


class Log:
    """A logger for an auth server that writes entries of its level and above: ``json`` an object a line, ``pretty``
    words, ``off`` nothing."""

    def __init__(self, form: str, level: str) -> None:
        self._form = form
        self.level = level

    def writes(self, level: str) -> bool:
        """Whether entries of a level are written at all."""
        return self._form != "off" and LEVELS.index(level) >= LEVELS.index(self.level)

    def write(self, level: str, entry: Mapping[str, Any]) -> None:
        """Writes one entry, with the time and its level before it."""
        if not self.writes(level):
            return
        at = datetime.fromtimestamp(time.time(), timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = _as_json(at, level, entry) if self._form == "json" else _as_words(at, level, entry)
        # One write a line, so that lines of several processes do not mix.
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def info(self, entry: Mapping[str, Any]) -> None:
        self.write("info", entry)

    def warning(self, entry: Mapping[str, Any]) -> None:
        self.write("warn", entry)

    def error(self, entry: Mapping[str, Any]) -> None:
        self.write("error", entry)


def _as_json(at: str, level: str, entry: Mapping[str, Any]) -> str:
    return json.dumps({"at": at, "level": level, **entry}, separators=(",", ":"), ensure_ascii=False)


def _as_words(at: str, level: str, entry: Mapping[str, Any]) -> str:
    fields = [
        f"{name}={harmless(value) if isinstance(value, str) else json.dumps(value, separators=(',', ':'))}"
        for name, value in entry.items()
        if name not in ("event", "service")
    ]
    return " ".join([paint(at, "dim"), paint(level.ljust(5), _COLOURS[level]), str(entry.get("event")), *fields])


def trace_id_of(traceparent: Optional[str]) -> Optional[str]:
    """The trace that a ``traceparent`` header names."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return found[1] if found else None
