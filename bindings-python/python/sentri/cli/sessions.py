"""``sentri sessions``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .arguments import Flag
from .ask import confirm
from .command import Command, tables
from .exits import NOT_FOUND, CommandFailure, UsageError
from .options import DATABASE, JSON, YES
from .output import Result, columns, harmless
from .users import the_user


def _list(values: Mapping[str, str], names: Sequence[str]) -> Result:
    with tables(values) as auth:
        found = auth.list_sessions(the_user(auth, names[0])["id"])
        sessions = [{name: value for name, value in one.items() if name != "current"} for one in found]
        rows = [
            [one["id"], f"used {one['last_used_at']}", one["ip"] or "-", harmless(one["user_agent"] or "-")]
            for one in found
        ]
        return Result({"sessions": sessions}, columns(rows) or ["no sessions"])


def _revoke(values: Mapping[str, str], names: Sequence[str]) -> Result:
    if bool(names) == ("user" in values):
        raise UsageError("name either a session or a user: sessions revoke <session>, or sessions revoke --user <user>")
    with tables(values) as auth:
        if not names:
            user_id = the_user(auth, values["user"])["id"]
            confirm(f"End every session of {user_id}?", values)
            revoked = auth.revoke_sessions(user_id)
            return Result({"revoked": revoked}, [f"ended {revoked} {'session' if revoked == 1 else 'sessions'}"])
        confirm(f"End the session {harmless(names[0])}?", values)
        if not auth.revoke_session(names[0]):
            raise CommandFailure("SESSION_NOT_FOUND", f"there is no live session {harmless(names[0])}", NOT_FOUND)
        return Result({"revoked": 1}, ["ended 1 session"])


list_sessions = Command("list a user's sessions, newest first", {**DATABASE, **JSON}, _list, ["user"])
revoke = Command(
    "end a session, or all sessions of a user by --user",
    {"user": Flag("every session of this user: an id or an identifier", value="user"), **DATABASE, **YES, **JSON},
    _revoke,
    ["session?"],
)
