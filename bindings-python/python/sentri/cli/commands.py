"""The table of commands."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from ..openapi import document
from . import config
from .arguments import Flag, suggest
from .audit import list_audit
from .command import Command, server
from .doctor import doctor
from .exits import UsageError
from .file import key_options
from .importing import import_users
from .keys import list_keys, rotate
from .options import DATABASE, JSON, MOUNT, WAIT, mount_path, printable, server_options
from .output import Result
from .serve import serve
from .sessions import list_sessions, revoke
from .users import create, delete, disable, enable, list_users, set_password, set_roles, show


def _migrate(values: Mapping[str, str], _: Sequence[str]) -> Result:
    options = server_options(values)
    db = printable(options["db"])
    with server({**options, **key_options(values)}) as auth:
        auth.migrate(wait=values["wait"])
    return Result({"migrated": True, "db": db}, [f"the tables are up to date: {db}"])


def _openapi(values: Mapping[str, str], _: Sequence[str]) -> None:
    place = values.get("server", "")
    if place and not re.match("https?://", place):
        raise UsageError(f"--server must be a URL with http:// or https://, not {place}")
    url = place.rstrip("/") + mount_path(values) or "/"
    print(json.dumps({**document(), "servers": [{"url": url}]}, indent=2, ensure_ascii=False))


#: Every command by its name; a name of two words is a verb of a group.
COMMANDS: dict[str, Command] = {
    "serve": serve,
    "migrate": Command("create the tables, or bring them up to date", {**DATABASE, **WAIT, **JSON}, _migrate),
    "users list": list_users,
    "users show": show,
    "users create": create,
    "users set-password": set_password,
    "users set-roles": set_roles,
    "users disable": disable,
    "users enable": enable,
    "users delete": delete,
    "sessions list": list_sessions,
    "sessions revoke": revoke,
    "audit list": list_audit,
    "import": import_users,
    "keys list": list_keys,
    "keys rotate": rotate,
    "config check": config.check,
    "config print": config.show,
    "config schema": config.schema,
    "doctor": doctor,
    "openapi": Command(
        "print the endpoints as an OpenAPI 3.1 document",
        {
            "mount": MOUNT,
            "server": Flag("where the server is, such as https://auth.example.com", value="url", default=""),
        },
        _openapi,
    ),
    "create-user": create._replace(summary="the same as users create"),
}


def verbs_of(group: str) -> list[str]:
    """The verbs of a group of commands; none where the word is no group."""
    return [name[len(group) + 1 :] for name in COMMANDS if name.startswith(f"{group} ")]


def find(args: Sequence[str]) -> tuple[str, Command, Sequence[str]]:
    """The name of the command that the arguments begin with, the command, and the arguments behind it."""
    first, second = args[0] if args else "", args[1] if len(args) > 1 else None
    verbs = verbs_of(first)
    name = f"{first} {second}" if verbs else first
    if name in COMMANDS:
        return name, COMMANDS[name], args[2 if verbs else 1 :]
    if verbs:
        wrong = "" if second is None or second.startswith("-") else suggest(second, verbs, "")
        known = " or ".join(filter(None, [", ".join(verbs[:-1]), verbs[-1]]))
        raise UsageError(f"{first} needs a verb: {known}{wrong}")
    raise UsageError(f"{first} is not a command{suggest(first, [one.split(' ')[0] for one in COMMANDS], '')}")
