"""A mail server and the receiver of a webhook, on loopback, as a test wants them to behave."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from .serve import eventually, free_port


class MailServer:
    """Takes mail, or answers as ``answers`` says, one for each attempt: an SMTP reply, or seconds to wait before."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = free_port()
        self.mail: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        #: The lines of the headers of each mail, as they came.
        self.headers: list[list[str]] = []
        self.users: list[tuple[str, str]] = []
        self.attempts = 0
        self.answers: list[Any] = []
        self.farewell = "221 bye"
        #: Seconds before the next steps that lead to a message.
        self.pauses: list[float] = []

    async def _pause(self) -> None:
        await asyncio.sleep(self.pauses.pop(0) if self.pauses else 0)

    async def handle_EHLO(self, _server: Any, session: Any, _envelope: Any, name: str, words: list[str]) -> list[str]:
        await self._pause()
        session.host_name = name
        return words

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        await self._pause()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        await self._pause()
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_QUIT(self, _server: Any, _session: Any, _envelope: Any) -> str:
        return self.farewell

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.attempts += 1
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, str):
            return answer
        if answer is not None:
            await asyncio.sleep(answer)
        read = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        self.headers.append(envelope.content.partition(b"\r\n\r\n")[0].decode().split("\r\n"))
        self.recipients.append(envelope.rcpt_tos)
        self.mail.append(read)
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.users.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=True)

    def to(self, address: str, count: int = 1, seconds: float = 60) -> EmailMessage:
        """The mail to an address, once there are as many."""

        def found() -> Optional[EmailMessage]:
            all_of_it = [one for one in self.mail if one["to"] == address]
            return all_of_it[-1] if len(all_of_it) >= count else None

        mail: EmailMessage = eventually(found, seconds, lambda: f"no mail {count} to {address}")
        return mail


@contextmanager
def mail_server(host: str = "127.0.0.1", tls: Optional[ssl.SSLContext] = None) -> Iterator[MailServer]:
    """A mail server that is up; with ``tls`` from the first byte on."""
    server = MailServer(host)
    more: dict[str, Any] = {"authenticator": server.authenticate, "auth_require_tls": False, "enable_SMTPUTF8": True}
    controller = Controller(server, hostname=host, port=server.port, ssl_context=tls, **more)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@contextmanager
def silent_once(port: int, behind: int) -> Iterator[None]:
    """A port whose first connection hears nothing, ever, and whose others lead to the port ``behind``."""
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []
    listener = socket.create_server(("127.0.0.1", port))

    def start(work: Callable[..., None], *args: socket.socket) -> None:
        threads.append(threading.Thread(target=work, args=args, daemon=True))
        threads[-1].start()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                sockets.append(connection)
                if len(sockets) > 1:
                    sockets.append(socket.create_connection(("127.0.0.1", behind)))
                    start(_copy, connection, sockets[-1])
                    start(_copy, sockets[-1], connection)

    start(serve)
    try:
        yield
    finally:
        for one in (listener, *sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
        for one in (listener, *sockets):
            one.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65_536):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)


class Webhook:
    """Takes signed requests and checks them; answers as ``answers`` says, one for each request, else 204."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.url = ""
        self.taken: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.answers: list[int] = []

    def take(self, headers: Any, body: bytes) -> int:
        signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        signature = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        if headers["webhook-signature"] != f"v1,{signature}":
            return 401
        self.ids.append(headers["webhook-id"])
        answer = self.answers.pop(0) if self.answers else 204
        if answer == 204:
            self.taken.append(json.loads(body))
        return answer

    def next(self, count: int) -> dict[str, Any]:
        """The data of a request, counted from 1, once it is there."""
        eventually(lambda: len(self.taken) >= count)
        data: dict[str, Any] = self.taken[count - 1]["data"]
        return data


@contextmanager
def webhook(key: bytes) -> Iterator[Webhook]:
    """A receiver that is up."""
    hook = Webhook(key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = hook.take(self.headers, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            if status == 307:
                self.send_header("location", f"{hook.url}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_port}/sentri"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
