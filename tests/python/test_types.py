"""The types of the installed wheel, as type checkers see them in the code of a user."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import pytest
import sentri

CONSUMER = Path(__file__).parent / "types/consumer.py"


@pytest.mark.parametrize(
    "command",
    [
        [
            "mypy",
            "--strict",
            "--warn-unused-ignores",
            "--python-executable",
            sys.executable,
            "--cache-dir=/dev/null",
            "--no-incremental",
        ],
        ["pyright", "--pythonpath", sys.executable],
    ],
    ids=lambda command: str(command[0]),
)
def test_a_user_s_code_is_checked_against_the_wheel(command: list[str]) -> None:
    # By itself, so that neither configuration nor sources of this repository are near.
    checked = subprocess.run(
        [sys.executable, "-m", *command, CONSUMER.name],
        cwd=CONSUMER.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_wheel_is_typed() -> None:
    assert "site-packages" in Path(str(sentri.__file__)).parts
    assert "sentri/py.typed" in [str(file) for file in files("sentri") or ()]
