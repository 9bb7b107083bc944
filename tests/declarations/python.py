"""Writes the public declarations of the Python package, as mypy's stubgen reads them, to the file that it is given."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "bindings-python/python/sentri"
#: What applications import, and the modules that have the rest of it: base classes, options, results.
PUBLIC = """__init__ administration audit_types blocking blocking_administration blocking_server_calls client django
django_rest errors fastapi flask functions guarding import_types middleware_types openapi option_types
prometheus results server server_calls steps tables testing types user_types""".split()


def declarations() -> str:
    files = [SOURCES / f"{name}.py" for name in PUBLIC]
    with tempfile.TemporaryDirectory() as folder:
        stubgen = Path(sys.executable).with_name("stubgen")
        subprocess.run([stubgen, "--quiet", "--output", folder, *files], check=True, cwd=folder)
        return "\n".join(f"# {name}\n\n{public(next(Path(folder).rglob(f'{name}.pyi')))}" for name in PUBLIC)


def public(stub: Path) -> str:
    """A stub without what begins with an underscore; imports count where they are what is offered."""
    lines = [line for line in stub.read_text().splitlines() if not re.match(r"\s*(def|async def|class) _[a-z]", line)]
    imported = r"(from|import) (?!\.)" if stub.stem == "__init__" else r"(from|import) "
    kept = [line for line in lines if not re.match(imported, line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(declarations())
