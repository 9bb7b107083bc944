"""A process of its own for one framework: its endpoints, and a route behind the idempotency gate. Writes the addresses,
logs errors on standard error, and ends with its standard input. ``python -m support.aborted FastAPI``"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextlib import ExitStack
from typing import Any

import uvicorn

from . import apps, gates
from .servers import options


def main(name: str) -> None:
    logging.basicConfig()
    # Django warns of every 4xx, in a line without a traceback.
    logging.getLogger().handlers[0].setLevel(logging.ERROR)
    # The servers of other tests are silent.
    config = uvicorn.Config.__init__

    def loud(self: Any, *args: Any, **more: Any) -> None:
        config(self, *args, **{**more, "log_level": "error"})

    uvicorn.Config.__init__ = loud  # type: ignore[method-assign]

    def log(self: Any, kind: str, message: str, *args: Any) -> None:
        if kind == "error":
            print(message % args, file=sys.stderr)
            traceback.print_exc()

    apps.Silent.log = log  # type: ignore[method-assign]
    with ExitStack() as stack:
        auth, handled = stack.enter_context(apps.FRAMEWORKS[name](options()))
        auth.migrate()
        framework = gates.FRAMEWORKS[name]
        other = framework.auth(**options())
        routes = {"/order": lambda body: gates.Reply({"ran": True})}
        gated = stack.enter_context(framework.serve(other.idempotency_middleware(), routes, other))
        print(json.dumps({"handled": handled, "gated": gated}), flush=True)
        sys.stdin.read()


main(sys.argv[1])
