"""The words and flags of a command line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from .exits import UsageError


class Flag(NamedTuple):
    """A flag of a command."""

    help: str
    #: The name of its value, for the help; none for a switch.
    value: Optional[str] = None
    #: Environment variable that stands in for it.
    env: Optional[str] = None
    default: Optional[str] = None
    #: Whether it may be given several times; its values are then one list, separated by commas.
    repeats: bool = False


Flags = Mapping[str, Flag]


def parse_flags(args: Sequence[str], flags: Flags) -> tuple[dict[str, str], list[str]]:
    """Reads ``--name value`` and ``--name=value``; ``--`` ends the flags. Unknown flags are errors."""
    values = _presets(flags)
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
        name, equals, value = arg[2:].partition("=")
        flag = flags.get(name)
        if flag is None:
            raise UsageError(f"--{name} is not a flag{suggest(name, list(flags))}")
        if flag.value is None:
            if equals:
                raise UsageError(f"--{name} takes no value")
            values[name] = "true"
            continue
        if not equals:
            if not left:
                raise UsageError(f"--{name} needs a value: {flag.value}")
            value = left.pop(0)
        values[name] = f"{values[name]},{value}" if flag.repeats and name in given else value
        given.add(name)
    return values, rest


def _presets(flags: Flags) -> dict[str, str]:
    found = ((name, (os.environ.get(flag.env) if flag.env else None) or flag.default) for name, flag in flags.items())
    return {name: value for name, value in found if value is not None}


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
    width = max(len(text) for text in left) + 2
    lines = []
    for text, flag in zip(left, flags.values()):
        more = ", ".join(
            part for part in (flag.default and f"default {flag.default}", flag.env and f"or {flag.env}") if part
        )
        lines.append(f"  {text.ljust(width)}{flag.help}{f' ({more})' if more else ''}")
    return "\n".join(lines)
