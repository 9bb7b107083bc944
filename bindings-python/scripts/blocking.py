"""Writes the calls for threads that may block from those for event loops; with ``--check``, only checks that they are
up to date. Both forms are the same code except for the waiting, so only the first is written by hand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "python" / "sentri"
#: Each module for event loops, and the module for threads that is written from it.
MODULES = {"administration": "blocking_administration", "server_calls": "blocking_server_calls"}
HEAD = "# Written by `make generate` from {source}.py. Do not edit.\n"

#: Words of a module for event loops, as regular expressions, and their replacements for threads.
WORDS = {
    r"async def": "def",
    r"await (?=\w)": "",
    r"finish": "wait",
    r"import_from": "import_all",
    r"Source": "Items",
    r"\.drain": ".drain_blocking",
    r"\.post": ".post_blocking",
    r"\._hooks\.run": "._hooks.run_blocking",
    r"\.administration": ".blocking_administration",
    r"Administration": "BlockingAdministration",
    r"ServerCalls": "BlockingServerCalls",
}
#: Sentences of docstrings.
SENTENCES = {
    "for event loops": "for threads that may block",
    " ``blocking_administration`` is written from this.": "",
    " ``blocking_server_calls`` is written from this.": "",
}


def to_blocking(source: str) -> str:
    """Converts the text of a module for event loops to the text of its module for threads."""
    patterns = [re.escape(sentence) for sentence in SENTENCES]
    patterns += [rf"\b{word}\b" if word[0].isalnum() else rf"{word}\b" for word in WORDS]
    replacements = [*SENTENCES.values(), *WORDS.values()]
    # One pass, so that the replacement of one word is not replaced again.
    either = re.compile("|".join(f"({pattern})" for pattern in patterns))
    return either.sub(lambda found: replacements[(found.lastindex or 1) - 1], source)


def formatted(text: str, name: str) -> str:
    """The text as `make format` leaves it."""
    for command in (["check", "--quiet", "--fix", "--select", "I"], ["format", "--quiet"]):
        run = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(PACKAGE / f"{name}.py"), "-"]
        text = subprocess.run(run, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> None:
    stale = []
    for source, name in MODULES.items():
        text = (PACKAGE / f"{source}.py").read_text()
        written = formatted(HEAD.format(source=source) + to_blocking(text), name)
        path = PACKAGE / f"{name}.py"
        if path.exists() and path.read_text() == written:
            continue
        stale.append(str(path))
        if "--check" not in sys.argv:
            path.write_text(written)
    if stale and "--check" in sys.argv:
        sys.exit(f"not up to date, run make generate: {', '.join(stale)}")


if __name__ == "__main__":
    main()
