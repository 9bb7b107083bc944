"""Bodies and answers of ASGI, as the idempotency middleware sees them."""

from __future__ import annotations

from typing import Optional

from .asgi import Message, Receive, Send
from .constants import MAX_STORED_BODY
from .idempotency import Execution, Watched, settle

#: Extensions of ASGI by which a server takes an answer from elsewhere.
_OTHER_WAYS = ("http.response.pathsend", "http.response.zerocopysend")


class Body:
    """A body of which the beginning is read ahead; an application reads it as before."""

    def __init__(self, receive: Receive) -> None:
        self.start = bytearray()
        self.is_cut_off = False
        #: Frees the key when the client disconnects in the rest of a long body: an application that waits for the rest
        #: never answers.
        self.execution: Optional[Execution] = None
        self._receive = receive
        self._is_whole = False
        self._start_was_sent = False

    async def read(self) -> None:
        while not (self._is_whole or self.is_cut_off or len(self.start) > MAX_STORED_BODY):
            self.start += self._see(await self._receive())

    def _see(self, message: Message) -> bytes:
        if message["type"] == "http.request":
            self._is_whole = not message.get("more_body", False)
        elif message["type"] == "http.disconnect" and not self._is_whole:
            self.is_cut_off = True
            if self.execution is not None:
                self.execution.free()
        body: bytes = message.get("body", b"")
        return body

    async def receive(self) -> Message:
        if not self._start_was_sent:
            self._start_was_sent = True
            return {"type": "http.request", "body": bytes(self.start), "more_body": not self._is_whole}
        if self.is_cut_off:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._see(message)
        return message

    async def copy(self) -> Message:
        """The part of the body that was read ahead, for a ``credential`` function that reads the body."""
        return {"type": "http.request", "body": bytes(self.start), "more_body": False}


class Answer:
    """Sends an answer, and has it kept if it is complete in one piece."""

    def __init__(self, send: Send, execution: Execution) -> None:
        self._send = send
        self._watched = Watched(execution)
        self._held: Optional[Message] = None

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
            self._watched.begin(message["status"], headers)
            if message.get("trailers"):
                self._watched.pass_over()
            # An answer of known length may be complete in one piece, so its headers wait until that is kept. The
            # headers of a stream do not wait.
            if self._watched.length is not None or message["status"] == 204:
                self._held = message
                return
        elif kind == "http.response.body":
            await settle(self._watched.add(message.get("body", b""), not message.get("more_body", False)))
        elif kind in _OTHER_WAYS:
            self._watched.pass_over()
        if self._held is not None:
            held, self._held = self._held, None
            await self._send(held)
        await self._send(message)
