"""The first admin of a new server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Optional

from ...server import AuthServer
from .settings import Settings


def open_setup(auth: AuthServer, options: Mapping[str, Any], settings: Settings) -> Optional[Callable[[str], str]]:
    """Opens the set-up of a new server. Returns the lines that explain how to make the first admin; None if there is an
    admin."""
    if options.get("setup") is not True:
        return None
    opened = auth.blocking.begin_setup(token=settings.setup_token)
    if opened is None:
        return None
    # The operator knows the token if it was given, so it is not printed.
    token, expires_at = opened.get("token", "'\"$SENTRI_SETUP_TOKEN\"'"), opened["expires_at"]

    def lines(base: str) -> str:
        return (
            f"There is no admin yet. This makes one, with your password in it, until {expires_at}:\n"
            f"  curl -s {base}/setup -H 'content-type: application/json' \\\n"
            f'    -d \'{{"token":"{token}","identifiers":[{{"type":"username","value":"root"}}],"password":""}}\''
        )

    return lines
