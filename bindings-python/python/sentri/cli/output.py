"""Results on standard output, and colours."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional, TextIO

from ..options import plain

_COLOURS = {"bold": 1, "dim": 2, "red": 31, "green": 32}


class Result(NamedTuple):
    """The result of a command: a value for ``--json``, and lines for a person."""

    value: Any
    lines: Sequence[str]
    exit_code: int = 0


def is_coloured(stream: TextIO, env: Optional[Mapping[str, str]] = None) -> bool:
    """Whether a stream takes colours: terminals do, unless ``NO_COLOR`` is set or ``TERM`` is ``dumb``; ``FORCE_COLOR``
    makes pipes take them."""
    env = os.environ if env is None else env
    if env.get("NO_COLOR"):
        return False
    if env.get("FORCE_COLOR"):
        return env["FORCE_COLOR"] != "0"
    return stream.isatty() and env.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: Optional[TextIO] = None) -> str:
    """Returns a text in a colour, if the stream takes colours."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if is_coloured(stream or sys.stdout) else text


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns of equal width."""
    widths: dict[int, int] = {}
    for row in rows:
        for place, cell in enumerate(row):
            widths[place] = max(widths.get(place, 0), len(cell))
    return ["  ".join(cell.ljust(widths[place]) for place, cell in enumerate(row)).rstrip() for row in rows]


def harmless(text: str) -> str:
    """Returns a stored text without the characters that could control a terminal."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "\ufffd", text)


def as_json(value: Any) -> str:
    """JSON in one line, its names as on the wire."""
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)


def show(result: Result, as_object: bool) -> None:
    """Prints a result: JSON in one line, or its lines."""
    text = as_json(result.value) if as_object else "\n".join(result.lines)
    if text:
        print(text)
