"""``sentri doctor``."""

from __future__ import annotations

import platform
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from .arguments import Flag
from .command import Command, caretaker, server, tables
from .exits import DONE, FAILED, explain
from .options import DATABASE, JSON, PROXY, database_of, is_file, printable, trust_proxy_of
from .output import Result, paint


class _Findings:
    """The findings so far."""

    def __init__(self) -> None:
        self.checks: list[dict[str, Any]] = []

    def check(self, name: str, run: Callable[[], Optional[str]]) -> bool:
        try:
            found = {"name": name, "ok": True, "message": str(run())}
        except Exception as error:
            found = {"name": name, "ok": False, "message": explain(error)}
        self.checks.append(found)
        return bool(found["ok"])


def _doctor(values: Mapping[str, str], _: Sequence[str]) -> Result:
    found = _Findings()
    found.check("runtime", lambda: f"Python {platform.python_version()}")
    # Without it, the package would not have been imported.
    found.check("native core", lambda: f"loads ({sysconfig.get_platform()})")
    found.check("proxies", lambda: _describe_proxies(values))
    redis = values.get("redis")
    if redis:
        found.check("redis", lambda: _describe_redis(redis))
    _look_at_tables(found, values)
    ok = all(one["ok"] for one in found.checks)
    marks = {True: paint("ok   ", "green"), False: paint("wrong", "red")}
    lines = [f"{marks[one['ok']]} {one['name']}: {one['message']}" for one in found.checks]
    return Result({"ok": ok, "checks": found.checks}, lines, DONE if ok else FAILED)


def _describe_proxies(values: Mapping[str, str]) -> str:
    """Describes the proxies that are trusted for client addresses, and the consequence if none is."""
    trusted = trust_proxy_of(values)
    if trusted is None:
        return (
            "none is trusted, which is right where clients connect directly; behind a proxy all clients share one "
            "budget of logins until SENTRI_TRUST_PROXY, or trust_proxy in your code, names it"
        )
    with server({**caretaker({"db": "sqlite::memory:"}), "trust_proxy": trusted}):
        proxies = f"{trusted} in front" if isinstance(trusted, int) else ", ".join(trusted)
        return f"X-Forwarded-For is believed of {proxies}"


def _describe_redis(url: str) -> Optional[str]:
    with server({**caretaker({"db": "sqlite::memory:"}), "redis_url": url}) as auth:
        return auth.describe_redis()


def _look_at_tables(found: _Findings, values: Mapping[str, str]) -> None:
    db = database_of(values)
    alone = "; no other SQLite library in the server's process may open this file" if is_file(db) else ""
    keys: list[Any] = []

    def look() -> str:
        with tables(values) as auth:
            keys.extend(auth.list_keys())
        return f"{printable(db)}, tables are there{alone}"

    if found.check("database", look):
        newest = f", newest {keys[0]['algorithm']} {keys[0]['kid']}" if keys else ""
        found.check("keys", lambda: f"{len(keys)} stored{newest}")


doctor = Command(
    "say what is wrong with this installation, and the cure; it changes nothing",
    {
        **DATABASE,
        "redis": Flag(
            "redis://host:6379, redis+cluster://.. or redis+sentinel://..; none: it is not looked at",
            value="url",
            env="REDIS_URL",
        ),
        **PROXY,
        **JSON,
    },
    _doctor,
)
