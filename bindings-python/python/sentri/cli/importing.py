"""``sentri import``."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO, Callable, TextIO

from ..importing import FORMATS
from ..types import FirebaseHash, ImportOptions, ImportProgress, ImportRefusal, ImportReport
from .arguments import Flag, suggest
from .command import Command, caretaker, server
from .exits import DONE, FAILED, UsageError
from .file import user_options
from .options import DATABASE, JSON, VALID_ROLES, words
from .output import Result, as_json

#: The number of refusals that are printed; the report in a file holds all.
_SHOWN = 20
#: The number of bytes that are read at once.
_PIECE = 64 * 1024

_FIREBASE = {
    "firebase-signer-key": Flag(
        "base64_signer_key of the project's password hash parameters", value="text", env="FIREBASE_SIGNER_KEY"
    ),
    "firebase-salt-separator": Flag("base64_salt_separator of them", value="text", default="Bw=="),
    "firebase-rounds": Flag("rounds of them", value="number", default="8"),
    "firebase-mem-cost": Flag("mem_cost of them", value="number", default="14"),
}


def _import(values: Mapping[str, str], names: Sequence[str]) -> Result:
    name, options = _options_of(values)
    # `--roles` are the roles of a user; the server needs all roles that exist.
    of_server = {**values, "roles": values["valid-roles"]}
    progress = _Progress()
    with ExitStack() as stack:
        source = stack.enter_context(_opened(names[0])) if names[0] != "-" else sys.stdin.buffer
        for flag, option in (("report", "on_refused"), ("ids", "on_user")):
            if flag in values:
                options[option] = _writer(stack.enter_context(_created(values[flag])))  # type: ignore[literal-required]
        options["on_progress"] = progress.show
        stack.callback(progress.end)
        with server({**caretaker(of_server), **user_options(values)}) as auth:
            auth.ready(wait=0)
            report = auth.import_users(_pieces(source), format=name, **options)
    return _result_of(report, values)


def _options_of(values: Mapping[str, str]) -> tuple[str, ImportOptions]:
    name = values.get("format", "")
    if name not in FORMATS:
        raise UsageError(f"--format must be one of: {', '.join(FORMATS)}{suggest(name, FORMATS, '') if name else ''}")
    options: ImportOptions = {
        "allow_admin_roles": "allow-admin-roles" in values,
        "drop_factors": "drop-factors" in values,
        "dry_run": "dry-run" in values,
    }
    if "roles" in values:
        options["roles"] = words(values["roles"])
    if name == "firebase":
        options["firebase"] = _firebase_of(values)
    return name, options


def _firebase_of(values: Mapping[str, str]) -> FirebaseHash:
    if not values.get("firebase-signer-key"):
        raise UsageError("--firebase-signer-key is missing: the console of Firebase shows it with the other parameters")
    return {
        "signer_key": values["firebase-signer-key"],
        "salt_separator": values["firebase-salt-separator"],
        "rounds": _number(values, "firebase-rounds"),
        "mem_cost": _number(values, "firebase-mem-cost"),
    }


def _number(values: Mapping[str, str], name: str) -> int:
    if not re.fullmatch("[0-9]{1,2}", values[name]):
        raise UsageError(f"--{name} must be a number, not {values[name]}")
    return int(values[name])


def _opened(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {_reason(error)}") from error


def _created(path: str) -> TextIO:
    """Creates a file that only its owner can read, from the first moment on."""
    try:
        file = open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))
        # A file that exists already keeps its mode otherwise.
        os.chmod(file.fileno() if os.chmod in os.supports_fd else path, 0o600)
        return file
    except OSError as error:
        raise UsageError(f"{path} can't be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown reason").lower()


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(_PIECE):
        yield piece


def _writer(file: TextIO) -> Callable[[Any], None]:
    """Makes a function that writes values to a file, as lines of JSON."""

    def write(value: Any) -> None:
        file.write(f"{as_json(value)}\n")

    return write


class _Progress:
    """A progress line on standard error: rewritten in place at a terminal, else a new line every ten seconds."""

    def __init__(self) -> None:
        self._shown = 0.0
        self._is_open = False

    def show(self, now: ImportProgress) -> None:
        is_terminal = sys.stderr.isatty()
        if now["seconds"] - self._shown < (0.2 if is_terminal else 10):
            return
        self._shown = now["seconds"]
        rate = round(now["lines"] / max(now["seconds"], 0.001))
        counts = f"{now['imported']} imported, {now['present']} there before, {now['refused']} refused"
        line = f"{now['lines']} lines, {counts}, {rate} a second"
        print(f"\r\x1b[K{line}" if is_terminal else line, end="" if is_terminal else "\n", file=sys.stderr, flush=True)
        self._is_open = is_terminal

    def end(self) -> None:
        if self._is_open:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _result_of(report: ImportReport, values: Mapping[str, str]) -> Result:
    dry_run = "dry-run" in values
    refused = report["refused"]
    done = "would import" if dry_run else "imported"
    counts = f"{report['present']} were there before, {refused} refused"
    shown = [_reason_of(one) for one in report["refusals"][:_SHOWN]]
    more = refused - len(shown)
    lines = [f"{done} {report['imported']} of {report['lines']} lines, {counts}", *shown]
    if more > 0:
        lines.append(f"and {more} more, all of which --report writes to a file")
    return Result({"dry_run": dry_run, **report}, lines, FAILED if refused else DONE)


def _reason_of(refusal: ImportRefusal) -> str:
    return f"line {refusal['line']}: {refusal['code']}: {refusal['message']}"


import_users = Command(
    "import users of another system with their password hashes, from lines of JSON; - reads standard input",
    {
        "format": Flag("system that the users come from", value=" or ".join(FORMATS)),
        **DATABASE,
        "roles": Flag("roles of users who bring none, separated by commas", value="list", repeats=True),
        **VALID_ROLES,
        "allow-admin-roles": Flag("let users bring admin roles"),
        "drop-factors": Flag(
            "leave second factors behind, instead of refusing users whose factors can't be carried over"
        ),
        **_FIREBASE,
        "dry-run": Flag("read and judge everything, and write nothing"),
        "report": Flag("file to write every refused line to, as lines of JSON", value="path"),
        "ids": Flag("file to write the id there and the id here of every user to, as lines of JSON", value="path"),
        **JSON,
    },
    _import,
    ["file"],
)
