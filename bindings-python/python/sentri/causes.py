"""The messages of errors of mail providers, for the log."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any


def cause_of(error: BaseException, message: Mapping[str, Any]) -> str:
    """Returns the text of an error without address and secrets, which providers repeat in any spelling."""
    try:
        words = str(error)
    except Exception:
        words = ""
    if not words:
        late = isinstance(error, (TimeoutError, asyncio.TimeoutError))
        words = "messages.send took more than 30 s" if late else type(error).__name__
    for name in ("url", "token", "code", "to"):
        if message.get(name):
            words = _any_spelling(message[name]).sub("..", words)
    # Text that is not valid Unicode can't be passed to the core.
    return words.encode("utf-8", "replace").decode()


def _any_spelling(text: str) -> re.Pattern[str]:
    """Matches a text in upper and lower case, each of its characters as it is or percent-encoded (RFC 3986, 2.1)."""

    def spelt(character: str) -> str:
        if character.isascii() and character.isalnum():
            return character
        encoded = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "replace"))
        return f"(?:{encoded}|{re.escape(character)})"

    return re.compile("".join(map(spelt, text)), re.IGNORECASE)
