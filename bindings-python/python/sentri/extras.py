"""The frameworks, none of which the package needs of itself."""

from __future__ import annotations

from importlib.util import find_spec


def require(framework: str) -> None:
    """Says how to get a framework that is not installed."""
    if find_spec(framework) is None:
        raise ImportError(f'sentri.{framework} needs {framework}, which is not installed. Cure: pip install "sentri[{framework}]"')
