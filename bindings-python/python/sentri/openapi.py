"""The endpoints in the core's description, for the command line and for FastAPI's own document."""

from __future__ import annotations

import json
import pkgutil
import re
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document; paths are those below the mount point."""
    data = pkgutil.get_data("sentri", "openapi.json")
    if data is None:
        raise ImportError("openapi.json is missing. Cure: pip install --force-reinstall sentri")
    found: dict[str, Any] = json.loads(data)
    return found


def operation(method: str, pattern: str) -> dict[str, Any]:
    """An endpoint by its row of ``SENTRI_ROUTES``, complete in itself: its schemas are in place, without references."""
    path = re.sub(r":(\w+)", r"{\1}", pattern)
    found: dict[str, Any] = _complete(document()["paths"][path][method.lower()])
    return found


def _complete(value: Any) -> Any:
    if isinstance(value, list):
        return [_complete(item) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        return {"title": name, **_complete(document()["components"]["schemas"][name])}
    return {name: _complete(item) for name, item in value.items()}
