"""Messages that outlive what took them: loops and processes that end, servers that are closed, errors of any kind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
import sentri.outbox
from sentri import SentriError
from sentri.jobs import wait
from support.messages import TO, logged, with_anna
from support.servers import PASSWORD


def test_a_loop_that_ends_at_once_loses_no_message() -> None:
    sent: list[Any] = []
    events: list[Any] = []

    async def send(message: Any, _context: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message["kind"])

    auth = with_anna(send, events)
    asyncio.run(auth.request_password_reset(TO))
    asyncio.run(auth.close())
    assert (sent, logged(events)) == (["password-reset"], [("info auth.message.sent", None)])


@pytest.mark.parametrize("fails", [False, True])
def test_a_loop_that_ends_while_a_thread_sends_has_it_sent_once(fails: bool) -> None:
    tried: list[Any] = []
    events: list[Any] = []

    def send(message: Any, _context: Any) -> None:
        tried.append(message["id"])
        time.sleep(0.4)
        if fails and len(tried) == 1:
            raise OSError("try again")

    auth = with_anna(send, events)

    async def main() -> None:
        await auth.request_password_reset(TO)
        await asyncio.sleep(0.2)

    asyncio.run(main())
    asyncio.run(auth.close())
    assert (len(tried), len(set(tried))) == (2 if fails else 1, 1)
    assert logged(events) == [("info auth.message.sent", None)]


@pytest.mark.parametrize("end", ["closed", "stopped", "running"])
def test_close_in_one_loop_waits_for_the_messages_of_another(end: str) -> None:
    sent: list[Any] = []
    events: list[Any] = []

    async def send(message: Any, _context: Any) -> None:
        await asyncio.sleep(0.2)
        sent.append(message["kind"])

    auth = with_anna(send, events)
    other = asyncio.new_event_loop()
    other.run_until_complete(auth.request_password_reset(TO))
    thread = threading.Thread(target=other.run_forever)
    if end == "running":
        thread.start()
    elif end == "closed":
        other.set_exception_handler(lambda *_: None)  # asyncio complains of the task that it left.
        other.close()
    asyncio.run(auth.close())
    assert (sent, logged(events)) == (["password-reset"], [("info auth.message.sent", None)])
    with pytest.raises(SentriError):
        asyncio.run(auth.get_user("a"))
    if end == "running":
        other.call_soon_threadsafe(other.stop)
        thread.join()
    elif end == "stopped":
        other.run_until_complete(asyncio.sleep(0.4))
        assert sent == ["password-reset"]
    other.close()


@pytest.mark.parametrize("form", ["event loop", "threads"])
def test_close_sends_what_a_call_left_behind(form: str) -> None:
    sent: list[Any] = []
    auth = with_anna(lambda message, _: sent.append(message["kind"]), [])
    # As a call does that is cancelled before it takes its messages.
    wait(auth._call("requestPasswordReset", TO, {}))
    if form == "threads":
        auth.blocking.close()
    else:
        asyncio.run(auth.close())
    assert sent == ["password-reset"]


@pytest.mark.parametrize("form", ["event loop", "threads"])
def test_nothing_starts_before_there_was_time_to_write_the_answer(form: str) -> None:
    started: list[float] = []

    async def send(_message: Any, _context: Any) -> None:
        started.append(time.monotonic())

    auth = with_anna(send, [])

    async def main() -> float:
        await auth.request_password_reset(TO)
        answered = time.monotonic()
        await auth.close()
        return answered

    if form == "threads":
        auth.blocking.request_password_reset(TO)
        answered = time.monotonic()
        auth.blocking.close()
    else:
        answered = asyncio.run(main())
    assert started[0] - answered > 0.03


ENDS = """
import asyncio, os, sys, time
from sentri import AuthServer

def send(message, context):
    time.sleep(0.3)
    print(message["kind"], flush=True)

async def send_async(message, context):
    await asyncio.get_running_loop().getaddrinfo("localhost", 25)
    send(message, context)

def fail(message, context):
    time.sleep(60)

class Log:
    def info(self, entry): pass
    warn = info
    def error(self, entry): print(entry["event"], entry["cause"], flush=True)

which = sys.argv[1]
auth = AuthServer(
    db="sqlite::memory:", secret="a secret of at least thirty-two bytes, for tests", valid_roles=["user"], logger=Log(),
    salt_rounds=10, messages={"send": {"async": send_async, "hangs": fail}.get(which, send)},
)
auth.blocking.migrate()
auth.blocking.register(identifiers=[{"type": "email", "value": "anna@example.com"}], password="correct horse 1")
if which == "hangs":
    import sentri.outbox
    sentri.outbox.LAST = 0.5
if which in ("async", "sync"):
    asyncio.run(auth.request_password_reset("anna@example.com"))
else:
    auth.blocking.request_password_reset("anna@example.com")
if which == "fork" and os.fork():
    os.wait()
"""


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("threads", "password-reset"),
        ("sync", "password-reset"),
        ("async", "password-reset"),
        ("hangs", "auth.message.failure the process ended before it was sent"),
        pytest.param("fork", "password-reset", marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")),
    ],
)
def test_the_end_of_the_process_waits_for_messages(which: str, said: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", ENDS, which]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (ended.stdout.split("\n"), ended.stderr, ended.returncode) == ([said, ""], "", 0)


class Wordless(Exception):
    """An error of a provider whose words cannot be had."""

    def __str__(self) -> str:
        raise KeyError("status")


@pytest.mark.parametrize("form", ["event loop", "threads"])
def test_no_error_stops_the_sending_or_shows_an_address_in_any_spelling(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentri.outbox, "PAUSES", ())
    odd = {
        "Mixed.Case+1@Example.com": (OSError("550 <mixed.case+1@EXAMPLE.com>"), "550 <..>"),
        "Encoded+1@example.com": (OSError("?a=encoded%2b1%40example%2Ecom&b=Encoded%2B1@example.com"), "?a=..&b=.."),
        "wordless@example.com": (Wordless(), "Wordless"),
        "surrogate@example.com": (OSError("550 \udcff"), "550 ?"),
    }
    events: list[Any] = []

    def send(message: Any, _context: Any) -> None:
        raise odd[message["to"]][0]

    auth = with_anna(send, events)
    for to in odd:
        auth.blocking.register(identifiers=[{"type": "email", "value": to}], password=PASSWORD)

    async def main() -> None:
        for to in odd:
            await auth.request_password_reset(to)
        await auth.close()

    if form == "threads":
        for to in odd:
            auth.blocking.request_password_reset(to)
        auth.blocking.close()
    else:
        asyncio.run(main())
    causes = sorted(cause for _, cause in logged(events))
    assert causes == sorted(words for _, words in odd.values())
