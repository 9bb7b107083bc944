"""The golden conversations of tests/http through every framework on SQLite, and those in which a database has the word
through one on PostgreSQL or MySQL: what it answers no framework sees. The two kinds of views of Django take turns, and
so do those databases; ``make soak`` holds all on both."""

from __future__ import annotations

import os
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
#: The turn of those that take turns with another.
TURNS = {"Django": 0, "Django, asynchronous": 1, "PostgreSQL": 0, "MySQL": 1}


def is_turn(name: str, index: int) -> bool:
    return "SENTRI_SOAK" in os.environ or TURNS.get(name, index % 2) == index % 2


RUNS = [(name, "SQLite", one) for name in FRAMEWORKS for index, one in enumerate(ALL) if is_turn(name, index)]
RUNS += [
    ("FastAPI", name, one)
    for name in ("PostgreSQL", "MySQL")
    for index, one in enumerate(ALL)
    if one["file"] not in STATELESS and is_turn(name, index)
]


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
