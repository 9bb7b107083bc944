"""The file of options of ``serve``, for the other commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .arguments import Flag, Flags
from .exits import CommandFailure
from .settle import keywords, look, refuse

#: The flag of every command that works with the tables of ``serve``.
CONFIG = Flag("file with options of serve: .toml, .json or .yaml", value="path", env="SENTRI_CONFIG")

#: The flags that a file of options sets if the command line omits them. ``roles`` are those of a user, not of the
#: server.
_OPTION_OF = {
    "db": "db",
    "valid-roles": "validRoles",
    "secret": "secret",
    "secret-file": "secretFile",
    "api-key": "apiKey",
    "trust-proxy": "trustProxy",
    "redis": "redisUrl",
}


def with_file(flags: Flags, values: Mapping[str, str]) -> Mapping[str, str]:
    """The values of flags, filled up from the file that ``serve`` would read, if there is one.

    Raises: CommandFailure: The file can't be used.
    """
    if flags.get("config") is not CONFIG:
        return values
    found = _settled(values)
    if found["file"] is None:
        return values
    if found["errors"]:
        raise CommandFailure("CONFIGURATION_ERROR", "\n".join(error["message"] for error in found["errors"]))
    filled = dict(values)
    for flag, option in _OPTION_OF.items():
        value = found["options"].get(option)
        if flag not in flags or value is None or values.get(flag) not in (None, flags[flag].default):
            continue
        if isinstance(value, dict):
            raise CommandFailure(
                "CONFIGURATION_ERROR", f"{found['file']}: {option} is a table: name it as a URL by --{flag}"
            )
        filled[flag] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return filled


def key_options(values: Mapping[str, str]) -> dict[str, Any]:
    """Returns the options of stored keys, from file and environment, so that an added key is encrypted as the server's.

    Raises:
        UsageError, CommandFailure: An option is wrong, so the key would be stored unencrypted.
    """
    found = _settled(values)
    refuse(found["errors"])
    return _chosen(found["options"], ("keys", "algorithm"))


#: The options that decide which passwords are accepted and how they are hashed.
PASSWORD_OPTIONS = ("password", "saltRounds")
#: The options that decide which identifiers and passwords a new user may have.
NEW_USER_OPTIONS = ("validIdentifiers", "confusables", *PASSWORD_OPTIONS)


def rule_options(values: Mapping[str, str], names: Sequence[str]) -> dict[str, Any]:
    """Returns the options of these names, from file and environment.

    Raises:
        UsageError, CommandFailure: An option is wrong.
    """
    found = _settled(values)
    refuse(found["errors"])
    return _chosen(found["options"], names)


#: The options that decide which users are imported and how they are stored.
_USER_OPTIONS = (
    "validRoles",
    "adminRoles",
    "defaultRoles",
    *NEW_USER_OPTIONS,
    "encryptionKey",
    "mfa",
)


def user_options(values: Mapping[str, str]) -> dict[str, Any]:
    """Returns the options of commands that import users, from file and environment, so that their secrets are
    encrypted as the server's are.

    Raises:
        UsageError, CommandFailure: An option is wrong.
    """
    given = {"config": values["config"]} if values.get("config") else {}
    found = look({**given, "roles": values["valid-roles"]})
    refuse(found["errors"])
    options = found["options"]
    older = {name: key for name, key in (options.get("keys") or {}).items() if name == "encryptionKey"}
    return _chosen({**older, **options}, _USER_OPTIONS)


def _chosen(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return keywords({name: options[name] for name in names if name in options})


def _settled(values: Mapping[str, str]) -> dict[str, Any]:
    return look({"config": values["config"]} if values.get("config") else {})
