"""The frameworks, which are optional dependencies of the package."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Optional


def require(framework: str, package: Optional[str] = None) -> None:
    """Raises ``ImportError`` for a framework that is not installed, with the command that installs it. ``package`` is
    the package's name, if no extra of sentri installs it."""
    if find_spec(framework) is None:
        wanted = package or f"sentri[{framework}]"
        raise ImportError(
            f"{'this' if package else f'sentri.{framework}'} needs {framework}, which is not installed. "
            f'Cure: pip install "{wanted}"'
        )
