"""Answers of WSGI, as the idempotency middleware sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http.client import responses
from typing import Any

from .guarding import ResponseData
from .idempotency import Execution, Watched, settle_blocking


def watching(watched: Watched, start_response: Any) -> Any:
    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        watched.begin(int(status.split(" ")[0]), headers)
        write = start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        def writing(data: bytes) -> Any:
            watched.pass_over()
            return write(data)

        return writing

    return start


def write(answer: ResponseData, start_response: Any) -> Iterable[bytes]:
    length = [] if answer.status == 204 else [("Content-Length", str(len(answer.body)))]  # RFC 9110, 8.6
    start_response(f"{answer.status} {responses.get(answer.status, 'Unknown')}", [*answer.headers, *length])
    return [answer.body]


class Pieces:
    """The answer of an application, piece by piece."""

    def __init__(self, answer: Iterable[bytes], execution: Execution, watched: Watched) -> None:
        self._answer = answer
        self._pieces = iter(answer)
        self._execution = execution
        self._watched = watched

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._pieces)
        except StopIteration:
            settle_blocking(self._watched.add(b"", True))
            raise
        except BaseException:
            settle_blocking(self._execution.free())
            raise
        settle_blocking(self._watched.add(piece, False))
        return piece

    def close(self) -> None:
        try:
            close = getattr(self._answer, "close", None)
            if close is not None:
                close()
        finally:
            settle_blocking(self._execution.free())
