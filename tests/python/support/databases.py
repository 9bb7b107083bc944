"""Databases of a test's own, gone with it."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import Any, Iterator

import psycopg

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


DATABASES = {"SQLite": sqlite, "PostgreSQL": postgres}
