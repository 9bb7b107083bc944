"""No file of the package imports itself by way of others. Imports within functions and under ``TYPE_CHECKING`` count,
since whoever reads one file of a circle has to read all of them."""

from __future__ import annotations

import ast
from collections.abc import Container
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "bindings-python/python/sentri"
Graph = dict[str, set[str]]


def files() -> dict[str, Path]:
    """The modules of the package by their full names; those that a build writes are not ours."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "_native" not in parts:
            found[".".join(parts)] = path
    return found


def imported(text: str, name: str, modules: Container[str]) -> set[str]:
    """The modules that a module imports, wherever in it that stands. A package is its ``__init__``."""

    def file_of(module: str) -> str:
        return module if module in modules else f"{module}.__init__"

    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(file_of(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            within = name.split(".")[: -node.level] if node.level else []
            module = ".".join([*within, *(node.module.split(".") if node.module else [])])
            for taken in (f"{module}.{alias.name}" for alias in node.names):
                found.add(taken if file_of(taken) in modules else module)
    return {file_of(module) for module in found if file_of(module) in modules} - {name}


def imports() -> Graph:
    modules = files()
    return {name: imported(path.read_text(), name, modules) for name, path in modules.items()}


def circles(graph: Graph) -> list[list[str]]:
    """Every group of modules that leads back to itself."""

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        rest = list(graph.get(start, ()))
        while rest:
            name = rest.pop()
            if name not in seen:
                seen.add(name)
                rest.extend(graph.get(name, ()))
        return seen

    reaches = {name: reachable(name) for name in graph}
    groups = {
        tuple(sorted(other for other in others if name in reaches.get(other, ())))
        for name, others in reaches.items()
        if name in others
    }
    return [list(group) for group in sorted(groups)]


def test_every_kind_of_import_is_seen() -> None:
    text = """
import sentri.a
from . import b
from .c import D
from ..e import F
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from .g import H
def i():
    from .j import K
    import sentri.l as m
"""
    modules = {"sentri.a", "sentri.cli.b", "sentri.cli.c", "sentri.e", "sentri.cli.g", "sentri.cli.j", "sentri.l"}
    assert imported(text, "sentri.cli.main", modules) == modules
    modules = {"sentri.__init__", "sentri.cli.__init__", "sentri.cli.b"}
    assert imported("from . import b, c", "sentri.cli.__init__", modules) == {"sentri.cli.b"}
    assert imported("from . import b, c", "sentri.cli.b", modules) == {"sentri.cli.__init__"}
    assert imported("from sentri import cli", "sentri.cli.b", modules) == {"sentri.cli.__init__"}
    assert imported("from .. import d", "sentri.cli.b", modules) == {"sentri.__init__"}


def test_circles_are_found_and_nothing_else() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []


def test_no_file_is_in_a_circle() -> None:
    graph = imports()
    assert len(graph) > 90 and "sentri.server" in graph["sentri.blocking"]
    assert "sentri.native" in graph["sentri.serving"]
    assert circles(graph) == []
