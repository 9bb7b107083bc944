"""Passes users of other systems to the core, as batches of lines."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from typing import Any, Callable, Optional, Union

from .constants import MAX_IMPORT_CHARACTERS, MAX_IMPORT_LINE, MAX_IMPORT_LINES, MAX_IMPORT_REFUSALS
from .import_types import ImportedUser, ImportOptions, ImportProgress, ImportRefusal, ImportReport

#: A piece of a file as bytes, which is split into lines, or a line as a text, or a record.
ImportItem = Union[bytes, str, Mapping[str, Any]]

#: The systems whose users can be imported. ``sentri`` is sentri's own format, for all other systems.
FORMATS = ("sentri", "better-auth", "supabase", "auth0", "firebase", "django", "keycloak")

Items = Iterable[ImportItem]
#: Items of an iterable or of an asynchronous iterable.
Source = Union[AsyncIterable[ImportItem], Items]

_Line = Union[str, dict[str, str]]


class Import:
    """An import in progress. It takes items, yields the inputs of calls that are due, and adds up their results."""

    def __init__(
        self,
        options: Mapping[str, Any],
        on_progress: Optional[Callable[[ImportProgress], None]],
        on_refused: Optional[Callable[[ImportRefusal], None]],
        on_user: Optional[Callable[[ImportedUser], None]],
    ) -> None:
        self._options = {name: value for name, value in options.items() if value is not None}
        self._on_progress, self._on_refused, self._on_user = on_progress, on_refused, on_user
        self._started = time.monotonic()
        self._kept = b""
        self._is_too_long = False
        self._batch: list[_Line] = []
        self._characters = 0
        self.report: ImportReport = {"lines": 0, "imported": 0, "present": 0, "refused": 0, "refusals": []}

    def take(self, item: ImportItem) -> Iterator[dict[str, Any]]:
        """The calls that are due with a further item."""
        for line in self._lines_of(item):
            yield from self._put(line)

    def end(self) -> Iterator[dict[str, Any]]:
        """The calls that are due at the end."""
        if self._kept or self._is_too_long:
            yield from self._put(self._line())
        if self._batch:
            yield self._call()

    def add(self, batch: Mapping[str, Any]) -> None:
        """Adds the result of a call."""
        report = self.report
        report["imported"] += batch["imported"]
        report["present"] += batch["present"]
        report["refused"] += len(batch["refused"])
        report["refusals"] += batch["refused"][: MAX_IMPORT_REFUSALS - len(report["refusals"])]
        if self._on_refused is not None:
            for refusal in batch["refused"]:
                self._on_refused(refusal)
        if self._on_user is not None:
            for user in batch["ids"]:
                self._on_user(user)
        if self._on_progress is not None:
            self._on_progress(
                {
                    "lines": report["lines"],
                    "imported": report["imported"],
                    "present": report["present"],
                    "refused": report["refused"],
                    "seconds": time.monotonic() - self._started,
                }
            )

    def _put(self, line: _Line) -> Iterator[dict[str, Any]]:
        self._batch.append(line)
        self._characters += len(line) if isinstance(line, str) else 0
        if len(self._batch) >= MAX_IMPORT_LINES or self._characters >= MAX_IMPORT_CHARACTERS:
            yield self._call()

    def _call(self) -> dict[str, Any]:
        lines, self._batch, self._characters = self._batch, [], 0
        first = self.report["lines"] + 1
        self.report["lines"] += len(lines)
        return {**self._options, "ids": self._on_user is not None, "first": first, "lines": lines}

    def _lines_of(self, item: ImportItem) -> Iterator[_Line]:
        if not isinstance(item, (bytes, bytearray, memoryview)):
            yield _line_of(item)
            return
        *ended, rest = bytes(item).split(b"\n")
        for part in ended:
            self._keep(part)
            yield self._line()
        self._keep(rest)

    def _keep(self, part: bytes) -> None:
        """Keeps a part of a line. Parts of a line that is too long are dropped as they come."""
        self._is_too_long = self._is_too_long or len(self._kept) + len(part) > MAX_IMPORT_LINE
        self._kept = b"" if self._is_too_long else self._kept + part

    def _line(self) -> _Line:
        kept, is_too_long = self._kept, self._is_too_long
        self._kept, self._is_too_long = b"", False
        if is_too_long:
            return {"unread": "length"}
        try:
            return kept.decode("utf-8-sig")
        except UnicodeDecodeError:
            return {"unread": "encoding"}


def _line_of(item: Union[str, Mapping[str, Any]]) -> _Line:
    """The line of a text, or of a record."""
    text = item if isinstance(item, str) else json.dumps(item, default=str)
    if len(text) > MAX_IMPORT_LINE:
        return {"unread": "length"}
    try:
        text.encode()
    except UnicodeEncodeError:
        return {"unread": "encoding"}
    return text


def begin(format: str, options: ImportOptions) -> Import:
    """Begins an import with its options."""
    listeners = {name: options.get(name) for name in ("on_progress", "on_refused", "on_user")}
    rest = {name: value for name, value in options.items() if name not in listeners}
    return Import({**rest, "format": format}, **listeners)  # type: ignore[arg-type]


def import_all(source: Items, work: Import, run: Callable[[dict[str, Any]], Mapping[str, Any]]) -> ImportReport:
    """Imports items, on a thread that may block."""
    for item in source:
        for call in work.take(item):
            work.add(run(call))
    for call in work.end():
        work.add(run(call))
    return work.report


async def import_from(
    source: Source,
    work: Import,
    run: Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]],
) -> ImportReport:
    """Imports the items of either kind of iterable, on an event loop."""
    async for item in _iterate(source):
        for call in work.take(item):
            work.add(await run(call))
    for call in work.end():
        work.add(await run(call))
    return work.report


async def _iterate(source: Source) -> AsyncIterator[ImportItem]:
    """The items of either kind of iterable."""
    if isinstance(source, AsyncIterable):
        async for item in source:
            yield item
        return
    for item in source:
        yield item
