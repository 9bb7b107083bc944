"""Exit codes, the same in both command lines, and errors as the command line reports them."""

from __future__ import annotations

import traceback
from typing import NamedTuple

from ..errors import SentriError

DONE, FAILED, USAGE, NOT_FOUND, EXISTS, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

_EXIT_OF = {
    "VALIDATION_ERROR": USAGE,
    "INVALID_ROLE": USAGE,
    "USER_NOT_FOUND": NOT_FOUND,
    "SESSION_NOT_FOUND": NOT_FOUND,
    "USER_ALREADY_EXISTS": EXISTS,
    "SERVICE_UNAVAILABLE": UNAVAILABLE,
}


class UsageError(Exception):
    """A mistake in the command line. Its message is shown without a traceback."""


class CommandFailure(Exception):
    """A failure with an exit code and a message for the person at the command line."""

    def __init__(self, code: str, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code


class Report(NamedTuple):
    """An error as the command line reports it."""

    code: str
    message: str
    exit_code: int


def report(error: BaseException) -> Report:
    """Reads an exception. An unexpected exception is a defect, so it keeps its traceback."""
    if isinstance(error, UsageError):
        return Report("USAGE", str(error), USAGE)
    if isinstance(error, CommandFailure):
        return Report(error.code, str(error), error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        return Report("INTERRUPTED", "interrupted", INTERRUPTED)
    if isinstance(error, SentriError):
        return Report(error.code, with_cause(error), _EXIT_OF.get(error.code, FAILED))
    if isinstance(error, OSError):
        return Report("FAILED", str(error), FAILED)
    return Report(
        "FAILED", "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip(), FAILED
    )


def with_cause(error: BaseException) -> str:
    """The message with its cause, which responses to clients omit."""
    message, cause = str(error), error.__cause__
    known = f": {cause}" if isinstance(error, SentriError) and cause is not None and str(cause) not in message else ""
    return f"{message}{known}".replace("mode=rwc in the URL makes it", "`sentri migrate` makes it")


def explain(error: BaseException) -> str:
    """The error in one line, its code first."""
    return f"{error.code}: {with_cause(error)}" if isinstance(error, SentriError) else with_cause(error)
