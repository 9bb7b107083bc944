"""``sentri keys``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..types import StoredKey
from .command import Command, server, tables
from .file import key_options
from .options import DATABASE, JSON, existing, server_options
from .output import Result, columns


def _rows(keys: Sequence[StoredKey]) -> list[str]:
    def state(key: StoredKey) -> str:
        return f"signs from {key['active_from']}" if key["retired_at"] is None else f"retired {key['retired_at']}"

    return columns([[key["kid"], key["algorithm"], state(key)] for key in keys]) or ["no keys"]


def _list(values: Mapping[str, str], _: Sequence[str]) -> Result:
    with tables(values) as auth:
        keys = auth.list_keys()
    return Result({"keys": keys}, _rows(keys))


def _rotate(values: Mapping[str, str], _: Sequence[str]) -> Result:
    options = server_options(values)
    with server({**options, **key_options(values), "db": existing(options["db"])}) as auth:
        auth.ready(wait=0)
        key = auth.rotate_keys()
        line = f"new key {key['kid']}, published now, signing from {key['active_from']}"
        return Result(key, [line, *_rows(auth.list_keys())])


list_keys = Command("list the stored signing keys, newest first", {**DATABASE, **JSON}, _list)
rotate = Command("make a new signing key; tokens of the old one stay good", {**DATABASE, **JSON}, _rotate)
