"""Gives the package of 6.0.0 the modules and names that it lacks beside this tree's, so that a test file that imports
one can be loaded there. What is asked of them raises.

    python missing.py PACKAGE_OF_THIS_TREE PACKAGE_OF_6_0_0
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MARK = "\n# Names of later versions.\n"


def names(statements: list[ast.stmt], of_others: bool) -> Iterator[str]:
    """The names that a module has when it is imported, in any branch of it: with those of other packages, or without."""
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            if of_others or (isinstance(statement, ast.ImportFrom) and statement.level > 0):
                yield from (alias.asname or alias.name.split(".")[0] for alias in statement.names)
        elif isinstance(statement, (ast.If, ast.Try)):
            for part in ("body", "orelse", "finalbody"):
                yield from names(getattr(statement, part, []), of_others)
        else:
            yield from (
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            )


def stub(module: str, name: str) -> str:
    message = f"6.0.0 has no {module}.{name}"
    return f"class {name}:\n    def __init__(self, *_, **__):\n        raise NotImplementedError({message!r})\n"


def complete(here: Path, there: Path, module: str) -> None:
    """Appends what is missing to a module, which may have been completed before."""
    original = there.read_text().split(MARK)[0] if there.exists() else ""
    known = set(names(ast.parse(original).body, of_others=True))
    wanted = dict.fromkeys(names(ast.parse(here.read_text()).body, of_others=False))
    missing = [name for name in wanted if name not in known and name != "*" and not name.startswith("_")]
    stubs = "".join(stub(module, name) for name in missing)
    there.parent.mkdir(exist_ok=True)
    there.write_text(original + (MARK + stubs if stubs or not original else ""))


if __name__ == "__main__":
    ours, old = (Path(folder) for folder in sys.argv[1:])
    for file in sorted(ours.rglob("*.py")):
        place = file.relative_to(ours)
        if file.name != "__main__.py" and place.parts[0] != "_native":
            complete(file, old / place, ".".join(("sentri", *place.with_suffix("").parts)))
