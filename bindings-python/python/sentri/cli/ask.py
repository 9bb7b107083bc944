"""Questions to the person at the command line."""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Mapping

from .exits import CommandFailure, UsageError


def read_password() -> str:
    """Asks for a new password: twice without echo at a terminal, else the first line of standard input."""
    password = _typed_twice() if sys.stdin.isatty() else _first_line()
    if not password:
        raise UsageError("no password was given: type it when asked, or pass it as the first line of standard input")
    return password


def confirm(question: str, values: Mapping[str, str]) -> None:
    """Asks before a command destroys something. ``--yes`` answers in advance, and is required without a terminal."""
    if "yes" in values:
        return
    if not sys.stdin.isatty():
        raise UsageError("this destroys something and nobody can be asked: confirm it by --yes")
    # The question goes to standard error, so that standard output holds only the result.
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if not re.fullmatch(r"(?i)y(es)?", sys.stdin.readline().strip()):
        raise CommandFailure("NOT_CONFIRMED", "not confirmed: nothing was changed")


def _typed_twice() -> str:
    password = _hidden("Password: ")
    if password and _hidden("Password again: ") != password:
        raise UsageError("the two passwords differ")
    return password


def _hidden(prompt: str) -> str:
    try:
        return getpass.getpass(prompt, stream=sys.stderr)
    except EOFError:
        return ""


def _first_line() -> str:
    """The bytes before the first line feed. A password that is no UTF-8 is refused, not changed."""
    line = sys.stdin.buffer.readline()
    if line.endswith(b"\n"):
        line = line[:-1]
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise UsageError("the password on standard input is not UTF-8") from None
    return text[:-1] if text.endswith("\r") else text
