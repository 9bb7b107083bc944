"""The words and flags of a command line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from .exits import UsageError


class Flag(NamedTuple):
    """A flag of a command."""

    help: str
    #: The name of the flag's value, for the help. A switch has none.
    value: Optional[str] = None
    #: The environment variable that may stand in for the flag.
    env: Optional[str] = None
    default: Optional[str] = None
    #: Whether it may be given several times; its values are then one list, separated by commas.
    repeats: bool = False
    #: The value of the flag if it is written without a value. If that is ``on``, ``--no-name`` means ``off``.
    implied: Optional[str] = None
    #: Whether the core reads the variable and the default, as it does for all flags of ``serve``.
    settled: bool = False


Flags = Mapping[str, Flag]


def parse_flags(args: Sequence[str], flags: Flags) -> tuple[dict[str, str], list[str]]:
    """Reads ``--name value`` and ``--name=value``; ``--`` ends the flags. Unknown flags are errors."""
    values = presets(flags)
    rest: list[str] = []
    given: set[str] = set()
    left = list(args)
    while left:
        arg = left.pop(0)
        if arg == "--":
            rest += left
            break
        if not arg.startswith("-") or arg == "-":
            rest.append(arg)
            continue
        if not arg.startswith("--"):
            raise UsageError(
                f"{arg} is not a flag: flags are written --name, and -h and -v stand for --help and --version"
            )
        written, equals, value = arg[2:].partition("=")
        name = _name_of(written, flags)
        flag = flags.get(name)
        if flag is None:
            raise UsageError(f"--{name} is not a flag{suggest(name, list(flags))}")
        if flag.value is None or written != name:
            if equals:
                raise UsageError(f"--{written} takes no value")
            values[name] = "true" if flag.value is None else "off"
            continue
        if not equals:
            # A word that begins with -- is not taken as a value, unless it is written --name=value.
            follows = left.pop(0) if left and not left[0].startswith("--") else flag.implied
            if follows is None:
                raise UsageError(f"--{name} needs a value: {flag.value}")
            value = follows
        values[name] = f"{values[name]},{value}" if flag.repeats and name in given else value
        given.add(name)
    return values, rest


def _name_of(written: str, flags: Flags) -> str:
    """The name of a flag; that of a switch may be written with ``no-`` before it."""
    positive = flags.get(written[3:]) if written.startswith("no-") and written not in flags else None
    return written[3:] if positive is not None and positive.implied == "on" else written


def presets(flags: Flags) -> dict[str, str]:
    """The values of flags that the command line omits: from their environment variables, else their defaults."""
    found = ((name, _preset(name, flag, flags) or flag.default) for name, flag in flags.items() if not flag.settled)
    return {name: value for name, value in found if value is not None}


def _preset(name: str, flag: Flag, flags: Flags) -> Optional[str]:
    """Reads the value of a flag from its variable, or from the file that the variable with ``_FILE`` behind its name
    gives, since secrets of Docker, Kubernetes and systemd are files. If there is a flag ``--name-file``, it owns that
    variable."""
    if flag.env is None:
        return None
    path = os.environ.get(f"{flag.env}_FILE")
    if os.environ.get(flag.env) or not path or f"{name}-file" in flags:
        return os.environ.get(flag.env)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "no text in UTF-8"
        raise UsageError(f"{flag.env}_FILE names {path}, which can't be read: {reason}") from error


def suggest(name: str, known: Sequence[str], prefix: str = "--") -> str:
    """``: did you mean --port?``"""
    nearest = min(((_distance(word, name), place) for place, word in enumerate(known)), default=(9, 0))
    return f": did you mean {prefix}{known[nearest[1]]}?" if nearest[0] <= 3 else ""


def _distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        following = [i]
        for j, right in enumerate(b, 1):
            following.append(min(following[j - 1] + 1, row[j] + 1, row[j - 1] + (left != right)))
        row = following
    return row[-1]


def describe_flags(flags: Flags) -> str:
    """The help lines of flags."""
    left = [f"--{name} <{flag.value}>" if flag.value else f"--{name}" for name, flag in flags.items()]
    width = max((len(text) for text in left), default=0) + 2
    lines = []
    for text, flag in zip(left, flags.values()):
        more = ", ".join(
            part for part in (flag.default and f"default {flag.default}", flag.env and f"or {flag.env}") if part
        )
        lines.append(f"  {text.ljust(width)}{flag.help}{f' ({more})' if more else ''}")
    return "\n".join(lines)
