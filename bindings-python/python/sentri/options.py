"""Options as JSON for the core, which checks them."""

from __future__ import annotations

import base64
import dataclasses
import json
import logging
import math
import os
import re
import uuid
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Optional

from . import types
from .errors import SentriError, unwrap
from .names import camel, snake
from .testing import Clock

FUNCTION = "[function]"


def describe(value: Any) -> str:
    """Options, inputs and results as JSON text, member names in ``camelCase``. Durations become seconds, functions a
    placeholder."""
    return json.dumps(plain(value), separators=(",", ":"))


def plain(value: Any) -> Any:
    """Converts a value to JSON. A value that JSON can't hold becomes a value that no option accepts, so that the core
    names the option."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (bytes, bytearray)):
        # Among the options, only `secret` takes a key in this form (RFC 7518, 6.4).
        return {"kty": "oct", "k": base64.urlsafe_b64encode(value).decode().rstrip("=")}
    if isinstance(value, Mapping):
        return {camel(str(name)): plain(item) for name, item in value.items()}
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return FUNCTION if callable(value) else [[type(value).__name__]]


def limit_key(key: Any) -> str:
    """The key of a rate limiter as JSON; the core checks it. A UUID becomes its text, and a value that JSON can't hold
    becomes a value that is no key."""
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, uuid.UUID) or (isinstance(key, int) and not isinstance(key, bool)):
        # Other languages can't read long numbers in JSON exactly.
        key = str(key)
    if isinstance(key, str):
        # A lone surrogate can't be passed to the core, so it becomes U+FFFD, as in Node.
        key = key.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    is_key = key is None or isinstance(key, (str, bool)) or (isinstance(key, float) and math.isfinite(key))
    return json.dumps(key if is_key else [])


def in_production() -> bool:
    """Whether the process declares production: ``SENTRI_ENV``, else ``NODE_ENV``, so that the same variable serves both
    sides of a system."""
    return os.environ.get("SENTRI_ENV", os.environ.get("NODE_ENV")) == "production"


def refuse_test_clock(options: Mapping[str, Any]) -> None:
    """Refuses the test clock in production."""
    if options["production"] and options.get("clock") is not None:
        raise SentriError(
            "CONFIGURATION_ERROR", "clock must not be used in production: no token would expire by the time"
        )


def prepare(mode: str, options: Mapping[str, Any]) -> tuple[str, Optional[Clock], Any]:
    """The options as JSON text for the core, the clock of a test if they hold one, and the logger."""
    named = {"mode": mode, "production": in_production(), **options}
    refuse_test_clock(named)
    clock = named.pop("clock", None)
    if not isinstance(clock, (Clock, type(None))):
        raise SentriError("CONFIGURATION_ERROR", "clock must be a sentri.testing.Clock, which is for tests alone")
    logger = named.pop("logger", None)
    if logger is None:
        logger = logging.getLogger(str(options.get("logger_service") or "sentri"))
        logger.addHandler(_SILENT)
    if logger is not False:
        method = {"info": ("info",), "warn": ("warning", "warn"), "error": ("error",)}
        named["logger"] = {
            name: FUNCTION
            for name, spellings in method.items()
            if any(callable(getattr(logger, one, None)) for one in spellings)
        }
    return describe(named), clock, None if logger is False else logger


#: The handler that libraries attach, so that an application that configures no logging sees nothing on its stderr.
_SILENT = logging.NullHandler()


def _option_names() -> frozenset[str]:
    found = [vars(types).get(name) for name in vars(types) if name.endswith(("Options", "Hooks", "Overrides"))]
    names = {name for one in found for name in getattr(one, "__annotations__", {})}
    return frozenset(camel(name) for name in names if "_" in name)


_OPTION_NAMES = _option_names() | {"rateLimiter"}


def spelt(text: str) -> str:
    """Returns a sentence about options with their names in ``snake_case``, also the name of an unknown option."""

    def spell(word: re.Match[str]) -> str:
        return snake(word[0]) if word[0] in _OPTION_NAMES else word[0]

    unknown = re.compile(r"[A-Za-z]+(?= is not an option)")
    return re.sub(r"\b[a-z]+(?:[A-Z][a-z]*)+\b", spell, unknown.sub(lambda word: snake(word[0]), text))


def configured(text: str) -> Any:
    """Unwraps the outcome of a check of options."""
    try:
        return unwrap(text)
    except SentriError as error:
        error.message = spelt(error.message)
        error.args = (error.message,)
        raise
