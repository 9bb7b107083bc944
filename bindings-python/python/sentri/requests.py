"""Requests of ASGI and WSGI, converted for the core unchanged."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, Literal, Optional, Union
from urllib.parse import quote, unquote

from .constants import MAX_BODY
from .errors import SentriError
from .wire import GuardRequest

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")

_Guarded = Literal[
    "authorization",
    "cookie",
    "origin",
    "secFetchSite",
    "host",
    "upgrade",
    "accessControlRequestMethod",
    "accessControlRequestHeaders",
]
#: The part of a request that ``protect()`` looks at, by header.
_GUARDED: Mapping[str, _Guarded] = {
    "authorization": "authorization",
    "cookie": "cookie",
    "origin": "origin",
    "sec-fetch-site": "secFetchSite",
    "host": "host",
    "upgrade": "upgrade",
    "access-control-request-method": "accessControlRequestMethod",
    "access-control-request-headers": "accessControlRequestHeaders",
}


def asgi_headers(scope: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]


def wsgi_headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    sent = [(name[5:], value) for name, value in environ.items() if name.startswith("HTTP_")]
    sent += [(name, environ[name]) for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)]
    return [(name.lower().replace("_", "-"), value) for name, value in sent]


def forwarded_for(headers: Iterable[tuple[str, str]]) -> list[str]:
    """The addresses that proxies have added, of headers with names in lower case."""
    return [value for name, value in headers if name == "x-forwarded-for"]


def asgi_path(scope: Mapping[str, Any]) -> str:
    """The raw path, with its escapes."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1").partition("?")[0] if raw else quote(scope["path"])


def wsgi_path(environ: Mapping[str, Any]) -> str:
    """The raw path if the server provides it, else a path made from the decoded path."""
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if raw and raw.startswith("/"):
        return str(raw).partition("?")[0]
    decoded: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return quote(decoded.encode("latin-1"))


def below(path: str, pattern: str) -> str:
    """The part of a path that matched a pattern of the core: as many segments from its end as the pattern has."""
    segments = path.rstrip("/").split("/")
    return "/" + "/".join(segments[-(pattern.count("/")) :])


def matched(path: str, pattern: str, values: Mapping[str, str]) -> str:
    """Returns ``below``, if ``values``, the parameters that the framework has read, are those of this path. Otherwise
    returns an empty path, which no endpoint has. An id may hold a slash, so a parameter may too, but only encoded."""
    found = below(path, pattern)
    pairs = zip(pattern.split("/"), found.split("/"))
    whole = all(
        unquote(part).rstrip("/") == values[name[1:]].rstrip("/") for name, part in pairs if name.startswith(":")
    )
    return found if whole else ""


def guard_request(method: str, headers: Iterable[tuple[str, str]], scheme: Optional[str] = None) -> GuardRequest:
    """The part of a request that ``protect()`` looks at. Of repeated headers the first counts, as at the endpoints;
    cookies are joined, as HTTP/2 allows them to be split."""
    request: GuardRequest = {"method": method} if scheme is None else {"method": method, "scheme": scheme}
    for name, value in headers:
        member = _GUARDED.get(name)
        if member == "cookie" and member in request:
            request["cookie"] = f"{request['cookie']}; {value}"
        elif member is not None:
            request.setdefault(member, value)
    return request


def request_id_of(known: Any, headers: Iterable[tuple[str, str]]) -> Optional[str]:
    """The id that earlier middleware has set, else the header ``X-Request-Id`` if it is printable and at most 128
    characters long."""
    if (isinstance(known, str) and known != "") or (isinstance(known, (int, float)) and not isinstance(known, bool)):
        return str(known)
    header = next((value for name, value in headers if name == "x-request-id"), None)
    return header if header is not None and _REQUEST_ID.fullmatch(header) else None


def cut_off() -> SentriError:
    """The error of a client that disconnected before its body ended. Nothing receives it, runs or is logged, since any
    client could fill a log with it."""
    return SentriError("VALIDATION_ERROR", "The request body was cut off")


def read_body(length: Optional[int], read: Callable[[], bytes]) -> tuple[Optional[bytes], bool]:
    """Reads a body. Returns it, and whether it is longer than ``MAX_BODY``.

    :raises SentriError: ``cut_off()`` if the stream breaks off.
    """
    if (length or 0) > MAX_BODY:
        return None, True
    try:
        raw = read()
    except OSError:
        raise cut_off() from None
    return raw or None, len(raw) > MAX_BODY


def read_start(read: Callable[[int], bytes], most: int, start: bytearray) -> None:
    """Fills ``start`` with as much of a stream as there is, up to ``most``."""
    while len(start) < most:
        part = read(most - len(start))
        if not part:
            return
        start += part


def rejoin(start: Union[bytes, bytearray], read: Callable[[int], bytes]) -> BinaryIO:
    """Returns a stream that begins with ``start``, which was read already, and goes on with ``read``."""
    return io.BufferedReader(_Rejoined(bytes(start), read))


class _Rejoined(io.RawIOBase):
    def __init__(self, start: bytes, read: Callable[[int], bytes]) -> None:
        super().__init__()
        self._start = memoryview(start)
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        part = self._start[:size] if self._start else self._read(size)
        self._start = self._start[size:]
        buffer[: len(part)] = part
        return len(part)
