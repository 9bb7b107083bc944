"""A Node server beside the Python one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sentri.options import describe

SCRIPT = Path(__file__).with_name("node_server.mjs")
GATE = Path(__file__).with_name("node_gate.mjs")
APPLICATION = Path(__file__).parents[2] / "node/sso/app.mjs"


@contextmanager
def node_server(options: dict[str, Any]) -> Iterator[str]:
    """Runs Express with these options (as Python spells them); its base address."""
    with _running(["node", str(SCRIPT), describe(options)]) as said:
        yield f"http://127.0.0.1:{json.loads(said)}"


@contextmanager
def node_application(framework: str, key_uri: str) -> Iterator[str]:
    """Runs an application of a Node framework that trusts the auth server with these keys; its base address."""
    with _running(["node", str(APPLICATION), framework, key_uri]) as said:
        yield f"http://127.0.0.1:{said.removeprefix('listening ')}"


@contextmanager
def node_gate(framework: str, redis_url: str) -> Iterator[str]:
    """Runs an application of a Node framework behind the idempotency gate, over this Redis; its base address."""
    with _running(["node", str(GATE), framework, redis_url]) as said:
        yield f"http://127.0.0.1:{said}"


@contextmanager
def _running(command: list[str]) -> Iterator[str]:
    """A process, and its first line."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        assert said, f"{command[1]} did not start"
        yield said
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()
