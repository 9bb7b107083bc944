"""``sentri users``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..blocking import BlockingAuthServer
from ..errors import SentriError
from ..types import IdentifierInput, StoredUser
from .arguments import Flag, suggest
from .ask import confirm, read_password
from .command import PAGE, Command, caretaker, page_size, server, tables
from .exits import NOT_FOUND, CommandFailure, UsageError
from .file import NEW_USER_OPTIONS, PASSWORD_OPTIONS, rule_options
from .options import DATABASE, JSON, SERVER, VALID_ROLES, WAIT, YES, server_options, words
from .output import Result, columns, harmless, paint

_UUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def the_user(auth: BlockingAuthServer, text: str) -> StoredUser:
    """The user with an id or an identifier."""
    user = (auth.get_user(text) if _UUID.fullmatch(text) else None) or auth.find_user(text)
    if user is None:
        raise SentriError("USER_NOT_FOUND", f"there is no user {harmless(text)}")
    return user


def _cells(user: StoredUser) -> list[str]:
    names = [f"{one['type']}:{harmless(one['value'])}" for one in user["identifiers"]]
    names += ["(disabled)"] if "disabled" in user else []
    return [user["id"], ",".join(user["roles"]) or "-", " ".join(names)]


def _row(user: StoredUser) -> list[str]:
    return columns([_cells(user)])


def _roles_of(values: Mapping[str, str]) -> tuple[list[str], str]:
    """The roles of ``--roles``, each of which must be one of ``--valid-roles``."""
    roles, valid = words(values.get("roles")), words(values.get("valid-roles"))
    for role in roles:
        if role not in valid:
            raise UsageError(f"--roles {role} is not one of --valid-roles {','.join(valid)}{suggest(role, valid, '')}")
    return roles, ",".join(valid)


def _identifier(text: str) -> IdentifierInput:
    kind, colon, value = text.partition(":")
    if not kind or not colon:
        raise UsageError(f"--identifier {text}: write type:value, such as username:rizz")
    return {"type": kind, "value": value}


def _create(values: Mapping[str, str], _: Sequence[str]) -> Result:
    if not values.get("identifier"):
        raise UsageError("--identifier is missing: such as --identifier email:rizz@example.com")
    identifiers = [_identifier(text) for text in values["identifier"].split(",")]
    roles, valid = _roles_of(values)
    rules = rule_options(values, NEW_USER_OPTIONS)
    password = read_password()
    options = server_options({**values, "roles": valid})
    if "secret" not in options and "secret_file" not in options:
        options["secret"] = caretaker(values)["secret"]
    with server({**options, **rules}) as auth:
        auth.migrate(wait=values["wait"])
        result = auth.register(identifiers=identifiers, password=password, roles=roles)
        if result["success"] is False:
            error = result["error"]
            raise SentriError(error["code"], error["message"], error["status_code"])
        user = result["user"]
        given = f"roles {', '.join(roles)}" if roles else "no roles"
        return Result({"user": user}, [f"created {user['id']} with {given}"])


def _list(values: Mapping[str, str], _: Sequence[str]) -> Result:
    limit = page_size(values)
    with tables(values) as auth:
        cursor, identifier, search = (values.get(name) for name in ("cursor", "identifier", "search"))
        page = auth.list_users(limit=limit, cursor=cursor, identifier=identifier, search=search)
        lines = columns([_cells(user) for user in page["users"]]) or ["no users"]
        if page["next_cursor"] is not None:
            lines.append(paint(f"more: --cursor {page['next_cursor']}", "dim"))
        return Result(page, lines)


def _show(values: Mapping[str, str], names: Sequence[str]) -> Result:
    with tables(values) as auth:
        user = the_user(auth, names[0])
        return Result({"user": user}, _row(user))


def _set_password(values: Mapping[str, str], names: Sequence[str]) -> Result:
    with tables(values, **rule_options(values, PASSWORD_OPTIONS)) as auth:
        user = the_user(auth, names[0])
        auth.set_password(user["id"], read_password())
        return Result({"user": user}, [f"the password of {user['id']} is set, and every session ended"])


def _set_roles(values: Mapping[str, str], names: Sequence[str]) -> Result:
    if "roles" not in values:
        raise UsageError('--roles is missing: such as --roles admin, or --roles "" for none')
    roles, valid = _roles_of(values)
    with tables({**values, "roles": valid}) as auth:
        user = the_user(auth, names[0])
        user["roles"] = auth.assign_roles(user["id"], roles)["roles"]
        return Result({"user": user}, _row(user))


def _disable(values: Mapping[str, str], names: Sequence[str]) -> Result:
    with tables(values) as auth:
        user_id = the_user(auth, names[0])["id"]
        user = auth.disable_user(user_id, reason=values.get("reason"), until=values.get("until"))
        disabled = user.get("disabled")
        end = f" until {disabled['until']}" if disabled and "until" in disabled else ""
        return Result({"user": user}, [f"disabled {user_id}{end}, and every session ended"])


def _enable(values: Mapping[str, str], names: Sequence[str]) -> Result:
    with tables(values) as auth:
        user = auth.enable_user(the_user(auth, names[0])["id"])
        return Result({"user": user}, [f"enabled {user['id']}"])


def _delete(values: Mapping[str, str], names: Sequence[str]) -> Result:
    with tables(values) as auth:
        user = the_user(auth, names[0])
        confirm(f"Delete {_row(user)[0]}?", values)
        if not auth.delete_user(user["id"]):
            raise CommandFailure("USER_NOT_FOUND", f"there is no user {user['id']}", NOT_FOUND)
        return Result({"user": user}, [f"deleted {user['id']}"])


create = Command(
    "create a user; the password is asked for, or read from standard input",
    {
        "identifier": Flag(
            "such as email:rizz@example.com; several separated by commas", value="type:value", repeats=True
        ),
        **SERVER,
        **WAIT,
        "roles": Flag("roles to give, separated by commas", value="list", default="", repeats=True),
        **VALID_ROLES,
        **JSON,
    },
    _create,
)
list_users = Command(
    "list users, oldest first",
    {
        **DATABASE,
        **PAGE,
        "cursor": Flag("the page after another one: its nextCursor", value="text"),
        "identifier": Flag("only the owner of this identifier, in any spelling", value="text"),
        "search": Flag("only the owners of identifiers that begin so, in any spelling", value="text"),
        **JSON,
    },
    _list,
)
show = Command("show a user", {**DATABASE, **JSON}, _show, ["user"])
set_password = Command(
    "set a user's password, which ends every session; it is asked for, or read from standard input",
    {**DATABASE, **JSON},
    _set_password,
    ["user"],
)
set_roles = Command(
    "replace a user's roles",
    {
        "roles": Flag(
            "every role of the user from now on, separated by commas; empty for none", value="list", repeats=True
        ),
        **VALID_ROLES,
        **DATABASE,
        **JSON,
    },
    _set_roles,
    ["user"],
)
disable = Command(
    "disable a user, which ends every session; nothing signs them in",
    {
        "reason": Flag("for admins: a line of at most 500 characters", value="text"),
        "until": Flag("the end, such as 2026-12-24T18:00:00Z; none unless given", value="instant"),
        **DATABASE,
        **JSON,
    },
    _disable,
    ["user"],
)
enable = Command("enable a user who was disabled", {**DATABASE, **JSON}, _enable, ["user"])
delete = Command("delete a user with all sessions and identifiers", {**DATABASE, **YES, **JSON}, _delete, ["user"])
