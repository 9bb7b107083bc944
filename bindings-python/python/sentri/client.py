"""Client mode: guards routes by the public keys of an auth server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import native
from .dispatch import Dispatcher
from .errors import SentriError, unwrap
from .functions import HostFunctions
from .guarding import Guard
from .jobs import finish, wait
from .native import Job, NativeClient
from .options import prepare
from .serving import printable
from .types import Access

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .types import ClientOptions


class AuthClient(Guard):
    """A client of an auth server in any language. There is nothing to open or to close; the keys are fetched when the
    first token comes, and replaced in the background.

    :raises SentriError: ``CONFIGURATION_ERROR``; the message names the option and the cure.
    """

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        text, clock, logger = prepare("client", options)
        # Overrides belong to server mode. The core refuses them here, so `_no_builtin` is never called.
        functions = HostFunctions(None, options.get("is_token_revoked"), _no_builtin, _no_report)
        self._native: NativeClient = native.make_client(text, functions.names, clock.now() if clock else None)
        super().__init__(self._native, functions, Dispatcher(logger), clock)

    async def verify_access_token(self, token: str) -> Access:
        """Verifies an access token's signature, claims and expiry. Does not call ``is_token_revoked``.

        :raises SentriError: ``TOKEN_INVALID``, ``TOKEN_EXPIRED``; ``SERVICE_UNAVAILABLE`` when the auth server can't be
            reached for its keys.
        """
        text = self._native.verify_access_token_now(printable(token))
        return _access(text if text is not None else await finish(self._native.verify_access_token(printable(token))))

    def verify_access_token_blocking(self, token: str) -> Access:
        """``verify_access_token`` for a thread that may block."""
        text = self._native.verify_access_token_now(printable(token))
        return _access(text if text is not None else wait(self._native.verify_access_token(printable(token))))


def _access(text: str) -> Access:
    verified = unwrap(text)
    return Access(verified["id"], tuple(verified["roles"]), verified["sessionId"])


def _no_builtin(*_: Any) -> Job:
    raise SentriError("INTERNAL_ERROR", "client mode has no built-in use cases")


def _no_report(*_: Any) -> None:
    pass
