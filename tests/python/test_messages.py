"""Messages to users behind the answer: what event loops and threads send, how often, and what nobody gets to see."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest
import sentri.outbox
from sentri import AuthServer, BlockingAuthServer, SentriError
from sentri.testing import Mailbox
from support.messages import ANNA, LINKS, TO, logged, server
from support.servers import PASSWORD, options

FORGOT = {
    "method": "POST",
    "path": "/password/forgot",
    "headers": [["content-type", "application/json"]],
    "clientIp": "203.0.113.7",
    "requestId": "r1",
}
BODY = json.dumps({"identifier": TO}).encode()


def test_an_event_loop_answers_first_and_close_waits() -> None:
    sent: list[Any] = []
    events: list[Any] = []

    async def main() -> None:
        held = asyncio.Event()

        async def send(message: Any, context: Any) -> None:
            await held.wait()
            sent.append((message, context))

        auth = server(AuthServer, send, events)
        await auth.migrate()
        await auth.register(identifiers=ANNA, password=PASSWORD)
        answer = await auth.handle(FORGOT, BODY)
        assert (answer.status, sent) == (202, [])
        closing = asyncio.ensure_future(auth.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        held.set()
        await closing

    asyncio.run(main())
    ((message, context),) = sent
    assert (message["kind"], message["to"], message["channel"]) == ("password-reset", TO, "email")
    assert message["url"] == f"{LINKS['reset']}?token={message['token']}"
    assert context == message["context"] == {"ip": "203.0.113.7", "user_agent": None, "request_id": "r1"}
    assert logged(events) == [("info auth.message.sent", None)]


def test_a_thread_answers_first_and_close_waits() -> None:
    held, sent, events = threading.Event(), [], []  # type: ignore[var-annotated]

    def send(message: Any, _context: Any) -> None:
        held.wait(10)
        sent.append(message)

    auth = server(BlockingAuthServer, send, events)
    auth.migrate()
    auth.register(identifiers=ANNA, password=PASSWORD)
    assert (auth.handle(FORGOT, BODY).status, sent) == (202, [])
    threading.Timer(0.1, held.set).start()
    auth.close()
    assert [message["kind"] for message in sent] == ["password-reset"]
    assert logged(events) == [("info auth.message.sent", None)]


@pytest.mark.parametrize("form", ["event loop", "threads"])
def test_three_attempts_and_nothing_of_it_in_the_log(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentri.outbox, "PAUSES", (0.01, 0.01))
    tried: list[Any] = []
    events: list[Any] = []

    def send(message: Any, _context: Any) -> None:
        tried.append(message)
        raise OSError(f"550 {message['to']} does not take {message['code']} or {message['url']}")

    if form == "threads":
        auth = server(BlockingAuthServer, send, events)
        auth.migrate()
        auth.register(identifiers=ANNA, password=PASSWORD)
        assert auth.handle(FORGOT, BODY).status == 202
        auth.close()
    else:

        async def main() -> None:
            auth = server(AuthServer, send, events)
            await auth.migrate()
            await auth.register(identifiers=ANNA, password=PASSWORD)
            assert (await auth.handle(FORGOT, BODY)).status == 202
            await auth.close()

        asyncio.run(main())
    assert len(tried) == 3 and len({message["id"] for message in tried}) == 1
    assert logged(events) == [("error auth.message.failure", "550 .. does not take .. or ..")]
    shown = str(events)
    assert not any(tried[0][name] in shown for name in ("to", "code", "token", "url"))


def test_a_send_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentri.outbox, "PAUSES", ())
    monkeypatch.setattr(sentri.outbox, "PATIENCE", 0.1)
    events: list[Any] = []
    auth = server(BlockingAuthServer, lambda *_: time.sleep(1), events)
    auth.migrate()
    auth.register(identifiers=ANNA, password=PASSWORD)
    auth.handle(FORGOT, BODY)
    auth.close()
    assert logged(events) == [("error auth.message.failure", "messages.send took more than 30 s")]


def test_a_mailbox_takes_them_at_once_and_code_resets() -> None:
    auth = BlockingAuthServer(**options(messages=Mailbox(links=LINKS)))
    auth.migrate()
    auth.register(identifiers=ANNA, password=PASSWORD)
    asked = auth.request_password_reset(TO)
    mailbox = auth.mailbox
    assert mailbox is not None
    with pytest.raises(SentriError) as raised:
        auth.reset_password(flow=asked["flow"], code="12345", new_password="a new password")
    assert raised.value.code == "CODE_INVALID"
    auth.reset_password(flow=asked["flow"], code=mailbox.code(TO), new_password="a new password")
    last = mailbox.last(TO)
    assert last is not None and last["kind"] == "password-changed"
    own = auth.request_password_reset(TO, deliver=False)
    assert own["message"]["to"] == TO and mailbox.last(TO) == last
    assert "message" not in auth.request_password_reset("nobody@example.com", deliver=False)
    mailbox.clear()
    with pytest.raises(LookupError):
        mailbox.code(TO)
    auth.close()


def test_code_invites_a_user() -> None:
    auth = BlockingAuthServer(**options(messages=Mailbox(links={"invite": "https://app.example.com/invite"})))
    auth.migrate()
    invited = auth.invite_user(identifiers=ANNA, roles=["admin"])
    assert invited["user"]["roles"] == ["admin"] and "message" not in invited
    mailbox = auth.mailbox
    assert mailbox is not None
    last = mailbox.last(TO)
    assert last is not None and last["kind"] == "invitation" and last["user_id"] == invited["user"]["id"]
    auth.reset_password(token=last["token"], new_password="a new password")
    auth.close()


def test_an_event_loop_gets_an_invitation_to_send_by_itself() -> None:
    async def main() -> Any:
        auth = AuthServer(**options(messages=Mailbox(links={"invite": "https://app.example.com/invite"})))
        await auth.migrate()
        invited = await auth.invite_user(identifiers=ANNA, deliver=False)
        assert auth.mailbox is not None and auth.mailbox.last(TO) is None
        await auth.close()
        return invited

    message = asyncio.run(main())["message"]
    assert message["to"] == TO and message["url"] == f"https://app.example.com/invite?token={message['token']}"


def test_the_console_shows_them_while_developing(capfd: pytest.CaptureFixture[str]) -> None:
    auth = BlockingAuthServer(**options(messages="console"))
    auth.migrate()
    auth.register(identifiers=ANNA, password=PASSWORD)
    auth.request_password_reset(TO)
    auth.close()
    assert f"message password-reset to {TO}: code " in capfd.readouterr().err


def test_mistakes_in_the_options_are_named() -> None:
    for given, said in (
        ({"messages": {}}, "messages.send is missing"),
        ({"messages": {"send": print, "links": {"reset": "/reset"}}}, "messages.links.reset must be an absolute https"),
        ({"messages": "console", "production": True}, "messages must not be 'console' in production"),
        ({"verification": {}}, "verification needs messages"),
        ({"messages": "console", "verification": {"required": "yes"}}, "verification.required must be true, false, or"),
        ({"messages": "console", "verification": {"required": {}}}, "verification.required.since is missing"),
        (
            {"messages": "console", "verification": {"required": {"since": "2026"}}},
            "verification.required.since must be an instant",
        ),
        ({"rate_limit": {"messages": {"per_minute": 0}}}, "rate_limit.messages.per_minute must be a whole number"),
        ({"rate_limit": {"messages": {"per_day": 1}}}, "rate_limit.messages.per_day is not an option"),
    ):
        with pytest.raises(SentriError) as raised:
            BlockingAuthServer(**options(**given))
        assert raised.value.code == "CONFIGURATION_ERROR" and raised.value.message.startswith(said)
