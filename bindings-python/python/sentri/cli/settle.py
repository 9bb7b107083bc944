"""Has the core read the options of ``serve`` from flags, environment and file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from .. import native
from ..names import snake
from ..options import in_production
from .exits import CommandFailure, UsageError


def look(flags: Mapping[str, str]) -> dict[str, Any]:
    """The options in force, and the mistakes in ``errors``."""
    variables = {name: value for name, value in os.environ.items() if _is_text(value)}
    given = {"flags": dict(flags), "variables": variables, "production": in_production()}
    found: dict[str, Any] = json.loads(native.settle_options(json.dumps(given)))
    return found


def settle(flags: Mapping[str, str]) -> dict[str, Any]:
    """The options in force: ``options`` of the auth server, ``serve`` of the command with durations in seconds, and
    ``settings`` with the place that each comes from.

    Raises:
        UsageError: A flag or a variable is wrong.
        CommandFailure: A file or an option is.
    """
    found = look(flags)
    refuse(found["errors"])
    return found


def refuse(errors: Sequence[Mapping[str, Any]]) -> None:
    """Raises the mistakes in options, if there are any.

    Raises:
        UsageError: A flag or a variable is wrong.
        CommandFailure: A file or an option is.
    """
    if errors:
        message = "\n".join(error["message"] for error in errors)
        raise (
            UsageError(message)
            if all(error["usage"] for error in errors)
            else CommandFailure("CONFIGURATION_ERROR", message)
        )


def reload(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Compares the options in force with those that flags, environment and file give now: ``changed`` lists the
    differences, ``renew`` says whether a server of the new ``options`` must replace the present server."""
    found: dict[str, Any] = json.loads(native.reload_options(json.dumps({"before": before, "after": after})))
    return found


def describe_reload(reloaded: Mapping[str, Any]) -> str:
    """A line for the person at the terminal about what SIGHUP did."""
    changed = reloaded["changed"]
    done = [one["name"] for one in changed if one["hot"]]
    left = [one["name"] for one in changed if not one["hot"]]
    lines = [f"reload: changed {', '.join(done)}"] if done else []
    lines += [f"reload: {', '.join(left)} can't change while it runs: start it anew"] if left else []
    return "\n".join(lines) or "reload: nothing has changed"


def keywords(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as arguments of ``AuthServer``."""
    return {snake(name): value for name, value in options.items() if name not in ("mode", "production")}


def _is_text(value: str) -> bool:
    """Whether a variable is valid UTF-8. Other variables can't be options."""
    return value.isascii() or not any(0xD800 <= ord(character) <= 0xDFFF for character in value)
