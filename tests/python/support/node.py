"""A Node server beside the Python one."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

from sentri.options import describe

SCRIPT = Path(__file__).with_name("node_server.mjs")


@contextmanager
def node_server(options: dict[str, Any]) -> Iterator[str]:
    """Runs Express with these options (as Python spells them); its base address."""
    process = subprocess.Popen(["node", str(SCRIPT), describe(options)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the Node server did not start"
        yield f"http://127.0.0.1:{json.loads(port)}"
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()
