"""Client mode's key set in time: the table tests/vectors/remote.json, and an outage of more than a day. A test's clock
and a server that answers when it is told to bring the state about; what a token comes to shows it."""

from __future__ import annotations

import asyncio
import math
from typing import Any, Optional

import pytest
from sentri import AuthClient, SentriError
from sentri.guarding import ProtectResult
from sentri.testing import Clock
from support.golden import Listener
from support.keys import Key, KeyServer, answer, hang_up, key_server, key_set
from support.vectors import table

START = 1_767_225_600_000
#: The table's sets have one key each, of the set's name; no set has the last one.
KEYS = {name: Key(name) for name in ("A", "B", "unknown")}
#: What changes the state; the other steps look at it.
MOVES = ("begin", "set", "refused", "unreachable")
#: Of these nothing is said.
SILENT = ("refused", "unreachable")
DAY = 86_400_000
#: Seconds for what must come, and for what must not.
LONG, SHORT = 20.0, 0.1


def bearer(name: str) -> dict[str, str]:
    return {"method": "GET", "authorization": f"Bearer {KEYS[name].token(START)}"}


class Play:
    """A client that is led through the steps of a row."""

    def __init__(self, server: KeyServer, max_age: int) -> None:
        self.server = server
        self.clock = Clock(START)
        self.events: list[Any] = []
        options = {"clock": self.clock, "logger": Listener(self.events), "cache_max_age": max_age / 1_000}
        self.auth = AuthClient(key_uri=server.uri, **options)
        #: The attempt in flight, the requests that wait for it, and the set that is known.
        self.flight: Optional[asyncio.StreamWriter] = None
        self.waiting: list[asyncio.Task[ProtectResult]] = []
        self.known: Optional[str] = None

    async def do(self, step: dict[str, Any], wanted: Any) -> Any:
        self.clock.set(START + step["at"])
        return await getattr(self, step["do"])(step, wanted)

    def ask(self, name: str) -> asyncio.Task[ProtectResult]:
        return asyncio.ensure_future(self.auth.guard(bearer(name)))

    async def is_answered(self, asked: asyncio.Task[ProtectResult], wanted: bool) -> bool:
        done, _ = await asyncio.wait({asked}, timeout=LONG if wanted else SHORT)
        return bool(done)

    async def begins(self, wanted: bool) -> bool:
        """Whether an attempt begins."""
        came = await self.server.request(LONG if wanted else SHORT)
        assert came is None or self.flight is None, "two attempts at once"
        self.flight = came or self.flight
        return came is not None

    # The moves.

    async def begin(self, _: Any, wanted: bool) -> bool:
        """A token of a key that is in no set makes the client try whenever it may."""
        self.events.clear()
        self.waiting.append(self.ask("unknown"))
        return await self.begins(wanted)

    async def set(self, step: dict[str, Any], _: Any) -> bool:
        """A set is news if verdicts under the one before count no more."""
        before = self.epoch()
        await self.end(answer, key_set(KEYS[step["set"]]))
        self.known = step["set"]
        return self.epoch() != before

    async def refused(self, *_: Any) -> None:
        await self.end(answer, b"no key set")

    async def unreachable(self, *_: Any) -> None:
        await self.end(hang_up)

    async def end(self, how: Any, *args: Any) -> None:
        flight, self.flight = self.flight, None
        await how(flight, *args)
        for guarded in await asyncio.wait_for(asyncio.gather(*self.waiting), LONG):
            assert guarded.user is None
        self.waiting.clear()

    def epoch(self) -> int:
        # Without a credential no key is asked for.
        guarded = self.auth.guard_now({"method": "GET"})
        assert guarded is not None
        return guarded.epoch

    # The looks. Each is the last step, since a look may begin an attempt.

    async def decide(self, _: Any, wanted: str) -> str:
        in_flight = self.flight is not None
        asked = self.ask(self.known or "A")
        answered = await self.is_answered(asked, wanted != "fetch")
        began = await self.begins(wanted.endswith("fetch") and not in_flight)
        if not answered:
            assert began or in_flight, "it waits for nothing"
            flight, self.flight = self.flight, None
            await answer(flight, key_set(KEYS[self.known or "A"]))  # type: ignore[arg-type]
        guarded = await asyncio.wait_for(asked, LONG)
        if guarded.user is not None:
            return ("use and fetch" if began else "use") if answered else "fetch"
        assert guarded.error is not None and guarded.error["code"] == "SERVICE_UNAVAILABLE"
        assert answered and not began
        return "refuse"

    async def unknown(self, _: Any, wanted: bool) -> bool:
        in_flight = self.flight is not None
        asked = self.ask("unknown")
        answered = await self.is_answered(asked, not wanted)
        assert answered or in_flight or await self.begins(True), "it waits for nothing"
        if answered:
            assert not await self.begins(False) and code(asked.result()) == "TOKEN_INVALID"
        return not answered

    async def failing(self, _: Any, wanted: bool) -> bool:
        """It is logged, once, and then an unknown key is no proof against a token."""
        logged = any(entry.get("hook") == "keyUri" for _, entry in self.events)
        if self.known is not None:
            asked = self.ask("unknown")
            assert await self.is_answered(asked, True)
            assert code(asked.result()) == ("SERVICE_UNAVAILABLE" if logged else "TOKEN_INVALID")
        return logged

    async def retryAfter(self, _: Any, wanted: int) -> int:
        asked = self.ask("A")
        assert await self.is_answered(asked, True) and code(asked.result()) == "SERVICE_UNAVAILABLE"
        # Said in whole seconds, never too early.
        said: int = (asked.result().error or {})["retryAfter"]
        return wanted if said == math.ceil(wanted / 1_000) else said * 1_000

    async def freshUntil(self, _: Any, wanted: int) -> int:
        asked = self.ask(self.known or "A")
        if self.known is None:
            # There is no verdict but the refusal.
            assert await self.begins(True)
            await self.unreachable()
            assert code(await asked) == "SERVICE_UNAVAILABLE"
            return asked.result().fresh_until
        assert await self.is_answered(asked, True) and asked.result().user is not None
        return asked.result().fresh_until - START

    async def finish(self) -> None:
        if self.flight is not None:
            await hang_up(self.flight)


def code(guarded: ProtectResult) -> Any:
    return (guarded.error or {}).get("code")


@pytest.mark.parametrize(("given", "expect"), table("remote"))
def test_remote(given: dict[str, Any], expect: list[Any]) -> None:
    """Every step, each look at the end of a run of its own through all moves before it."""
    said = iter(expect)
    steps = [(step, None if step["do"] in SILENT else next(said)) for step in given["steps"]]
    assert next(said, None) is None

    async def run(steps: list[Any]) -> None:
        async with key_server() as server:
            play = Play(server, given["maxAge"])
            for number, (step, wanted) in enumerate(steps):
                found = await play.do(step, wanted)
                assert found == wanted and type(found) is type(wanted), f"step {number}, {step}: {found}"
            await play.finish()

    async def runs() -> None:
        moves = [one for one in steps if one[0]["do"] in MOVES]
        await run(moves)
        for number, (step, wanted) in enumerate(steps):
            if step["do"] not in MOVES:
                await run([one for one in steps[:number] if one[0]["do"] in MOVES] + [(step, wanted)])

    if given["maxAge"] <= DAY:
        asyncio.run(runs())
    else:
        # An age that no option asks for: what the table says of it is shown in the core alone.
        with pytest.raises(SentriError, match="cache_max_age must be from 30s to 24h"):
            asyncio.run(run([]))


def test_an_outage_of_a_day_is_survived_and_then_a_503_that_recovers_by_itself() -> None:
    hour = 3_600_000

    async def main() -> None:
        async with key_server() as server:
            server.always = key_set(KEYS["A"])
            clock = Clock(START)
            auth = AuthClient(key_uri=server.uri, clock=clock, logger=False)
            assert (await auth.guard(bearer("A"))).user is not None
            await server.down()
            # An hour the set is good, a day more it is used because there is no other.
            for at in [hour - 1, *(number * hour for number in range(1, 25)), 25 * hour - 1]:
                clock.set(START + at)
                assert (await auth.guard(bearer("A"))).user is not None, at
            # A key that none knows may be a new one: an outage says nothing about its token.
            assert code(await auth.guard(bearer("B"))) == "SERVICE_UNAVAILABLE"
            assert server.asked == 1
            clock.set(START + 25 * hour + 30_000)
            guarded = await auth.guard(bearer("A"))
            assert code(guarded) == "SERVICE_UNAVAILABLE" and (guarded.error or {})["retryAfter"] == 2
            await server.up()
            # Not even two seconds have passed, so it is too early to ask again.
            assert code(await auth.guard(bearer("A"))) == "SERVICE_UNAVAILABLE" and server.asked == 1
            clock.advance(2_000)
            assert (await auth.guard(bearer("A"))).user is not None and server.asked == 2
            # It came back with another key as well; what none knows is no token any more.
            server.always = key_set(KEYS["B"], KEYS["A"])
            clock.advance(30_000)
            assert (await auth.guard(bearer("B"))).user is not None and server.asked == 3
            assert (await auth.guard(bearer("A"))).user is not None
            assert code(await auth.guard(bearer("unknown"))) == "TOKEN_INVALID"

    asyncio.run(main())
