"""The command line's entry: ``sentri``, or ``python -m sentri``."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from io import TextIOWrapper
from typing import Any, Optional

from .arguments import describe_flags, parse_flags
from .command import Command
from .commands import COMMANDS, find, verbs_of
from .exits import DONE, UsageError, report
from .file import with_file
from .output import as_json, columns, paint, show

_HELP = ("--help", "-h")


def run() -> None:
    """Runs the command line of this process and ends it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    warnings.showwarning = _warn
    args = sys.argv[1:]
    try:
        code = _main(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader that closes the pipe early, such as `head`, is no failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE
    except (Exception, KeyboardInterrupt) as error:
        code = _fail(error, "--json" in args)
    sys.exit(code)


def _main(args: Sequence[str]) -> int:
    asked = _help_for(args)
    if asked is not None:
        print(asked)
        return DONE
    if args[0] in ("--version", "-v"):
        print(version("sentri"))
        return DONE
    name, command, rest = find(args)
    values, words = parse_flags(rest, command.flags)
    _check_words(name, command.words, words)
    result = command.run(with_file(command.flags, values), words)
    if result is None:
        return DONE
    show(result, "json" in values)
    return result.exit_code


def _help(names: Sequence[str]) -> str:
    rows = [[f"  {name}", COMMANDS[name].summary] for name in names]
    listed = "\n".join(columns(rows))
    return f"{paint('sentri', 'bold')}: auth for services\n\n{listed}\n\nsentri <command> --help tells more."


def _usage(name: str, command: Command) -> str:
    places = "".join(f" [{word[:-1]}]" if word.endswith("?") else f" <{word}>" for word in command.words)
    return f"{paint(f'sentri {name}{places}', 'bold')}: {command.summary}\n\n{describe_flags(command.flags)}".rstrip()


def _help_for(args: Sequence[str]) -> Optional[str]:
    """Returns the text that ``help``, ``--help`` or ``-h`` asks for, or None."""
    if not args:
        return _help(list(COMMANDS))
    first = args[0]
    before = args[: args.index("--")] if "--" in args else args
    if first != "help" and not any(arg in _HELP for arg in before):
        return None
    words = [arg for arg in (args[1:] if first == "help" else args) if arg not in _HELP]
    if not words:
        return _help(list(COMMANDS))
    verbs = verbs_of(words[0])
    if verbs and (len(words) < 2 or words[1] not in verbs):
        return _help([f"{words[0]} {verb}" for verb in verbs])
    name, command, _ = find(words)
    return _usage(name, command)


def _check_words(name: str, wanted: Sequence[str], words: Sequence[str]) -> None:
    """Checks that a command has the words that it needs, and no more than it takes."""
    missing = [word for word in wanted[len(words) :] if not word.endswith("?")]
    if missing:
        raise UsageError(f"{name} needs a {missing[0]}: see sentri {name} --help")
    if len(words) > len(wanted):
        raise UsageError(f"{words[len(wanted)]} is one word too many")


def _fail(error: BaseException, as_object: bool) -> int:
    """Reports an error on standard error, as JSON where ``--json`` was asked for."""
    code, message, exit_code = report(error)
    if as_object:
        print(as_json({"error": {"code": code, "message": message}, "exitCode": exit_code}), file=sys.stderr)
        return exit_code
    shown = message if code in ("USAGE", "FAILED") else f"{code}: {message}"
    print(f"{paint('sentri:', 'red', sys.stderr)} {shown}", file=sys.stderr)
    if code == "USAGE":
        print("`sentri --help` lists the commands.", file=sys.stderr)
    return exit_code


def _warn(message: Any, *_: Any, **__: Any) -> None:
    print(f"{paint('sentri:', 'red', sys.stderr)} {message}", file=sys.stderr)
