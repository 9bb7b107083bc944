"""``config check``, ``config print`` and ``config schema``."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping, Sequence

from ..serve_flags import SERVE_FLAGS
from .command import Command
from .exits import DONE, FAILED
from .options import JSON
from .output import Result, columns, harmless
from .settle import look, settle


def _check(values: Mapping[str, str], _: Sequence[str]) -> Result:
    found = look(_flags(values))
    errors = [error["message"] for error in found["errors"]]
    lines = [f"wrong {message}" for message in errors]
    lines += [f"note  {warning}" for warning in found["warnings"]]
    if not errors:
        lines.append(f"ok    {found['file'] or 'no file'}")
    value = {"ok": not errors, "file": found["file"], "errors": errors, "warnings": found["warnings"]}
    return Result(value, [harmless(line) for line in lines], FAILED if errors else DONE)


def _print(values: Mapping[str, str], _: Sequence[str]) -> Result:
    settings = [
        {name: one[name] for name in ("name", "value", "from", "hot")} for one in settle(_flags(values))["settings"]
    ]
    rows = [[one["name"], _as_json(one["value"]), one["from"]] for one in settings]
    return Result({"settings": settings}, [harmless(line) for line in columns(rows)])


def _schema(_: Mapping[str, str], __: Sequence[str]) -> None:
    data = pkgutil.get_data("sentri", "schema.json")
    if data is None:
        raise ImportError("schema.json is missing. Cure: pip install --force-reinstall sentri")
    print(json.dumps(json.loads(data), indent=2, ensure_ascii=False))


def _flags(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name != "json"}


def _as_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


check = Command("check flags, environment and file of serve", {**SERVE_FLAGS, **JSON}, _check)
show = Command("print the options of serve, and where each comes from", {**SERVE_FLAGS, **JSON}, _print)
schema = Command("print the JSON Schema of a file of options, which editors complete by", {}, _schema)
