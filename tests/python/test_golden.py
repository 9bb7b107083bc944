"""The golden conversations of tests/http through every framework, on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from support.apps import FRAMEWORKS
from support.databases import DATABASES
from support.golden import Talk, conversations


@pytest.mark.parametrize("conversation", conversations(), ids=lambda one: f"{one['file']} / {one['name']}")
@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_conversation(framework: str, database: str, conversation: dict[str, Any]) -> None:
    talk = Talk(conversation)
    with DATABASES[database]() as db, FRAMEWORKS[framework]({**talk.options, "db": db}) as (auth, base):
        try:
            talk.hold(auth, base)
        finally:
            auth.close()
