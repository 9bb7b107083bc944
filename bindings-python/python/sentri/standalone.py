"""Tokens, key sets and passwords without a server."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Optional

from .errors import SentriError, unwrap
from .jobs import finish, wait
from .native import NativePasswords, NativeTokens, make_passwords, make_tokens
from .options import configured, describe, spelt
from .serving import printable
from .types import Access

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .types import PasswordOptions, TokenOptions


def _tokens(options: Mapping[str, Any]) -> NativeTokens:
    keys = options.get("jwks")
    # The names in a key set must stay as they are.
    return _made(describe({**options, "jwks": json.dumps(keys)} if isinstance(keys, Mapping) else options))


@lru_cache(maxsize=64)
def _made(options: str) -> NativeTokens:
    tokens = make_tokens(options)
    for warning in configured(tokens.configuration()):
        warnings.warn(spelt(warning), stacklevel=4)
    return tokens


@lru_cache(maxsize=64)
def _passwords(options: str) -> NativePasswords:
    return make_passwords(options)


def _text(value: str) -> str:
    """Returns a password or a hash. Other values are refused, and so is invalid Unicode, which would be changed."""
    try:
        value.encode()
    except (AttributeError, UnicodeEncodeError):
        raise SentriError("VALIDATION_ERROR", "a password and a hash are texts of well-formed Unicode") from None
    return value


def sign_access_token(
    id: str, roles: Sequence[str] = (), session_id: Optional[str] = None, **options: Unpack[TokenOptions]
) -> str:
    """Signs an access token with ``secret`` (a PEM private key, or a text for HS256), good for ``expires_in`` (15
    minutes by default).

    :raises SentriError: ``CONFIGURATION_ERROR``, ``VALIDATION_ERROR``.
    """
    claims = {"id": id, "roles": roles, "session_id": session_id}
    token: str = unwrap(_tokens(options).sign_access(describe(claims), None))
    return token


def verify_access_token(token: str, **options: Unpack[TokenOptions]) -> Access:
    """Verifies an access token with ``secret``, or with ``jwks``, the public keys of its issuer.

    :raises SentriError: ``TOKEN_INVALID``, ``TOKEN_EXPIRED``, ``CONFIGURATION_ERROR``.
    """
    verified = unwrap(_tokens(options).verify_access(printable(token), None))
    return Access(verified["id"], tuple(verified["roles"]), verified["sessionId"])


def verify_refresh_token(token: str, **options: Unpack[TokenOptions]) -> str:
    """Verifies a refresh token made under the same ``secret`` and returns its session's id.

    :raises SentriError: ``TOKEN_INVALID``, ``TOKEN_EXPIRED``, ``CONFIGURATION_ERROR``.
    """
    verified = unwrap(_tokens(options).verify_refresh(printable(token), None))
    session_id: str = verified["sessionId"]
    return session_id


def public_jwks(**options: Unpack[TokenOptions]) -> Mapping[str, Any]:
    """The key set (RFC 7517) that verifies signatures of ``secret``; no keys for a shared secret."""
    keys: Mapping[str, Any] = unwrap(_tokens(options).jwks())
    return keys


def hash_password(password: str, *, salt_rounds: Optional[int] = None, **options: Unpack[PasswordOptions]) -> str:
    """Hashes a password: bcrypt at cost 12 by default, 16 at most. Blocks for as long as that takes (about 0.2 s).

    The rules are those of the option ``password``; without ``min_length`` and ``preset`` one character is enough.

    :raises SentriError: ``VALIDATION_ERROR`` for a password that does not meet them, ``CONFIGURATION_ERROR``.
    """
    text = describe({**options, "salt_rounds": salt_rounds})
    hash: str = configured(wait(_passwords(text).hash(_text(password))))
    return hash


def verify_password(password: str, hash: str) -> bool:
    """Returns whether a password matches a hash of bcrypt, argon2, scrypt or PBKDF2. Blocks while it verifies."""
    matches: bool = unwrap(wait(_passwords("{}").verify(_text(password), _text(hash))))
    return matches


def needs_rehash(hash: str, *, salt_rounds: Optional[int] = None, **options: Unpack[PasswordOptions]) -> bool:
    """Returns whether a hash is weaker than ``hash_password`` would make it with the same options. If so, hash the
    password again when it is next verified. Never true for an argon2id hash if the options say bcrypt, nor for a value
    that is no hash, which matches no password.
    """
    text = describe({**options, "salt_rounds": salt_rounds})
    weaker: bool = configured(_passwords(text).needs_rehash(_text(hash)))
    return weaker


async def hash_password_async(
    password: str, *, salt_rounds: Optional[int] = None, **options: Unpack[PasswordOptions]
) -> str:
    """``hash_password`` for event loops."""
    text = describe({**options, "salt_rounds": salt_rounds})
    hash: str = configured(await finish(_passwords(text).hash(_text(password))))
    return hash


async def verify_password_async(password: str, hash: str) -> bool:
    """``verify_password`` for event loops."""
    matches: bool = unwrap(await finish(_passwords("{}").verify(_text(password), _text(hash))))
    return matches
