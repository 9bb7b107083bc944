"""A stranger's installation: the wheel by pip, uv and Poetry, and a program that registers, logs in and calls /me."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


class Project:
    """A folder with the program and nothing of this environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (wheel,) = (ROOT / "target/wheels").glob("*.whl")
        self.wheel = wheel
        shutil.copy(ROOT / "platforms/use.py", folder)
        own = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
        # No manager may look anything up: the wheel depends on nothing.
        self.env = own | {
            "POETRY_CACHE_DIR": str(folder / "cache"),
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "UV_CACHE_DIR": str(folder / "cache"),
            "UV_OFFLINE": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def write(self, text: str) -> None:
        (self.folder / "pyproject.toml").write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def assert_works(said: str) -> None:
    assert json.loads(said.splitlines()[-1])["statuses"] == [201, 200, 200, 401]


def test_pip(project: Project) -> None:
    project.run(sys.executable, "-m", "venv", "own")
    project.run("own/bin/pip", "install", "--quiet", "--no-index", project.wheel)
    assert_works(project.run("own/bin/python", "use.py"))
    assert project.run("own/bin/sentri", "--version").strip()


def test_uv(project: Project) -> None:
    project.write(
        '[project]\nname = "stranger"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["sentri"]\n'
        f'[tool.uv.sources]\nsentri = {{ path = "{project.wheel}" }}\n'
    )
    project.run(BIN / "uv", "sync", "--quiet", "--python", sys.executable)
    assert_works(project.run(BIN / "uv", "run", "--quiet", "--frozen", "use.py"))


def test_poetry(project: Project) -> None:
    project.write(
        '[project]\nname = "stranger"\nversion = "1"\nrequires-python = ">=3.9"\n'
        f'dependencies = ["sentri @ file://{project.wheel}"]\n[tool.poetry]\npackage-mode = false\n'
    )
    project.run(BIN / "poetry", "install", "--quiet", "--no-interaction")
    assert_works(project.run(BIN / "poetry", "run", "python", "use.py"))
