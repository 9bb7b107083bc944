"""The transports of messages. The core decides their texts and signatures."""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, Policy
from email.utils import formatdate
from typing import Any, Optional
from urllib.parse import urlsplit

from ... import native
from ...letters import Message
from ...options import describe
from ...outbox import print_message

#: The time for each step of the connection to a mail server or a webhook, in seconds.
_STEP = 10.0
#: The time for an attempt, in seconds: less than the outbox waits before it begins the next attempt.
_ATTEMPT = 25.0

Send = Callable[[Message, Any], None]


def sender_of(ways: Optional[Mapping[str, Any]]) -> Optional[Send]:
    """Returns the function that sends messages by ``ways``, as the core settles them, or None without messages."""
    if ways is None:
        return None
    if "console" in ways:
        return print_message

    def send(message: Message, _context: Any) -> None:
        given = describe({"ways": ways, "message": message, "now": int(time.time() * 1000)})
        composed: dict[str, Any] = json.loads(native.compose_message(given))
        if "error" in composed:
            raise ValueError(composed["error"])
        if "smtp" in composed:
            _mail(ways["smtp"], composed["smtp"])
        else:
            _post(**composed["webhook"])

    return send


def _mail(server: Mapping[str, Any], mail: Mapping[str, Any]) -> None:
    sender, to = mail["from"]["address"], mail["to"]
    letter = EmailMessage(policy=SMTP if (sender + to).isascii() else SMTPUTF8)
    local, _, domain = sender.rpartition("@")
    letter["From"] = Address(mail["from"]["name"], local, domain)
    letter["To"] = _To(to)
    letter["Subject"] = mail["subject"]
    letter["Message-ID"] = mail["messageId"]
    letter["Date"] = formatdate()
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(mail["text"])
    connection = _connection(server, time.monotonic() + _ATTEMPT)
    try:
        if "user" in server:
            connection.login(server["user"], server["password"])
        connection.send_message(letter, sender, [to])
        # The server has accepted the message, so a failure here must not cause another attempt.
        with suppress(smtplib.SMTPException, OSError):
            connection.quit()
    finally:
        connection.close()


class _To(str):
    """The header ``To`` with an address that the core has checked, written without the parser of the standard library.
    The parser refuses local parts beyond ASCII and dots in odd places. It also decodes encoded words, through which an
    address could add headers to the message."""

    name = "To"

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


class _Mailer(smtplib.SMTP):
    """A client of a mail server that begins no step after an instant, and waits for none beyond it."""

    def __init__(self, until: float, *args: Any, **options: Any) -> None:
        self._until = until
        super().__init__(*args, **options)

    def send(self, s: Any) -> None:
        self._hurry()
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        self._hurry()
        return super().getreply()

    def _hurry(self) -> None:
        try:
            left = _left(self._until)
        except TimeoutError:
            self.close()
            raise
        if self.sock is not None:
            self.sock.settimeout(left)


class _TlsMailer(_Mailer, smtplib.SMTP_SSL):
    """The same client with TLS from the first byte on."""


def _left(until: float) -> float:
    """The seconds that the next step may take."""
    left = min(_STEP, until - time.monotonic())
    if left <= 0:
        raise TimeoutError(f"it took more than {_ATTEMPT:.0f} s")
    return left


def _connection(server: Mapping[str, Any], until: float) -> smtplib.SMTP:
    host, port, tls = server["host"], server["port"], server["tls"]
    if tls == "implicit":
        return _TlsMailer(until, host, port, timeout=_STEP, context=ssl.create_default_context())
    connection = _Mailer(until, host, port, timeout=_STEP)
    if tls == "required":
        try:
            connection.starttls(context=ssl.create_default_context())
        except BaseException:
            connection.close()
            raise
    return connection


def _post(url: str, headers: list[list[str]], body: str) -> None:
    """Posts to the webhook. A redirect is refused, since its target would get the secrets of the message."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    until = time.monotonic() + _ATTEMPT
    connection = kind(parts.hostname or "", parts.port, timeout=_STEP)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.connect()
        connection.sock.settimeout(_left(until))
        connection.request("POST", target, body.encode(), {name: value for name, value in headers})
        connection.sock.settimeout(_left(until))
        status = connection.getresponse().status
    except OSError as error:
        raise ConnectionError(f"the webhook can't be reached: {error.strerror or type(error).__name__}") from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise ConnectionError(f"the webhook answered {status}")
