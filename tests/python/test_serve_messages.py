"""Messages of ``sentri serve`` by both command lines: mail through a real server, and signed webhooks."""

from __future__ import annotations

import base64
import os
import re
import signal
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from support.certificates import certificate
from support.command_line import NODE, PYTHON, run
from support.databases import postgres
from support.mail import mail_server, silent_once, webhook
from support.serve import PASSWORD, Served, ask, eventually, free_port, serving

pytestmark = pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])

NEW = "correct horse 2"
KEY = os.urandom(32)
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


def registered(served: Served, address: str) -> None:
    body = {"identifiers": [{"type": "email", "value": address}], "password": PASSWORD}
    assert ask(served.base, "POST", "/auth/register", body)[0] == 201


def forgot(served: Served, address: str) -> None:
    """Asks for a new password, which is answered long before any mail server has answered."""
    began = time.monotonic()
    assert ask(served.base, "POST", "/auth/password/forgot", {"identifier": address})[0] == 202
    assert time.monotonic() - began < 5


def log_in(served: Served, address: str, password: str) -> int:
    return ask(served.base, "POST", "/auth/login", {"identifier": address, "password": password})[0]


def events(served: Served, name: str) -> list[dict[str, Any]]:
    return [entry for entry in served.entries() if entry["event"] == f"auth.message.{name}"]


def test_a_new_password_by_mail_from_start_to_end(command: list[str], tmp_path: Path) -> None:
    with (
        mail_server() as mail,
        serving(
            tmp_path,
            command=command,
            SENTRI_SMTP=f"smtp://127.0.0.1:{mail.port}",
            SENTRI_SMTP_FROM="Example <no-reply@example.com>",
            SENTRI_PUBLIC_URL="https://auth.example.com/",
            SENTRI_MESSAGES_LINKS_RESET="/reset",
            SENTRI_LOG="json",
            SENTRI_DRAIN="0",
        ) as served,
    ):
        for address in ("anna@example.com", "bert@example.com"):
            registered(served, address)
        forgot(served, "anna@example.com")
        letter = mail.to("anna@example.com")
        assert mail.recipients == [["anna@example.com"]]
        assert letter["from"] == "Example <no-reply@example.com>"
        assert (letter["subject"], letter["auto-submitted"]) == ("Set a new password", "auto-generated")
        assert re.fullmatch(r"<[0-9a-f-]{36}@example\.com>", letter["message-id"])
        text = letter.get_content().replace("\r\n", "\n")
        token = re.search(r"(?m)^https://auth\.example\.com/reset\?token=(\S+)$", text)
        code = re.search(r"Your code is (\d{6})\.", text)
        assert token and code, text
        body = {"token": token[1], "newPassword": NEW}
        assert ask(served.base, "POST", "/auth/password/reset", body)[0] == 200
        assert ask(served.base, "POST", "/auth/password/reset", body)[0] == 401, "once"
        assert (log_in(served, "anna@example.com", PASSWORD), log_in(served, "anna@example.com", NEW)) == (401, 200)
        assert mail.to("anna@example.com", 2)["subject"] == "Your password was changed"
        forgot(served, "nobody@example.com")
        forgot(served, "bert@example.com")
        code = re.search(r"Your code is (\d{6})\.", mail.to("bert@example.com").get_content())
        assert code and len(mail.mail) == 3, "nobody got none"
        served.child.send_signal(signal.SIGTERM)
        assert served.end() == 0, served.text[-3000:]
        assert len(events(served, "sent")) == 3
        for secret in (token[1], code[1], "anna@example.com", "bert@example.com", PASSWORD, NEW):
            assert secret not in served.text


def test_mail_goes_to_the_owner_of_the_identifier(command: list[str], tmp_path: Path) -> None:
    """Not to fass.de, as by IDNA 2003; to addresses that were typed with blanks or in full width, too; and to names of
    other scripts, or with dots in odd places."""
    typed = {
        "u@faß.de": "u@xn--fa-hia.de",
        " Anna@example.com ": "Anna@example.com",
        "ｂ＠ｅｘａｍｐｌｅ．ｃｏｍ": "b@example.com",
        "Bertå.Å@example.com": "Bertå.Å@example.com",
        "имя@example.com": "имя@example.com",
        "a..b@example.com": "a..b@example.com",
        ".c@example.com": ".c@example.com",
        "d.@example.com": "d.@example.com",
    }
    sender = "Grüße <no..reply.@example.com>"
    with mail_server() as mail:
        smtp = {"SENTRI_SMTP": f"smtp://127.0.0.1:{mail.port}", "SENTRI_SMTP_FROM": sender}
        many = {"SENTRI_RATE_LIMIT_MAX_REGISTER_ATTEMPTS": "20"}
        with serving(tmp_path, command=command, SENTRI_DRAIN="0", **smtp, **many) as served:
            for count, (address, to) in enumerate(typed.items(), 1):
                registered(served, address)
                forgot(served, address)
                letter = mail.to(to)
                assert (letter["subject"], letter["from"]) == ("Set a new password", sender)
                assert (len(mail.recipients), mail.recipients[-1]) == (count, [to])


@pytest.mark.parametrize(
    "name", ["=?utf-8?q?=0D=0ABcc=3A_eve=40evil.com?=", "a..=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmNvbQ0K?="], ids=["q", "b"]
)
def test_an_address_adds_no_line_to_a_mail(command: list[str], name: str, tmp_path: Path) -> None:
    """Its name holds an end of a line and a further header, for whoever decodes it."""
    with mail_server() as mail:
        smtp = {"SENTRI_SMTP": f"smtp://127.0.0.1:{mail.port}", "SENTRI_SMTP_FROM": "no-reply@example.com"}
        with serving(tmp_path, command=command, SENTRI_DRAIN="0", **smtp) as served:
            registered(served, f"{name}@example.com")
            forgot(served, f"{name}@example.com")
            eventually(lambda: mail.mail)
            (to,) = [line for line in mail.headers[0] if line.lower().startswith("to:")]
            assert name in to and not [line for line in mail.headers[0] if re.match("(?i)b?cc:|.*eve@evil", line)]


def test_mail_over_tls_with_a_user(command: list[str], tmp_path: Path) -> None:
    certificate(tmp_path, 1, "localhost")
    cert = tmp_path / "cert.pem"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, tmp_path / "key.pem")
    trusted = {"NODE_EXTRA_CA_CERTS": str(cert), "SSL_CERT_FILE": str(cert)}
    more = {"SENTRI_SMTP_FROM": "no-reply@example.com", "SENTRI_LOG": "json", "SENTRI_DRAIN": "0"}
    with mail_server("127.0.0.1", tls) as mail:
        settings = {"SENTRI_SMTP": f"smtps://mailer:p%40ss%3Aword@localhost:{mail.port}", **more}
        with serving(tmp_path, command=command, **settings, **trusted) as served:
            registered(served, "anna@example.com")
            forgot(served, "anna@example.com")
            mail.to("anna@example.com")
            assert mail.users == [("mailer", "p@ss:word")]
        # A certificate that nobody vouches for gets neither the password nor the message.
        (tmp_path / "other").mkdir()
        with serving(tmp_path / "other", command=command, **settings) as served:
            registered(served, "anna@example.com")
            forgot(served, "anna@example.com")
            served.await_line('"event":"auth.message.failure"')
            assert (len(mail.mail), len(mail.users)) == (1, 1)
            assert "p@ss:word" not in served.text and "anna@example.com" not in served.text


def test_no_mail_in_the_clear_beyond_this_machine(command: list[str], tmp_path: Path) -> None:
    """A server that offers no STARTTLS gets nothing, unless its URL says so."""
    more = {"SENTRI_SMTP_FROM": "no-reply@example.com", "SENTRI_LOG": "json", "SENTRI_DRAIN": "0"}
    with mail_server("127.0.0.2") as mail:
        with serving(tmp_path, command=command, SENTRI_SMTP=f"smtp://127.0.0.2:{mail.port}", **more) as served:
            registered(served, "anna@example.com")
            forgot(served, "anna@example.com")
            served.await_line('"event":"auth.message.failure"')
            assert (mail.mail, mail.attempts) == ([], 0)
        (tmp_path / "other").mkdir()
        settings = {"SENTRI_SMTP": f"smtp://127.0.0.2:{mail.port}?starttls=off", **more}
        with serving(tmp_path / "other", command=command, **settings) as served:
            registered(served, "anna@example.com")
            forgot(served, "anna@example.com")
            mail.to("anna@example.com")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_mail_server_that_hangs_loses_nothing_at_the_end(command: list[str], workers: str, tmp_path: Path) -> None:
    """The first connection hears nothing, the second attempt is refused, the third is slow: the answers come as fast
    as ever, and a server that is told to end ends when the mail is out."""
    port = free_port()
    with (
        postgres() as place,
        mail_server() as mail,
        silent_once(port, mail.port),
        serving(
            tmp_path,
            command=command,
            DB=place["connection_string"],
            SENTRI_WORKERS=workers,
            SENTRI_SMTP=f"smtp://127.0.0.1:{port}",
            SENTRI_SMTP_FROM="no-reply@example.com",
            SENTRI_LOG="json",
            SENTRI_DRAIN="0",
        ) as served,
    ):
        mail.answers = ["451 later", 2]
        registered(served, "anna@example.com")
        forgot(served, "anna@example.com")
        assert log_in(served, "anna@example.com", PASSWORD) == 200
        served.child.send_signal(signal.SIGTERM)
        assert served.end(60) == 0, served.text[-3000:]
        assert len(mail.mail) == 1 and mail.attempts == 2
        assert len(events(served, "sent")) == 1 and events(served, "failure") == []


def test_a_slow_mail_server_gets_a_message_once(command: list[str], tmp_path: Path) -> None:
    """No step takes too long, but all of them together do. The first attempt has ended when the second one begins."""
    with mail_server() as mail:
        smtp = {"SENTRI_SMTP": f"smtp://127.0.0.1:{mail.port}", "SENTRI_SMTP_FROM": "no-reply@example.com"}
        with serving(tmp_path, command=command, SENTRI_LOG="json", SENTRI_DRAIN="0", **smtp) as served:
            mail.pauses = [9, 9, 9]
            registered(served, "anna@example.com")
            began = time.monotonic()
            forgot(served, "anna@example.com")
            mail.to("anna@example.com")
            assert 25 < time.monotonic() - began < 30
            time.sleep(6)
            assert (len(mail.mail), mail.attempts, mail.pauses) == (1, 1, [])
            assert len(events(served, "sent")) == 1 and events(served, "failure") == []


@pytest.mark.parametrize("answer", ["250 bye", "421 too busy"])
def test_a_message_that_was_taken_is_not_sent_again(command: list[str], answer: str, tmp_path: Path) -> None:
    with mail_server() as mail:
        smtp = {"SENTRI_SMTP": f"smtp://127.0.0.1:{mail.port}", "SENTRI_SMTP_FROM": "no-reply@example.com"}
        with serving(tmp_path, command=command, SENTRI_LOG="json", SENTRI_DRAIN="0", **smtp) as served:
            mail.farewell = answer
            registered(served, "anna@example.com")
            forgot(served, "anna@example.com")
            served.await_line('"event":"auth.message.sent"')
            assert mail.attempts == 1


def test_a_webhook_gets_signed_messages_with_links_that_change(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "sentri.toml"
    text = "[messages]\nlocale = 'de'\n[messages.links]\nreset = 'https://app.example.com/reset'\n[verification]\n"
    with webhook(KEY) as hook:
        settings = (
            f"{text}types = ['email', 'phone']\n[serve]\nmessagesWebhook = '{hook.url}'\ndrain = 0\nlog = 'json'\n"
        )
        file.write_text(settings)
        with serving(tmp_path, command=command, SENTRI_MESSAGES_WEBHOOK_SECRET=SECRET) as served:
            hook.answers = [500, 307]
            registered(served, "anna@example.com")
            asked = ask(served.base, "POST", "/auth/identifiers/verify", {"identifier": "anna@example.com"})
            assert asked[0] == 202
            first = hook.next(1)
            assert (first["kind"], first["to"], first["channel"]) == ("verify", "anna@example.com", "email")
            assert first["locale"] == "de" and "url" not in first and re.fullmatch(r"\d{6}", first["code"])
            assert hook.ids == [first["id"]] * 3, "the same id for each attempt"
            assert hook.taken[0]["type"] == "message.verify"
            forgot(served, "anna@example.com")
            second = hook.next(2)
            assert second["url"] == f"https://app.example.com/reset?token={second['token']}"
            assert set(second["context"]) == {"ip", "userAgent", "requestId"}
            file.write_text(settings.replace("/reset", "/other"))
            served.child.send_signal(signal.SIGHUP)
            served.await_line(r"reload: changed messages\.links\.reset$")
            registered(served, "bert@example.com")
            forgot(served, "bert@example.com")
            assert hook.next(3)["url"].startswith("https://app.example.com/other?token=")
            body = {"token": second["token"], "newPassword": NEW}
            assert ask(served.base, "POST", "/auth/password/reset", body)[0] == 200, "a link of before goes on"
            for secret in (second["token"], second["code"], "anna@example.com", KEY.hex(), SECRET):
                assert secret not in served.text


def test_mail_and_webhook_share_the_messages(command: list[str], tmp_path: Path) -> None:
    with mail_server() as mail, webhook(KEY) as hook:
        settings = {
            "SENTRI_SMTP": f"smtp://127.0.0.1:{mail.port}",
            "SENTRI_SMTP_FROM": "no-reply@example.com",
            "SENTRI_MESSAGES_WEBHOOK": hook.url,
            "SENTRI_MESSAGES_WEBHOOK_SECRET": SECRET,
            "SENTRI_VERIFICATION": "on",
            "SENTRI_DRAIN": "0",
        }
        with serving(tmp_path, command=command, **settings) as served:
            registered(served, "anna@example.com")
            body = {"identifiers": [{"type": "phone", "value": "+49 151 12345678"}], "password": PASSWORD}
            assert ask(served.base, "POST", "/auth/register", body)[0] == 201
            for identifier in ("anna@example.com", "+4915112345678"):
                asked = ask(served.base, "POST", "/auth/identifiers/verify", {"identifier": identifier})
                assert asked[0] == 202
            assert mail.to("anna@example.com")["subject"] == "Confirm your address"
            assert (hook.next(1)["channel"], len(mail.mail)) == ("phone", 1)


def test_messages_on_the_console_while_developing(command: list[str], tmp_path: Path) -> None:
    with serving(tmp_path, command=command, SENTRI_MESSAGES="console", SENTRI_DRAIN="0") as served:
        registered(served, "anna@example.com")
        forgot(served, "anna@example.com")
        served.await_line(r"^sentri: message password-reset to anna@example\.com: code \d{6}$")
    production = {"SENTRI_ENV": "production", "NODE_ENV": "production"}
    refused = run(command, ["serve"], folder=tmp_path, SENTRI_MESSAGES="console", **production)
    assert refused.exit == 1 and "messages must not be console in production" in refused.err
