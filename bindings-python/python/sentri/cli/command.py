"""A command, and the servers that commands work with."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Optional

from ..blocking import BlockingAuthServer
from .arguments import Flag, Flags
from .exits import UsageError
from .options import existing, server_options
from .output import Result

#: Runs a command by its flags and words. A command that returns None has printed for itself.
Run = Callable[[Mapping[str, str], Sequence[str]], Optional[Result]]

#: The flag of every command that lists a page.
PAGE: Flags = {"limit": Flag("how many at most, 1 to 100", value="number", default="50")}


def page_size(values: Mapping[str, str]) -> int:
    """Reads the flag ``--limit``."""
    limit = values["limit"]
    if not re.fullmatch(r"[0-9]+", limit) or not 1 <= int(limit) <= 100:
        raise UsageError(f"--limit must be from 1 to 100, not {limit}")
    return int(limit)


class Command(NamedTuple):
    """A command."""

    summary: str
    flags: Flags
    run: Run
    #: The words that must follow the command's name, such as ``user``; a word that ends in ``?`` is optional.
    words: Sequence[str] = ()


@contextmanager
def server(options: Mapping[str, Any]) -> Iterator[BlockingAuthServer]:
    """Opens an auth server, and closes it afterwards."""
    auth = BlockingAuthServer(**options)
    try:
        auth._run("serveCommandLine")  # So the audit names the command line.
        yield auth
    finally:
        auth.close()


def caretaker(values: Mapping[str, str]) -> dict[str, Any]:
    """The options of a server that only manages an existing database. It issues no tokens, so a secret of its own keeps
    it from making keys in the database, and it creates no database."""
    options = {
        name: value
        for name, value in server_options(values).items()
        if name not in ("secret", "secret_file", "api_key")
    }
    return {**options, "db": existing(options["db"]), "secret": secrets.token_urlsafe(48)}


@contextmanager
def tables(values: Mapping[str, str], **more: Any) -> Iterator[BlockingAuthServer]:
    """Opens a server over tables that exist already, with ``more`` options."""
    with server({**caretaker(values), **more}) as auth:
        auth.ready(wait=0)
        yield auth
