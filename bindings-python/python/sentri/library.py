"""Loads the native core. ``native`` declares its functions."""

from __future__ import annotations

import atexit
from typing import Any

try:
    from ._native import sentri_native as _module  # pyright: ignore[reportMissingImports]
except (ImportError, OSError) as cause:  # pragma: no cover
    raise ImportError(
        "The native core of sentri could not be loaded: the installed wheel does not fit this system, or the package "
        "was copied without it. Cure: pip install --force-reinstall sentri"
    ) from cause

#: The module that uniffi writes.
module: Any = _module

# No thread of the core may be in the interpreter when the interpreter shuts down.
atexit.register(_module.let_go)


@_module._UNIFFI_RUST_FUTURE_CONTINUATION_CALLBACK  # type: ignore[untyped-decorator, unused-ignore]
def _wake(handle: int, poll_code: int) -> None:
    """Replaces the generated callback, to ignore an event loop that ended while a thread of the core was about to wake
    it. No task waits there, and an exception would be a traceback on stderr."""
    loop, future = _module._UniffiContinuationHandleMap.remove(handle)
    try:
        loop.call_soon_threadsafe(_module._uniffi_set_future_result, future, poll_code)
    except RuntimeError:
        if not loop.is_closed():
            raise


_module._uniffi_continuation_callback = _wake

#: The exception for a panic; its text is the cause.
NativePanic: type[Exception] = _module.InternalError
