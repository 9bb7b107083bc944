"""The package is for Python 3.9 and later, and the tests run on what there is. What 3.9 would say of the sources is
looked for in them, as far as they tell; `make test-python39` runs the suite by it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

import pytest
import sentri

PACKAGE = Path(str(sentri.__file__)).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))

#: What came to `typing` after 3.9.
LATER_TYPING = {
    *("Concatenate", "ParamSpec", "ParamSpecArgs", "ParamSpecKwargs", "TypeAlias", "TypeGuard", "is_typeddict"),
    *(
        "LiteralString",
        "Never",
        "NotRequired",
        "Required",
        "Self",
        "TypeVarTuple",
        "Unpack",
        "assert_never",
        "assert_type",
    ),
    *("clear_overloads", "dataclass_transform", "get_overloads", "reveal_type"),
    *(
        "TypeAliasType",
        "override",
        "NoDefault",
        "ReadOnly",
        "TypeIs",
        "get_protocol_members",
        "is_protocol",
        "evaluate_forward_ref",
    ),
}
#: What came to other modules and to what is built in, and is tempting.
LATER = {
    "asyncio": {"Runner", "TaskGroup", "timeout", "timeout_at", "Barrier"},
    "collections.abc": {"Buffer"},
    "contextlib": {"aclosing", "chdir"},
    "dataclasses": {"KW_ONLY"},
    "datetime": {"UTC"},
    "enum": {"StrEnum", "verify"},
    "inspect": {"get_annotations", "markcoroutinefunction"},
    "itertools": {"batched", "pairwise"},
    "types": {"EllipsisType", "NoneType", "NotImplementedType", "UnionType"},
}
LATER_BUILTINS = {
    "ExceptionGroup",
    "BaseExceptionGroup",
    "EncodingWarning",
    "PythonFinalizationError",
    "aiter",
    "anext",
}
LATER_MODULES = {"tomllib", "annotationlib", "string.templatelib"}
LATER_KEYWORDS = {"dataclass": {"kw_only", "match_args", "slots", "weakref_slot"}, "zip": {"strict"}}


def at_runtime(tree: ast.AST, postponed: bool) -> Iterator[ast.AST]:
    """The nodes that are run: not what type checkers alone read."""
    for name, value in ast.iter_fields(tree):
        if postponed and name in ("annotation", "returns"):
            continue
        if isinstance(tree, ast.If) and name == "body" and ast.unparse(tree.test) == "TYPE_CHECKING":
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield node
                yield from at_runtime(node, postponed)


def is_type(node: ast.AST) -> bool:
    """Whether it may only be a type, where `|` makes a union: dicts and sets are joined by it, too."""
    if isinstance(node, ast.Name):
        return isinstance(getattr(builtins, node.id, None), type) or node.id in ("Any", "Callable")
    return isinstance(node, ast.Constant) and node.value is None or isinstance(node, ast.BinOp) and is_type(node.left)


def complaints(source: str) -> list[str]:
    """What Python 3.9 would say."""
    try:
        tree = ast.parse(source, feature_version=(3, 9))
    except SyntaxError as error:
        return [f"{error.lineno}: {error.msg}"]
    postponed = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and "annotations" in [one.name for one in node.names]
        for node in tree.body
    )
    found: list[str] = []
    for node in at_runtime(tree, postponed):
        later: set[str] = set()
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.BitOr)
            and (is_type(node.left) or is_type(node.right))
        ):
            later = {ast.unparse(node)}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = {one.name for one in node.names}
            later = (
                names & (LATER_TYPING if node.module == "typing" else LATER.get(str(node.module), set()))
                | {str(node.module)} & LATER_MODULES
            )
        elif isinstance(node, ast.Import):
            later = {one.name for one in node.names} & LATER_MODULES
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            later = {node.attr} & (LATER_TYPING if node.value.id == "typing" else LATER.get(node.value.id, set()))
        elif isinstance(node, ast.Name):
            later = {node.id} & LATER_BUILTINS
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            later = {str(one.arg) for one in node.keywords} & LATER_KEYWORDS.get(node.func.id, set())
        found += [f"{getattr(node, 'lineno', 0)}: {one}" for one in sorted(later)]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_sources_are_for_python_3_9(path: Path) -> None:
    assert complaints(path.read_text()) == []


def test_the_generated_module_is_among_them() -> None:
    assert len(SOURCES) > 25 and PACKAGE / "_native/sentri_native.py" in SOURCES


@pytest.mark.parametrize(
    "source",
    [
        "match x:\n    case 1: pass",
        "try: pass\nexcept* ValueError: pass",
        "type X = int",
        "def f[T](x: T): pass",
        "X = int | None",
        "def f(x: int | None): pass",
        "def f() -> None | str: pass",
        "x: str | int = 1",
        "isinstance(x, str | bytes)",
        "from typing import Unpack",
        "import typing\nX = typing.Self",
        "from asyncio import timeout",
        "from datetime import UTC",
        "zip(a, b, strict=True)",
        "@dataclass(slots=True)\nclass A: pass",
        "import tomllib",
        "raise ExceptionGroup('x', [])",
    ],
)
def test_what_3_9_lacks_is_found(source: str) -> None:
    assert complaints(source)


@pytest.mark.parametrize(
    "source",
    [
        "from __future__ import annotations\ndef f(x: int | None) -> str | None:\n    y: int | str = 1",
        "if TYPE_CHECKING:\n    from typing_extensions import Unpack\n    from typing import Self",
        "x = {} | y",
        "flags = a.x | a.y",
        "names: dict[str, list[int]] = {}",
        "'text'.removeprefix('t')",
    ],
)
def test_what_3_9_has_is_not(source: str) -> None:
    assert complaints(source) == []
