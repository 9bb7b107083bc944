"""Databases of a test's own, gone with it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql

MYSQL_URL = os.environ.get("MYSQL_URL", "mysql://root@127.0.0.1:3306/test")
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
URL = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/test")


@contextmanager
def sqlite() -> Iterator[Any]:
    yield "sqlite::memory:"


@contextmanager
def postgres() -> Iterator[Any]:
    schema = f"sentri_t_{secrets.token_hex(12)}"
    _run(f"CREATE SCHEMA {schema}")
    try:
        glue = "&" if "?" in URL else "?"
        yield {"connection_string": f"{URL}{glue}options=-csearch_path%3D{schema}", "max": 10}
    finally:
        _run(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _run(statement: str) -> None:
    with psycopg.connect(URL, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


@contextmanager
def mysql() -> Iterator[Any]:
    name = f"sentri_t_{secrets.token_hex(12)}"
    _run_mysql(f"CREATE DATABASE {name}")
    try:
        place = urlsplit(MYSQL_URL)
        yield place._replace(path=f"/{name}").geturl()
    finally:
        _run_mysql(f"DROP DATABASE IF EXISTS {name}")


def _run_mysql(statement: str) -> None:
    place = urlsplit(MYSQL_URL)
    user, password = unquote(place.username or "root"), unquote(place.password or "")
    with pymysql.connect(
        host=place.hostname or "127.0.0.1", port=place.port or 3306, user=user, password=password
    ) as connection:
        connection.cursor().execute(statement)


DATABASES = {"SQLite": sqlite, "PostgreSQL": postgres, "MySQL": mysql}
