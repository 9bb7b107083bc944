"""Repeats of a request with the same key, in every framework: one execution, the same answer, nobody else's."""

from __future__ import annotations

import http.client
import json
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, NamedTuple, Optional
from urllib.parse import urlsplit

import pytest
from sentri import SentriError
from sentri.testing import Clock
from support.databases import REDIS_URL, postgres
from support.gates import FRAMEWORKS, Framework, Reply
from support.golden import exchange
from support.redis import late_redis, throwaway_redis
from support.servers import PASSWORD, options, user

EACH = pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=FRAMEWORKS)
JSON = {"content-type": "application/json"}


class Sent(NamedTuple):
    status: int
    text: str
    header: Callable[[str], Optional[str]]

    @property
    def is_replay(self) -> bool:
        return self.header("idempotency-replayed") == "true"

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def send(base: str, path: str, key: Optional[str], body: Any = None, method: str = "POST", **headers: str) -> Sent:
    """Sends a request under a key. A body that is no text goes as JSON."""
    keyed = {"x-idempotency-key": key} if key else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps({"amount": 1} if body is None else body).encode()
    answer = exchange(base, method, path, {**JSON, **keyed, **named}, raw)
    return Sent(answer.status, answer.text, answer.header)


class Runs:
    """Counts what a route has done."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self.count += 1
            return self.count

    def reply(self, _: Any = None) -> Reply:
        return Reply({"run": self.next()})


def over_redis(round: Callable[[], None], tries: int = 5) -> None:
    """Runs a round that says something of Redis. One that fails because Redis did not answer in time on a loaded
    machine, of which the log was told, says nothing of it and is run again when Redis is back."""
    told: list[logging.LogRecord] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record)

    logger, listener = logging.getLogger("sentri"), Listener(logging.WARNING)
    logger.addHandler(listener)
    try:
        return round()
    except AssertionError:
        if not told or tries == 1:
            raise
    finally:
        logger.removeHandler(listener)
    time.sleep(2.5)
    over_redis(round, tries - 1)


def stampede(bases: list[str], path: str, key: str, expected: Any) -> None:
    """Many equal requests at once: every answer is that of the one that ran, or says that it runs."""
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda at: send(bases[at % len(bases)], path, key), range(50)))
    assert any(answer.status == 201 for answer in answers)
    for answer in answers:
        if answer.status == 201:
            assert answer.json == expected
        else:
            assert (answer.status, answer.json["code"], answer.json["error"]) == (409, "IDEMPOTENCY_IN_PROGRESS", True)
            assert answer.header("retry-after") == "1"


@EACH
def test_equal_requests_run_once_and_replays_say_so(framework: Framework) -> None:
    runs = Runs()

    def pay(body: Any) -> Reply:
        runs.next()
        time.sleep(0.03)
        return Reply({"run": 1, **body}, 201, {"x-own": "kept"})

    def text(_: Any) -> Reply:
        return Reply(text=f"run {runs.next()}, ä")

    with framework.serve(framework.gate(), {"/pay": pay, "/other": runs.reply, "/text": text}) as base:
        stampede([base], "/pay", "k1", {"run": 1, "amount": 1})
        assert runs.count == 1
        first, replay = send(base, "/pay", "k2"), send(base, "/pay", "k2")
        assert (first.is_replay, replay.is_replay, runs.count) == (False, True, 2)
        for name in ("x-own", "content-type"):
            assert replay.header(name) == first.header(name) is not None
        assert (replay.status, replay.text) == (first.status, first.text) == (201, '{"run": 1, "amount": 1}')
        assert send(base, "/text", "k1").text == send(base, "/text", "k1").text == "run 3, ä"
        assert runs.count == 3

        changed = send(base, "/pay", "k2", {"amount": 2})
        assert (changed.status, changed.json["code"], changed.json["data"]) == (422, "IDEMPOTENCY_MISMATCH", None)
        refused = send(base, "/pay", "a b")
        assert (refused.status, refused.json["code"], runs.count) == (400, "VALIDATION_ERROR", 3)

        others: list[tuple[str, Optional[str], dict[str, str]]] = [
            ("/other", "k2", {}),
            ("/other?page=2", "k2", {}),
            ("/other", "k2", {"method": "PUT"}),
            ("/other", "k3", {}),
            ("/other", "k2", {"authorization": "Bearer somebody-else"}),
            ("/other", "k2", {"cookie": "session=other"}),
            ("/other", None, {}),
            ("/other", "k2", {"method": "DELETE"}),
            ("/other", "k2", {"method": "DELETE"}),
        ]
        assert [send(base, path, key, **more).is_replay for path, key, more in others] == [False] * len(others)
        assert runs.count == 3 + len(others), "each of them is another request"
        assert send(base, "/other?page=2", "k2").is_replay


@EACH
def test_what_is_not_stored_runs_again(framework: Framework) -> None:
    runs = Runs()

    def fail(_: Any) -> Reply:
        raise RuntimeError("raised")

    def pieces() -> Iterator[str]:
        yield "one "
        time.sleep(0.02)
        yield "two"

    routes = {
        "/fail": lambda _: Reply({}, 400),
        "/moved": lambda _: Reply(text="x", status=303, headers={"location": "/"}),
        "/raise": fail,
        "/cookie": lambda _: Reply({}, headers={"set-cookie": "a=b"}),
        "/token": lambda _: Reply({"deep": [{"accessToken": "x"}]}),
        "/login": lambda _: Reply({}),
        "/v1/logout-all": lambda _: Reply({}),
        "/large": lambda _: Reply(text="x" * 2 * 1024 * 1024),
        "/stream": lambda _: Reply(stream=pieces()),
    }

    def counted(route: Callable[[Any], Reply]) -> Callable[[Any], Reply]:
        def run(body: Any) -> Reply:
            runs.next()
            return route(body)

        return run

    with framework.serve(framework.gate(), {path: counted(route) for path, route in routes.items()}) as base:
        for path in routes:
            before = runs.count
            first, second = send(base, path, "same"), send(base, path, "same")
            assert (second.status, second.text) == (first.status, first.text), path
            assert (runs.count, second.is_replay) == (before + 2, False), f"{path} is not stored"
        assert (send(base, "/stream", "other").text, len(send(base, "/large", "other").text)) == (
            "one two",
            2 * 1024 * 1024,
        )
        assert send(base, "/raise", "other").status == 500


@EACH
def test_what_has_no_body_is_kept_too(framework: Framework) -> None:
    runs = Runs()

    def nothing(_: Any) -> Reply:
        runs.next()
        return Reply(text="", status=204, headers={"x-own": "kept"})

    with framework.serve(framework.gate(), {"/nothing": nothing}) as base:
        first, replay = send(base, "/nothing", "k", b""), send(base, "/nothing", "k", b"")
        assert (first.status, first.is_replay, replay.status, replay.is_replay) == (204, False, 204, True)
        assert (replay.text, replay.header("x-own"), replay.header("content-length"), runs.count) == (
            "",
            "kept",
            None,
            1,
        )


@EACH
def test_a_stream_passes_through_as_it_comes(framework: Framework) -> None:
    go = threading.Event()

    def pieces() -> Iterator[str]:
        yield "first "
        assert go.wait(20)
        yield "last"

    with framework.serve(framework.gate(), {"/stream": lambda _: Reply(stream=pieces())}) as base:
        connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=20)
        connection.request("POST", "/stream", "{}", {**JSON, "x-idempotency-key": "k"})
        response = connection.getresponse()
        assert response.read1(100) == b"first ", "it is there while the rest is not"
        assert send(base, "/stream", "k", b"{}").status == 409, "and it still runs"
        go.set()
        assert response.read() == b"last"
        connection.close()


def lose(base: str, path: str, key: str, begun: threading.Event) -> None:
    """Sends a request and goes away when it runs."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=20)
    connection.request("POST", path, json.dumps({"amount": 1}), {**JSON, "x-idempotency-key": key})
    assert begun.wait(20)
    connection.close()


@EACH
def test_who_loses_the_connection_gets_the_answer_of_the_run_that_was_lost(framework: Framework) -> None:
    runs, begun, go = Runs(), threading.Event(), threading.Event()

    def pay(_: Any) -> Reply:
        run = runs.next()
        begun.set()
        assert go.wait(20)
        return Reply({"run": run}, 201)

    with framework.serve(framework.gate(), {"/pay": pay}) as base:
        lose(base, "/pay", "k", begun)
        time.sleep(0.1)
        assert send(base, "/pay", "k").status == 409, "the first still runs"
        go.set()
        until = time.monotonic() + 20
        while (again := send(base, "/pay", "k")).status == 409:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert (again.status, again.json, again.is_replay, runs.count) == (201, {"run": 1}, True, 1)


def break_off(base: str, path: str, length: int, sent: bytes) -> None:
    """Sends the beginning of a request and goes away."""
    place = urlsplit(base)
    head = f"POST {path} HTTP/1.1\r\nhost: {place.netloc}\r\nx-idempotency-key: k\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n"
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:  # type: ignore[arg-type]
        connection.sendall(head.encode() + sent)
        time.sleep(0.1)
    time.sleep(0.1)


@EACH
@pytest.mark.parametrize("length", [12, 2 * 1024 * 1024], ids=["short", "long"])
def test_a_request_that_breaks_off_before_its_body_has_ended_frees_its_key(framework: Framework, length: int) -> None:
    runs, go = Runs(), threading.Event()
    whole, lengths = b"x" * length, []

    def up(body: Any) -> Reply:
        lengths.append(len(body))
        runs.next()
        assert go.wait(20)
        return Reply({}, 201)

    with framework.serve(framework.gate(), {"/up": up}) as base, ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            break_off(base, "/up", length, whole[: length * 3 // 4])
        running = pool.submit(send, base, "/up", "k", whole, content_type="text/plain")
        until = time.monotonic() + 20
        while runs.count == 0 and time.monotonic() < until:
            time.sleep(0.02)
        assert send(base, "/up", "k", whole, content_type="text/plain").status == 409, "that one was all there"
        go.set()
        answered = running.result()
        assert (answered.status, answered.is_replay) == (201, False)
        assert lengths == [length], "no route is given a part of a body"


@EACH
def test_a_replay_ends_with_the_session(framework: Framework) -> None:
    runs = Runs()
    auth = framework.auth(**options())
    blocking = getattr(auth, "blocking", auth)
    with framework.serve(auth.idempotency_middleware(), {"/order": runs.reply}, auth) as base:
        blocking.register(**user("rizz"))
        login = lambda: send(base, "/auth/login", "login", {"identifier": "rizz", "password": PASSWORD})  # noqa: E731
        token = login().json["data"]["accessToken"]
        again = login()
        assert (again.status, again.is_replay) == (200, False), "logins pass through"
        order = lambda: send(base, "/order", "order-1", authorization=f"Bearer {token}")  # noqa: E731
        assert [order().json["run"], order().json["run"], runs.count] == [1, 1, 1]
        assert order().is_replay
        blocking.revoke_session(blocking.verify_access_token(token).session_id)
        refused = order()
        assert (refused.status, refused.is_replay, runs.count) == (401, False, 1)


@EACH
def test_a_request_that_renews_its_token_runs_once(framework: Framework) -> None:
    for more in ({}, {"access_cookie": True}):
        runs, clock = Runs(), Clock(1_767_225_600_000)
        auth = framework.auth(**options(clock=clock, **more))
        blocking = getattr(auth, "blocking", auth)
        blocking.migrate()
        with framework.serve(auth.idempotency_middleware(), {"/order": runs.reply}, auth) as base:
            session = blocking.create_session(blocking.register(**user("rizz", roles=["user"]))["user"]["id"])
            clock.advance(20 * 60_000)
            order = lambda: send(base, "/order", "k", cookie=f"refresh_token={session['refresh_token']}")  # noqa: E731
            first, second = order(), order()
            assert first.header("x-access-token") or first.header("set-cookie"), "the first answer brings a token"
            assert (first.json["run"], second.json["run"], runs.count, second.is_replay) == (1, 1, 1, True)
            assert second.header("x-access-token") is None and second.header("set-cookie") is None, (
                "and the second none"
            )
        blocking.close()


@EACH
def test_an_answer_is_not_for_other_roles_than_it_was_given_for(framework: Framework) -> None:
    runs = Runs()
    auth = framework.auth(**options(session_check={"max_age": 0}))
    blocking = getattr(auth, "blocking", auth)
    blocking.migrate()
    with framework.serve(auth.idempotency_middleware(), {"/order": runs.reply}, auth) as base:
        id = blocking.register(**user("rizz", roles=["user"]))["user"]["id"]
        token = blocking.create_session(id)["access_token"]
        order = lambda: send(base, "/order", "k", authorization=f"Bearer {token}")  # noqa: E731
        assert [order().json["run"], order().is_replay] == [1, True]
        for roles in ([], ["user", "admin"]):
            blocking.assign_roles(id, roles)
            refused = order()
            assert (refused.status, refused.json["code"], refused.is_replay, runs.count) == (403, "FORBIDDEN", False, 1)
        blocking.assign_roles(id, ["user"])
        assert (order().is_replay, runs.count) == (True, 1), "the same roles again"
    blocking.close()


@EACH
def test_options_are_checked(framework: Framework) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("ttl", {"ttl": 0}),
        ("ttl", {"ttl": 0.5}),
        ("ttl", {"ttl": "60"}),
        ("ttl", {"ttl": "31 days"}),
        ("ttl", {"ttl": timedelta(days=31)}),
        ("header", {"header": "a b"}),
        ("methods", {"methods": []}),
        ("methods", {"methods": "POST"}),
        ("max_size", {"max_size": 0}),
        ("redis_url", {"redis_url": "http://x"}),
        ("redis_url", {"redis_url": 5}),
        ("redis_patience", {"redis_patience": timedelta(minutes=2)}),
        ("on_redis_away", {"on_redis_away": "run"}),
        ("key_prefix", {"key_prefix": ""}),
        ("credential", {"credential": "x-auth-token"}),
        ("time_to_live", {"time_to_live": 5}),
    ]
    auth = framework.auth(**options())
    for make in (auth.idempotency_middleware, framework.gate):
        for name, given in wrong:
            with pytest.raises(SentriError, match=name) as refused:
                make(**given)
            assert refused.value.code == "CONFIGURATION_ERROR"
        for ttl in (60_000, "1.5h", timedelta(minutes=5), None):
            make(ttl=ttl)


@EACH
def test_an_answer_is_kept_for_as_long_as_is_said(framework: Framework) -> None:
    runs = Runs()
    for ttl in (300, "300ms", timedelta(milliseconds=300)):
        gate = framework.gate(ttl=ttl, header="Idempotency-Key", methods=("delete",))
        with framework.serve(gate, {"/order": runs.reply}) as base:
            before = runs.count
            order = lambda: send(base, "/order", None, method="DELETE", idempotency_key="k").is_replay  # noqa: E731
            assert [order(), order()] == [False, True]
            time.sleep(0.4)
            assert [order(), runs.count] == [False, before + 2]
            assert not send(base, "/order", None, idempotency_key="k").is_replay and runs.count == before + 3, (
                "no such method"
            )


@EACH
def test_an_answer_is_its_callers_alone_by_whatever_header_that_is_known(framework: Framework) -> None:
    runs = Runs()
    routes = {"/order": runs.reply}
    read = lambda request: request.headers.get("x-auth-token")  # noqa: E731

    async def read_later(request: Any) -> Any:
        return read(request)

    basic = {"authorization": "Basic c3RhZ2luZzpzdGFnaW5n"}
    callers = [
        {},
        {"x_api_key": "a"},
        {"x_api_key": "b"},
        basic,
        {**basic, "cookie": "sid=alice"},
        {**basic, "cookie": "sid=bob"},
        {**basic, "x_api_key": "a"},
        {"x_auth_token": "alice"},
        {"x_auth_token": "bob"},
    ]
    for credential in (read, read_later):
        before = runs.count
        with framework.serve(framework.gate(credential=credential), routes) as base:
            for replayed in (False, True):
                assert [send(base, "/order", "k", **headers).is_replay for headers in callers] == [replayed] * len(
                    callers
                )
            assert runs.count == before + len(callers)
    before = runs.count
    with framework.serve(framework.gate(credential=lambda request: {}), routes) as base:
        assert (send(base, "/order", "k").status, runs.count) == (500, before)


@EACH
def test_a_session_is_one_caller_whatever_else_a_browser_sends(framework: Framework) -> None:
    runs = Runs()
    auth = framework.auth(**options(api_key="s3cret-key-of-a-shop", access_cookie=True))
    blocking = getattr(auth, "blocking", auth)
    with framework.serve(auth.idempotency_middleware(), {"/order": runs.reply}, auth) as base:
        id = blocking.register(**user("rizz"))["user"]["id"]
        first, second = blocking.create_session(id), blocking.create_session(id)

        def order(**headers: str) -> tuple[int, bool]:
            sent = send(base, "/order", "k", **headers)
            return sent.status, sent.is_replay

        def bearer(token: str) -> dict[str, str]:
            return {"authorization": f"Bearer {token}"}

        assert order(**bearer(first["access_token"])) == (200, False)
        assert order(**bearer(second["access_token"])) == (200, False), "another session"
        assert order(**bearer(first["access_token"]), x_api_key="s3cret-key-of-a-shop") == (200, False), (
            "a key may do more"
        )
        renewed = blocking.sign_access_token(id, ["user", "admin"], first["session_id"])
        assert renewed != first["access_token"]
        for headers in (
            {"cookie": f"access_token={first['access_token']}; _ga=GA1.1"},
            {"cookie": f"_ga=GA1.2; access_token={first['access_token']}"},
            {"cookie": f"refresh_token={first['refresh_token']}"},
            bearer(renewed),
        ):
            assert order(**headers) == (200, True), headers
        # Without a session, a token is its user's and its roles'.
        for roles in (["user"], ["user", "admin"]):
            assert order(**bearer(blocking.sign_access_token(id, roles))) == (200, False)
        assert order(**bearer(blocking.sign_access_token(id, ["admin", "user"]))) == (200, True)
        assert runs.count == 5
        # Nobody vouches for a token that is none of ours, nor for a session that has ended.
        assert order(**bearer(first["access_token"] + "x")) == (401, False)
        blocking.revoke_session(first["session_id"])
        for headers in (bearer(first["access_token"]), {"cookie": f"refresh_token={first['refresh_token']}"}):
            assert order(**headers) == (401, False)

        ceo = {"identifiers": [{"type": "email", "value": "ceo@example.com"}], "password": PASSWORD, "roles": ["admin"]}

        def register(body: Any = ceo, **headers: str) -> tuple[int, Optional[str], bool]:
            sent = send(base, "/auth/register", "user-1", body, **headers)
            return sent.status, sent.json.get("code"), sent.is_replay

        assert register(x_api_key="s3cret-key-of-a-shop") == (201, None, False)
        assert register(x_api_key="s3cret-key-of-a-shop") == (201, None, True)
        assert register() == (401, "UNAUTHORIZED", False)
        assert register(x_api_key="wrong") == (401, "UNAUTHORIZED", False)
        mismatch = register({**ceo, "roles": ["user"]}, x_api_key="s3cret-key-of-a-shop")
        assert mismatch == (422, "IDEMPOTENCY_MISMATCH", False), "bodies of our endpoints count"


@EACH
def test_hosts_and_types_of_body(framework: Framework) -> None:
    runs = Runs()
    with framework.serve(framework.gate(), {"/order": runs.reply}) as base:
        at = lambda host: send(base, "/order", "k", host=host).is_replay  # noqa: E731
        assert [at("a.example"), at("b.example"), at("a.example:8080"), runs.count] == [False, False, True, 2]
        bodies = [
            ("application/json", b'{"a":"1"}'),
            ("text/plain", b'{"a":"1"}'),
            ("application/json", b"{}"),
            ("application/json", b"[]"),
        ]
        for one in bodies:
            for other in bodies:
                key = secrets.token_hex(8)
                assert send(base, "/order", key, one[1], content_type=one[0]).status == 200
                again = send(base, "/order", key, other[1], content_type=other[0]).status
                assert again == (200 if one == other else 422), f"{one}, then {other}"


@EACH
def test_an_upload_is_the_same_when_it_is_sent_again(framework: Framework) -> None:
    runs = Runs()
    seen: list[int] = []

    def up(body: Any) -> Reply:
        seen.append(len(body))
        return runs.reply()

    def sent(base: str, key: str, content: bytes, name: str = "a.txt") -> tuple[int, bool]:
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        answer = send(base, "/up", key, body, content_type=f"multipart/form-data; boundary={boundary}")
        return answer.status, answer.is_replay

    with framework.serve(framework.gate(), {"/up": up}) as base:
        assert sent(base, "k", b"AAAA") == (200, False)
        assert sent(base, "k", b"AAAA") == (200, True)
        assert sent(base, "k", b"AAAAA") == (422, False)
        assert sent(base, "k", b"BBBB") == (422, False)
        assert sent(base, "k", b"AAAA", "b.txt") == (422, False)
        assert runs.count == 1
        # A picture is no text in UTF-8.
        picture = bytes.fromhex("89504e470d0a1a0a0000000d49484452ff00")
        assert [sent(base, "p", picture, "a.png") for _ in range(2)] == [(200, False), (200, True)]
        assert sent(base, "p", picture[:-2] + b"\xfe\x00", "a.png") == (422, False)
        assert runs.count == 2
        # Of a long one the beginning and the length count.
        long = b"x" * 1_500_000
        assert [sent(base, "long", long), sent(base, "long", long)] == [(200, False), (200, True)]
        assert seen[-1] > len(long), "all of it is for the route to read"
        assert [sent(base, "long", long + b"x")[0], sent(base, "long", b"y" + long[1:])[0]] == [422, 422]
        assert runs.count == 3


@EACH
def test_a_gate_behind_another_leaves_the_key_to_it(framework: Framework) -> None:
    runs = Runs()
    routes = {"/order": runs.reply}
    gate = lambda **more: framework.gate(redis_url=REDIS_URL, ttl=30_000, **more)  # noqa: E731
    with framework.serve([gate(), gate()], routes) as nested:

        def round() -> None:
            key = secrets.token_hex(16)
            before = runs.count
            assert (send(nested, "/order", key).status, runs.count) == (200, before + 1)
            assert (send(nested, "/order", key).is_replay, runs.count) == (True, before + 1)
            with framework.serve(gate(key_prefix=key), routes) as other:
                assert (send(other, "/order", key).is_replay, runs.count) == (False, before + 2), "another application"

        over_redis(round)


@EACH
def test_two_servers_over_one_redis_run_a_request_once(framework: Framework) -> None:
    runs = Runs()

    def pay(body: Any) -> Reply:
        runs.next()
        time.sleep(0.03)
        return Reply({"run": 1, **body}, 201)

    # The server has the Redis, and its gate shares it with one that has no server.
    with postgres() as db:
        auth = framework.auth(**options(db=db, redis_url=REDIS_URL))
        blocking = getattr(auth, "blocking", auth)
        blocking.migrate()
        with (
            framework.serve(auth.idempotency_middleware(ttl="30s"), {"/pay": pay}) as one,
            framework.serve(framework.gate(redis_url=REDIS_URL, ttl="30s"), {"/pay": pay}) as other,
        ):

            def round() -> None:
                key, before = secrets.token_hex(16), runs.count
                stampede([one, other], "/pay", key, {"run": 1, "amount": 1})
                for base in (one, other):
                    replay = send(base, "/pay", key)
                    assert (replay.status, replay.json, replay.is_replay) == (201, {"run": 1, "amount": 1}, True)
                    assert send(base, "/pay", key, {"amount": 2}).status == 422
                assert runs.count == before + 1

            over_redis(round)
        blocking.close()


@EACH
def test_who_has_an_answer_is_not_told_by_another_process_that_it_still_runs(framework: Framework) -> None:
    runs = Runs()

    def fail(_: Any) -> Reply:
        runs.next()
        raise RuntimeError("raised")

    def pieces() -> Iterator[str]:
        yield "one "
        yield f"run {runs.next()}"

    routes = {
        "/pay": lambda _: Reply({"run": runs.next()}, 201),
        "/text": lambda _: Reply(text=f"run {runs.next()}, ä"),
        "/nothing": lambda _: Reply(text="", status=204, headers={"x-run": str(runs.next())}),
        "/refused": lambda _: Reply({"run": runs.next()}, 400),
        "/raises": fail,
        "/stream": lambda _: Reply(stream=pieces()),
    }
    gate = lambda url: framework.gate(redis_url=url, ttl=30_000)  # noqa: E731
    with (
        late_redis(REDIS_URL) as late,
        framework.serve(gate(late), routes) as here,
        framework.serve(gate(REDIS_URL), routes) as there,
    ):

        def round() -> None:
            for path in routes:
                key, before = secrets.token_hex(16), runs.count
                first, second = send(here, path, key), send(there, path, key)
                is_kept = first.status < 300 and path != "/stream"
                found = (second.status, second.is_replay, runs.count - before)
                assert found == (first.status, is_kept, 1 if is_kept else 2), path
                if is_kept:
                    assert second.text == first.text

        over_redis(round)


@EACH
def test_without_redis_a_request_waits_then_runs_here_or_is_refused(framework: Framework) -> None:
    runs = Runs()
    routes = {"/pay": lambda body: Reply({"run": runs.next()}, 201)}
    nobody = "redis://127.0.0.1:1"
    with framework.serve(framework.gate(redis_url=nobody, redis_patience=timedelta(seconds=1)), routes) as patient:
        started = time.monotonic()
        assert send(patient, "/pay", secrets.token_hex(16)).status == 201
        assert time.monotonic() - started >= 0.9, "this measures time: the first request waits"
        later = time.monotonic()
        assert [send(patient, "/pay", secrets.token_hex(16)).status for _ in range(5)] == [201] * 5
        assert time.monotonic() - later < 0.9, "this measures time: nobody waits any more"
    with framework.serve(framework.gate(redis_url=nobody, redis_patience=0, on_redis_away="refuse"), routes) as strict:
        refused = send(strict, "/pay", secrets.token_hex(16))
        assert (refused.status, refused.json["code"], refused.header("retry-after")) == (
            503,
            "SERVICE_UNAVAILABLE",
            "1",
        )
        assert runs.count == 6


@EACH
def test_without_redis_each_goes_on_in_its_memory_and_says_so(
    framework: Framework, caplog: pytest.LogCaptureFixture
) -> None:
    runs = Runs()
    routes = {"/order": runs.reply}
    with (
        throwaway_redis() as redis,
        framework.serve(framework.gate(redis_url=redis.url), routes) as here,
        framework.serve(framework.gate(redis_url=redis.url), routes) as there,
    ):
        send(here, "/order", "k")
        assert send(there, "/order", "k").is_replay
        redis.end()
        assert send(here, "/order", "k").is_replay, "it is in the memory of this one, too"
        assert [send(here, "/order", "k2").is_replay, send(here, "/order", "k2").is_replay] == [False, True]
        assert runs.count == 2
        assert any(record.name == "sentri" and record.levelno == logging.WARNING for record in caplog.records)
        redis.begin()
        until = time.monotonic() + 20
        while True:
            key = secrets.token_hex(8)
            send(here, "/order", key)
            if send(there, "/order", key).is_replay:
                break
            assert time.monotonic() < until, "they do not share again"
            time.sleep(0.1)
