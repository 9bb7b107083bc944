"""The public declarations of the Python package are those of tests/declarations, so that no change goes unseen."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "declarations"


def test_the_public_declarations_are_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "python.txt"
    subprocess.run([sys.executable, FOLDER / "python.py", file], check=True, timeout=120)
    written, accepted = file.read_text(), (FOLDER / "python.txt").read_text()
    for name in ("class AuthServer(", "class SentriError(", "def verify_access_token("):
        assert name in written, name
    changes = difflib.unified_diff(accepted.splitlines(), written.splitlines(), lineterm="", n=1)
    said = "The public declarations have changed. If that is meant, run: make declarations"
    assert written == accepted, "\n".join([said, *changes])
