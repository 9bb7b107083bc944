"""The golden conversations of tests/http through every framework on SQLite and PostgreSQL, and those in which a
database has the word through one on MySQL: what it answers no framework sees."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

import pytest
from support.apps import FRAMEWORKS
from support.databases import DATABASES
from support.golden import Talk, conversations

ALL = conversations()
#: Topics that are no matter of what is stored.
STATELESS = {"bodies", "cookies", "csrf", "limits", "protect"}
RUNS = [(framework, database, one) for framework in FRAMEWORKS for database in ("SQLite", "PostgreSQL") for one in ALL]
RUNS += [("FastAPI", "MySQL", one) for one in ALL if one["file"] not in STATELESS]


@pytest.mark.parametrize(
    ("framework", "database", "conversation"),
    [pytest.param(*run, id=f"{run[0]}-{run[1]}-{run[2]['file']} / {run[2]['name']}") for run in RUNS],
)
def test_conversation(framework: str, database: str, conversation: dict[str, Any]) -> None:
    talk = Talk(conversation)
    # Lifetimes can be told to the second by a clock that stands still alone, which production refuses.
    allowed = patch("sentri.options.refuse_test_clock") if talk.options.get("production") else nullcontext()
    with allowed, DATABASES[database]() as db, FRAMEWORKS[framework]({**talk.options, "db": db}) as (auth, base):
        try:
            talk.hold(auth, base)
        finally:
            auth.close()
