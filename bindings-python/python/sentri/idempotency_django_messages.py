"""Requests and answers of Django, as the idempotency middleware sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Optional, Union

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse, UnreadablePostError

from .constants import MAX_STORED_BODY
from .django_messages import read_length, read_path
from .idempotency import Execution, Keyed, Running, settle, settle_blocking, stand_for
from .native import Job
from .requests import read_start, rejoin, wsgi_headers

Answer = Union[HttpResponse, StreamingHttpResponse]


def read_keyed(request: HttpRequest) -> Optional[Keyed]:
    """Reads a request that carries a key. Returns None if its client has disconnected."""
    length, query = request.META.get("CONTENT_LENGTH") or "", request.META.get("QUERY_STRING", "")
    start = _read(request)
    if start is not None and len(start) < min(read_length(request) or 0, MAX_STORED_BODY):
        return None
    held: Any = request
    running: Running = getattr(request, "sentri_running", None) or Running()
    held.sentri_running = running
    return Keyed(
        method=request.method or "",
        headers=wsgi_headers(request.META),
        target=read_path(request) + (f"?{query}" if query else ""),
        client_ip=request.META.get("REMOTE_ADDR"),
        body=b"unread " + length.encode("latin-1") if start is None else stand_for(start, length),
        running=running,
        request=lambda: request,
        host=_host(request),
    )


def _read(request: HttpRequest) -> Optional[bytes]:
    """Reads the beginning of a body, which an application can read as before. None: middleware has consumed it."""
    if hasattr(request, "_body"):
        return request.body
    held: Any = request
    if held._read_started:
        return None
    stream, start, left = held._stream, bytearray(), read_length(request) or 0
    # `request.body` would refuse uploads that Django takes piece by piece.
    read_start(stream.read, MAX_STORED_BODY + 1, start)
    left -= len(start)

    def read_on(size: int) -> bytes:
        nonlocal left
        part: bytes = stream.read(size)
        left -= len(part)
        if size > 0 and not part and left > 0:
            # Otherwise the answer to a part of a request would be kept as the answer to the whole.
            raise UnreadablePostError("the client has broken off")
        return part

    held._stream = rejoin(start, read_on)
    return bytes(start)


def _host(request: HttpRequest) -> Optional[str]:
    try:
        return request.get_host()
    except DisallowedHost:
        return None


def keep(execution: Execution, answer: Answer) -> Optional[Job]:
    """Keeps an answer that is there in one piece; a stream frees the key when it ends."""
    if isinstance(answer, StreamingHttpResponse):
        _watch(execution, answer)
        return None
    cookies = [("Set-Cookie", cookie.OutputString()) for cookie in answer.cookies.values()]
    return execution.keep(answer.status_code, [*answer.items(), *cookies], answer.content)


def _watch(execution: Execution, answer: Any) -> None:
    content, close = answer.streaming_content, answer.close
    answer.streaming_content = (
        _to_the_end_async(execution, content) if answer.is_async else _to_the_end(execution, content)
    )

    def closing() -> None:
        # Frees the key of a stream that was not read to its end. The work in Redis continues by itself.
        execution.free()
        close()

    answer.close = closing


def _to_the_end(execution: Execution, content: Iterator[bytes]) -> Iterator[bytes]:
    yield from content
    settle_blocking(execution.free())


async def _to_the_end_async(execution: Execution, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in content:
        yield piece
    await settle(execution.free())
