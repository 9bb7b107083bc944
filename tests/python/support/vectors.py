"""Reads the tables of tests/vectors: ``{id, given, expect}``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sentri import SentriError
from sentri.names import snake

FOLDER = Path(__file__).parents[2] / "vectors"


def table(name: str, *ops: str) -> list[Any]:
    """The rows of a table, or those of some of its operations."""
    cases = json.loads((FOLDER / f"{name}.json").read_text())
    return [
        pytest.param(case["given"], case["expect"], id=case["id"])
        for case in cases
        if not ops or case["given"]["op"] in ops
    ]


def fits(expect: Any, found: Any) -> bool:
    """Whether a value is the one of a table, or an error has its words; options are spelt as they are here."""
    if not isinstance(expect, dict):
        return bool(found == expect)
    return isinstance(found, str) and (expect["error"] in found or options_spelt(expect["error"]) in found)


def options_spelt(text: str) -> str:
    return re.sub(r"\b[a-z]+(?:[A-Z][a-z]*)+\b", lambda found: snake(found[0]), text)


def said(run: Any) -> Any:
    """What a call came to, an error as its code and message."""
    try:
        return run()
    except SentriError as error:
        return f"{error.code}: {error.message}"
