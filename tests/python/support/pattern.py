"""Expectations of golden conversations: JSON in which strings may stand for kinds of values and remember what they met.

The format is in tests/README.md; tests/core/http/pattern.rs and tests/node/support/pattern.mjs are the same
elsewhere."""

from __future__ import annotations

import base64
import hmac
import json
import re
import struct
from typing import Any, Callable, NoReturn

ABSENT = object()

KINDS: dict[str, Callable[[Any], bool]] = {
    "$any": lambda value: value is not ABSENT,
    "$text": lambda value: isinstance(value, str) and value != "",
    "$uuid": lambda value: fits(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", value),
    "$jwt": lambda value: fits(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", value),
    "$instant": lambda value: fits(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", value),
    "$code": lambda value: fits(r"[0-9]{6}", value),
    "$secret": lambda value: fits(r"[A-Za-z0-9_-]{43}", value),
    "$base32": lambda value: fits(r"[A-Z2-7]{32}", value),
    "$recovery": lambda value: fits(r"[A-Z2-7]{6}(-[A-Z2-7]{6}){3}", value),
    "$count": lambda value: type(value) is int and value >= 0,
}


def fits(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def forged(token: str) -> str:
    header, payload, signature = token.split(".")
    return f"{header}.{payload}.{'B' if signature.startswith('A') else 'A'}{signature[1:]}"


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


#: What an attacker makes of a token; a code as some people type it, and another one.
FILTERS: dict[str, Callable[[str], str]] = {
    "forged": forged,
    "unsigned": unsigned,
    "upper": str.upper,
    "typed": lambda code: f" {code[:3]}-{code[3:]} ",
    "wrong": lambda code: code[:5] + ("1" if code.endswith("0") else "0"),
    "lower": str.lower,
}


def totp(secret: str, steps: int, now: int) -> str:
    """The code of an authenticator app with this secret (RFC 6238): now, or some steps before or after."""
    step = struct.pack(">q", now // 30_000 + steps)
    digest = hmac.new(base64.b32decode(secret), step, "sha1").digest()
    number = int(struct.unpack_from(">I", digest, digest[19] & 15)[0]) & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


class Mismatch(AssertionError):
    pass


class Variables:
    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        #: The time of the conversation's clock, in milliseconds.
        self.now = 0

    def set(self, name: str, value: str) -> None:
        self.known[name] = value

    def get(self, name: str) -> str:
        if name not in self.known:
            raise Mismatch(f"nothing was remembered as {name}")
        return self.known[name]

    def fill(self, value: Any) -> Any:
        """A text with every ``${name}`` and ``${name|filter}`` replaced, or JSON with that done in every string."""
        if isinstance(value, str):
            return re.sub(r"\$\{([^}|]+)((?:\|[^}|]+)*)\}", self._replacement, value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {self.fill(name): self.fill(item) for name, item in value.items()}
        return value

    def _replacement(self, found: re.Match[str]) -> str:
        name, filters = found.groups()
        text = self.get(name)
        for filter in filters.split("|")[1:]:
            steps = re.fullmatch(r"totp([+-]\d+)?", filter)
            if steps is None and filter not in FILTERS:
                raise Mismatch(f"|{filter} is no filter")
            text = FILTERS[filter](text) if steps is None else totp(text, int(steps[1] or 0), self.now)
        return text

    def check(self, expected: Any, actual: Any, path: str) -> None:
        """Raises a ``Mismatch`` unless ``actual`` is what ``expected`` says."""

        def differs(wanted: Any = expected) -> NoReturn:
            raise Mismatch(f"{path}: expected {wanted}, got {'nothing' if actual is ABSENT else actual}")

        if isinstance(expected, str):
            if expected.startswith("$like:"):
                glob = ".+".join(re.escape(part) for part in self.fill(expected[6:]).split("*"))
                if not (isinstance(actual, str) and re.fullmatch(glob, actual, re.DOTALL)):
                    differs()
            elif re.match(r"\$[a-z]", expected):
                self._check_kind(expected, actual, differs)
            elif self.fill(expected) != actual:
                differs()
        elif isinstance(expected, list):
            if not isinstance(actual, list) or len(actual) != len(expected):
                differs()
            for i, item in enumerate(expected):
                self.check(item, actual[i], f"{path}[{i}]")
        elif isinstance(expected, dict):
            if not isinstance(actual, dict):
                differs()
            loose = expected.get("...")
            names, members = [name for name in expected if name != "..."], list(actual)
            if loose == "any order":
                names, members = sorted(names), sorted(members)
            if loose is not True and names != members:
                differs(f"the members {names} in this order")
            for name in names:
                self.check(expected[name], actual.get(name, ABSENT), f"{path}.{name}")
        elif type(expected) is not type(actual) or expected != actual:
            differs()

    def _check_kind(self, pattern: str, actual: Any, differs: Callable[[], NoReturn]) -> None:
        kind, _, name = pattern.partition(":")
        if kind not in KINDS:
            raise Mismatch(f"{kind} is no kind")
        if not KINDS[kind](actual):
            differs()
        if name:
            self.set(name, actual if isinstance(actual, str) else json.dumps(actual))

    def check_tokens(self, tokens: dict[str, Any]) -> None:
        """Checks the header and payload of remembered tokens."""
        for name, expected in tokens.items():
            parts = dict(zip(("header", "payload"), self.get(name).split(".")))
            for part, wanted in expected.items():
                text = base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4))
                self.check(wanted, json.loads(text), f"{name}.{part}")
