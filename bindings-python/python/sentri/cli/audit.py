"""``sentri audit``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import SentriError
from .arguments import Flag
from .command import PAGE, Command, page_size, tables
from .options import DATABASE, JSON
from .output import Result, columns, harmless, paint
from .users import the_user


def _list(values: Mapping[str, str], _: Sequence[str]) -> Result:
    limit = page_size(values)
    with tables(values) as auth:
        user = values.get("user")
        if user is not None:
            try:
                user = the_user(auth, user)["id"]
            except SentriError as error:
                if error.code != "USER_NOT_FOUND":
                    raise
                # The name may be the id of a deleted user, of whom only the id is left.
        page = auth.list_audit(limit=limit, cursor=values.get("cursor"), user=user, event=values.get("event"))
        rows = [
            [one["at"], one["event"], f"by {one['actor'] or '-'}", f"about {one['subject'] or '-'}"]
            for one in page["entries"]
        ]
        lines = columns([[harmless(cell) for cell in row] for row in rows]) or ["no entries"]
        if page["next_cursor"] is not None:
            lines.append(paint(f"more: --cursor {page['next_cursor']}", "dim"))
        return Result(page, lines)


list_audit = Command(
    "list what the audit keeps, newest first",
    {
        **DATABASE,
        **PAGE,
        "cursor": Flag("the page after another one: its nextCursor", value="text"),
        "user": Flag("only what is about this user: an id, or an identifier of a user who is there", value="user"),
        "event": Flag("only this event, such as auth.roles.assigned", value="name"),
        **JSON,
    },
    _list,
)
