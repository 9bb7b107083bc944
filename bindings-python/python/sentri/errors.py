"""The one exception of the package."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Optional

from .tables import SENTRI_ERROR_STATUS
from .wire import ErrorData


class SentriError(Exception):
    """The error that sentri raises, and that its error handlers answer with. Extend it for errors of your own::

    class NotFound(SentriError):
        def __init__(self, what: str) -> None:
            super().__init__("NOT_FOUND", f"{what} not found", 404)
    """

    #: One of the codes of ``SENTRI_ERROR_STATUS``, or one of your own.
    code: str
    #: One sentence for a person.
    message: str
    #: HTTP status.
    status_code: int
    #: Machine-readable details.
    details: Any
    #: Seconds after which to repeat, if a repetition helps.
    retry_after: Optional[int]

    def __init__(
        self, code: str, message: Optional[str] = None, status_code: Optional[int] = None, details: Any = None
    ) -> None:
        super().__init__(message if message is not None else code)
        self.code = code
        self.message = message if message is not None else code
        self.status_code = status_code if status_code is not None else SENTRI_ERROR_STATUS.get(code, 500)
        self.details = details
        self.retry_after = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r}, {self.status_code})"


def from_data(data: ErrorData) -> SentriError:
    """Makes the exception for an error of the core."""
    error = SentriError(data["code"], data["message"], data["statusCode"], data.get("details"))
    error.retry_after = data.get("retryAfter")
    return error


def to_data(error: BaseException) -> dict[str, Any]:
    """Returns the facts that the core needs of a raised exception. A ``SentriError`` is passed on unchanged. Of a
    framework's own exception (Starlette's ``status_code``, Werkzeug's ``code``), the status is taken, and the text that
    the application gave it."""
    if isinstance(error, SentriError):
        return {
            "code": error.code,
            "message": error.message,
            "statusCode": error.status_code,
            "details": error.details,
            "retryAfter": error.retry_after,
        }
    for name in ("status_code", "code"):
        status = getattr(error, name, None)
        if isinstance(status, int):
            message = _message(error, int(status))
            return {"statusCode": int(status)} if message is None else {"statusCode": int(status), "message": message}
    return {}


def _message(error: BaseException, status: int) -> Optional[str]:
    """Returns the text that an application passed to ``HTTPException(409, "Order exists")`` or ``abort(409, "Order
    exists")``. Default texts of these frameworks are left out, since the core has its own, and so are the texts of
    other libraries' exceptions, since they may be about another server."""
    if not any(
        base.__name__ == "HTTPException" and base.__module__ in _HTTP_EXCEPTIONS for base in type(error).__mro__
    ):
        return None
    said = getattr(error, "detail", None) or getattr(error, "description", None)
    usual = (getattr(type(error), "description", None), _PHRASES.get(status))
    return said if isinstance(said, str) and said not in usual else None


#: Starlette's text for a status.
_PHRASES = {status.value: status.phrase for status in HTTPStatus}

#: The modules of the classes of Starlette, and so FastAPI, and of Werkzeug, and so Flask.
_HTTP_EXCEPTIONS = ("starlette.exceptions", "werkzeug.exceptions")


def unwrap(text: str) -> Any:
    """Returns the value of ``{"value": ...}``, or raises the error of ``{"error": ...}``, with the cause that the core
    names, such as a panic or the message of an unavailable database."""
    outcome = json.loads(text)
    error = outcome.get("error")
    if error is None:
        return outcome.get("value")
    details = error.get("details")
    cause = outcome.get("cause") or (details.get("cause") if isinstance(details, dict) else None)
    raise from_data(error) from (None if cause is None else RuntimeError(cause))
