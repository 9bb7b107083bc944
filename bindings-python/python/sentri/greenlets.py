"""Servers whose threads are greenlets (``gunicorn -k gevent``, ``-k eventlet``): a native call that waits would hold
all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Optional

#: Runs a function on a real thread while other greenlets go on.
Hub = Callable[..., Any]


def hub() -> Optional[Hub]:
    """Returns the function that runs a blocking call on a real thread, if threads are greenlets. None means that this
    thread may block by itself."""
    modules = sys.modules
    if "gevent.monkey" in modules and modules["gevent.monkey"].is_module_patched("threading"):
        return _on_gevent
    if "eventlet.patcher" in modules and modules["eventlet.patcher"].is_monkey_patched("thread"):
        return _on_eventlet
    return None


def _on_gevent(function: Callable[..., Any], *args: Any) -> Any:
    return sys.modules["gevent"].get_hub().threadpool.apply(function, args)


def _on_eventlet(function: Callable[..., Any], *args: Any) -> Any:
    from eventlet import tpool  # type: ignore[import-untyped]

    return tpool.execute(function, *args)
