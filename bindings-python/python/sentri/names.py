"""Names as each side spells them: ``snake_case`` here, ``camelCase`` in the core."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=4096)
def camel(name: str) -> str:
    """``access_expires_in`` as ``accessExpiresIn``."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """``accessExpiresIn`` as ``access_expires_in``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def to_snake(value: Any) -> Any:
    """JSON with its member names in ``snake_case``."""
    if isinstance(value, dict):
        return {snake(name): to_snake(item) for name, item in value.items()}
    if isinstance(value, list):
        return [to_snake(item) for item in value]
    return value
