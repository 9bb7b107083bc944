"""The metrics of a server's processes, on a port of their own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from ...asgi import Receive, Scope, Send
from ...prometheus import CONTENT_TYPE

_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (.*)")


class MetricsApplication:
    """Answers ``GET /metrics`` with the text of Prometheus."""

    def __init__(self, text: Callable[[], Awaitable[str]]) -> None:
        self._text = text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = scope["path"] == "/metrics" and scope["method"] in ("GET", "HEAD")
        body = (await self._text()).encode() if found else b"not found: the metrics are at /metrics\n"
        kind = CONTENT_TYPE if found else "text/plain; charset=utf-8"
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200 if found else 404, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def by_worker(texts: Sequence[tuple[int, str]]) -> str:
    """Joins the metrics of several processes to one text. Each sample has its worker's number as a label, so that the
    restart of a worker resets the counters of that worker only."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for number, text in texts:
        metric = ""
        for line in text.splitlines():
            if line.startswith("# "):
                metric = line.split(" ", 3)[2]
                head = heads.setdefault(metric, [])
                if line not in head:
                    head.append(line)
            elif line:
                name, labels, value = _SAMPLE.fullmatch(line).groups()  # type: ignore[union-attr]
                worker = f'worker="{number}"'
                more = f"{labels},{worker}" if labels else worker
                samples.setdefault(metric, []).append(f"{name}{{{more}}} {value}")
    lines = [line for metric, head in heads.items() for line in (*head, *samples.get(metric, ()))]
    return "".join(f"{line}\n" for line in lines)
