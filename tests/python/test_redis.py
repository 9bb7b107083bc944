"""Node and Python over one database and one Redis are as one process; without the Redis, each goes on by itself."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Optional

from support.apps import FRAMEWORKS
from support.databases import REDIS_URL, mysql, postgres
from support.golden import Listener, exchange
from support.node import node_server
from support.redis import throwaway_redis
from support.servers import PASSWORD, user

LIMIT = 5


class Pair:
    """A Node and a Python server of the same users, and clients of them at an address of this test's own."""

    def __init__(self, stack: ExitStack, db: Any, redis_url: str) -> None:
        options = {
            "db": db,
            "redis_url": redis_url,
            # Other users of the same names are counted in the same Redis.
            "issuer": secrets.token_hex(8),
            "valid_roles": ["user", "admin"],
            "salt_rounds": 10,
            "rate_limit": {"max_login_attempts": LIMIT, "max_register_attempts": 1_000},
            # Nothing is looked up again of itself: what is known at once is known by word of the other process.
            "session_check": {"max_age": "1h"},
        }
        self.events: list[Any] = []
        self.node = stack.enter_context(node_server(options))
        python = FRAMEWORKS["FastAPI"]({**options, "logger": Listener(self.events)})
        self.auth, self.python = stack.enter_context(python)
        stack.callback(self.auth.close)
        self.auth.migrate()
        self.move()

    def move(self) -> None:
        """To an address that nobody failed from, in a Redis that other tests use too."""
        self.address = ".".join(["10", *(str(1 + secrets.randbelow(254)) for _ in range(3))])

    def send(self, base: str, method: str, path: str, body: Any = None, token: Optional[str] = None) -> tuple[int, Any]:
        headers = {"content-type": "application/json", "x-forwarded-for": self.address}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        answer = exchange(base, method, path, headers, None if body is None else json.dumps(body).encode())
        return answer.status, json.loads(answer.text)

    def login(self, base: str, name: str, password: str = PASSWORD) -> int:
        return self.send(base, "POST", "/auth/login", {"identifier": name, "password": password})[0]

    def fail(self, name: str, *bases: str) -> list[int]:
        """Wrong logins, one after the other."""
        return [self.login(base, name, "wrong horse 1") for base in bases]


@contextmanager
def pair(db: Any, redis_url: str = REDIS_URL) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(stack, stack.enter_context(db), redis_url)


def test_one_budget_of_failed_logins() -> None:
    with pair(mysql()) as both:
        both.auth.register(**user("victim"))
        node, python = both.node, both.python
        assert both.fail("victim", node, python, python, node, python) == [401] * LIMIT
        for base in (node, python):
            assert both.fail("victim", base) == [429]
            assert both.login(base, "VICTIM") == 429, "not even with the right password"


def test_a_revocation_in_one_is_known_in_the_other_at_once() -> None:
    with pair(postgres()) as both:
        id = both.auth.register(**user("rizz"))["user"]["id"]
        for here, there in [(both.node, both.python), (both.python, both.node)]:
            token = both.auth.create_session(id)["access_token"]
            for base in (here, there):
                assert both.send(base, "GET", "/protected", token=token)[0] == 200, "and is in memory now, for an hour"
            assert both.send(here, "POST", "/auth/logout-all", {}, token)[0] == 200
            until = time.monotonic() + 10
            while both.send(there, "GET", "/protected", token=token)[0] != 401:
                assert time.monotonic() < until, "it still lets in"


def test_without_redis_each_grants_what_was_left_and_nothing_fails() -> None:
    with throwaway_redis() as redis, pair(postgres(), redis.url) as both:
        node, python = both.node, both.python
        for name in ("victim", "rizz"):
            both.auth.register(**user(name))
        assert both.fail("victim", node, node, python) == [401] * 3

        redis.end()
        # Python has heard of all three, Node of its own two.
        assert both.fail("victim", *[python] * 4) == [401, 401, 429, 429]
        assert both.fail("victim", *[node] * 5) == [401, 401, 401, 429, 429]
        for base in (node, python):
            assert both.login(base, "victim") == 429, "who is locked out stays so"
            assert both.login(base, "rizz") == 200
        assert any(name == "error auth.hook.failure" and entry["hook"] == "redis" for name, entry in both.events)

        redis.begin()
        # Each notices by itself, so until both have, they count apart: seen with a name that was never tried.
        until = time.monotonic() + 20
        while True:
            both.move()
            name = f"nobody-{secrets.token_hex(8)}"
            assert both.fail(name, python, python, python, node, node) == [401] * LIMIT
            if both.fail(name, node, python) == [429, 429]:
                break
            assert time.monotonic() < until, "they still count apart"
        for base in (node, python):
            assert both.login(base, "victim") == 429, "the new Redis was told of who is locked out"
