"""Databases of a test's own, gone with it or with the process."""

from __future__ import annotations

import atexit
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Callable, Union
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql

MYSQL_URL = os.environ.get("MYSQL_URL", "mysql://root@127.0.0.1:3306/test")
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
URL = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/test")


@contextmanager
def sqlite() -> Iterator[Any]:
    yield "sqlite::memory:"


class _Schema:
    """A schema on PostgreSQL."""

    def __init__(self) -> None:
        self.name = f"sentri_t_{secrets.token_hex(12)}"
        _run(f"CREATE SCHEMA {self.name}")
        glue = "&" if "?" in URL else "?"
        self.option: Any = {"connection_string": f"{URL}{glue}options=-csearch_path%3D{self.name}", "max": 10}

    def clear(self) -> None:
        """Empties the tables that a migration has made, users at the end since the others are about them."""
        _run(
            "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables "
            f"WHERE schemaname = '{self.name}' AND tablename <> 'sentri_migrations' ORDER BY tablename = 'sentri_users' "
            f"LOOP EXECUTE format('DELETE FROM {self.name}.%I', name); END LOOP; END $$"
        )

    def drop(self) -> None:
        _run(f"DROP SCHEMA IF EXISTS {self.name} CASCADE")


def _run(statement: str) -> None:
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


class _MysqlDatabase:
    """A database on MySQL."""

    def __init__(self) -> None:
        self.name = f"sentri_t_{secrets.token_hex(12)}"
        _run_mysql(f"CREATE DATABASE {self.name}")
        self.option: Any = urlsplit(MYSQL_URL)._replace(path=f"/{self.name}").geturl()

    def clear(self) -> None:
        """Empties the tables that a migration has made."""
        tables = _run_mysql(
            "SELECT table_name FROM information_schema.tables "
            f"WHERE table_schema = '{self.name}' AND table_name <> 'sentri_migrations'"
        )
        deletions = [f"DELETE FROM {self.name}.{table}" for (table,) in tables]
        _run_mysql("SET SESSION foreign_key_checks = 0", *deletions)

    def drop(self) -> None:
        _run_mysql(f"DROP DATABASE IF EXISTS {self.name}")


def _run_mysql(*statements: str) -> Any:
    """Runs statements; the rows of the last one."""
    place = urlsplit(MYSQL_URL)
    user, password = unquote(place.username or "root"), unquote(place.password or "")
    with pymysql.connect(
        host=place.hostname or "127.0.0.1", port=place.port or 3306, user=user, password=password, autocommit=True
    ) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


@contextmanager
def postgres() -> Iterator[Any]:
    schema = _Schema()
    try:
        yield schema.option
    finally:
        schema.drop()


@contextmanager
def mysql() -> Iterator[Any]:
    database = _MysqlDatabase()
    try:
        yield database.option
    finally:
        database.drop()


def _renewed(make: type[Union[_Schema, _MysqlDatabase]]) -> Callable[[], AbstractContextManager[Any]]:
    """Databases that are emptied and taken again, which takes less than to make them; gone with the process."""
    free: list[Union[_Schema, _MysqlDatabase]] = []

    def drop() -> None:
        for place in free:
            place.drop()

    atexit.register(drop)

    @contextmanager
    def take() -> Iterator[Any]:
        place = free.pop() if free else make()
        try:
            yield place.option
        finally:
            place.clear()
            free.append(place)

    return take


#: Databases for one test after another.
DATABASES = {"SQLite": sqlite, "PostgreSQL": _renewed(_Schema), "MySQL": _renewed(_MysqlDatabase)}
