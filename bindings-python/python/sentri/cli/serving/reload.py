"""SIGHUP: reads flags, environment and file again, and applies the options that can change while a process serves."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Optional

from ...server import AuthServer
from ..exits import CommandFailure, UsageError
from ..settle import describe_reload, keywords, reload, settle
from .application import Application
from .log import Log
from .messages import Send

#: The time that requests at the replaced server have to end, in seconds.
_GRACE = 30.0


class Reload:
    """The options in force, and their change by a signal. A mistake changes nothing."""

    def __init__(
        self,
        flags: Mapping[str, str],
        found: Mapping[str, Any],
        send: Optional[Send],
        application: Application,
        log: Log,
    ) -> None:
        self._send = send
        self._flags = flags
        self._found: Mapping[str, Any] = found
        self._application = application
        self._log = log

    def __call__(self) -> None:
        try:
            after = settle(self._flags)
            reloaded = reload(self._found, after)
            self._log.level = after["serve"]["logLevel"]
            auth = make_server(reloaded["options"], self._log, self._send) if reloaded["renew"] else None
        except (UsageError, CommandFailure) as error:
            print(f"reload: {error}", file=sys.stderr, flush=True)
            return
        self._found = reloaded
        if auth is not None:
            self._application.replace(auth, _GRACE)
        print(describe_reload(reloaded), file=sys.stderr, flush=True)


def make_server(options: Mapping[str, Any], log: Log, send: Optional[Send]) -> AuthServer:
    """Makes an auth server from options, with the log and the function that sends messages."""
    given: dict[str, Any] = keywords(options)
    given["logger"] = log if log.writes("error") else False
    if send is not None and given.get("messages"):
        given["messages"] = {**given["messages"], "send": send}
    return AuthServer(**given)
