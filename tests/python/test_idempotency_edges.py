"""What test_idempotency.py does not say of the idempotency middleware: what is one framework's own, and what becomes of
tasks and processes that end."""

from __future__ import annotations

import asyncio
import io
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Optional

import pytest
import sentri.django
import sentri.fastapi
import sentri.flask
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from fastapi.responses import FileResponse
from sentri.idempotency import Execution, Gate, Keyed, Running
from sentri.testing import Clock
from support.apps import configure_django, uvicorn_server, wsgi_server
from support.databases import REDIS_URL, postgres
from support.gates import FRAMEWORKS, Reply, django_application, to_django
from support.golden import Listener
from support.node import node_gate, node_server
from support.redis import late_redis, throwaway_redis
from support.servers import options, user
from test_idempotency import Runs, lose, over_redis, send


def keyed(key: str = "k", **more: Any) -> Keyed:
    given: dict[str, Any] = {"method": "POST", "target": "/order", "client_ip": "203.0.113.7", "body": b"{}", **more}
    return Keyed(headers=[("x-idempotency-key", key)], running=Running(), request=lambda: None, **given)


def is_free(gate: Gate, key: str = "k") -> bool:
    """Whether a request with the key runs; it is ended at once."""
    verdict = gate.judge_blocking(keyed(key))
    if isinstance(verdict, Execution):
        verdict.free()
    return isinstance(verdict, Execution)


def test_the_memory_answers_without_a_turn_of_the_loop() -> None:
    gate = Gate({})
    first = gate.judge(keyed())
    with pytest.raises(StopIteration) as begun:
        first.send(None)
    execution = begun.value.value
    assert isinstance(execution, Execution) and execution.keep(200, [("X-A", "1")], b"{}") is None
    with pytest.raises(StopIteration) as replayed:
        gate.judge(keyed()).send(None)
    assert (replayed.value.value.status, replayed.value.value.body) == (200, b"{}")


def test_who_lets_go_of_a_request_frees_its_key() -> None:
    gate = Gate({})
    verdict = gate.judge_blocking(keyed())
    assert isinstance(verdict, Execution) and not is_free(gate)
    del verdict
    assert is_free(gate)


class Talk:
    """One request to an ASGI application, without a server."""

    def __init__(self, *messages: Any, key: str = "k") -> None:
        self.messages = list(messages) or [{"type": "http.request", "body": b"{}"}]
        self.sent: list[Any] = []
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": "/order",
            "headers": [(b"x-idempotency-key", key.encode()), (b"content-type", b"application/json")],
            "client": ("203.0.113.7", 1),
        }

    async def receive(self) -> Any:
        if self.messages:
            return self.messages.pop(0)
        await asyncio.sleep(60)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def hold(self, app: Any) -> None:
        await app(self.scope, self.receive, self.send)

    @property
    def status(self) -> Optional[int]:
        return self.sent[0]["status"] if self.sent else None


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def test_a_cancelled_task_frees_its_key() -> None:
    hanging = asyncio.Event()

    async def hang(scope: Any, receive: Any, send: Any) -> None:
        hanging.set()
        await asyncio.sleep(60)

    async def main() -> None:
        gate = sentri.fastapi.create_idempotency_middleware()
        apps = {"hang": hang, "answer": answer}
        chosen = "hang"
        app = gate(lambda *messages: apps[chosen](*messages))
        task = asyncio.ensure_future(Talk().hold(app))
        await hanging.wait()
        refused = Talk()
        await refused.hold(app)
        assert refused.status == 409
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        chosen = "answer"
        again = Talk()
        await again.hold(app)
        assert again.status == 200

    asyncio.run(main())


async def ended(task: asyncio.Future[Any]) -> BaseException:
    """How a task that was cancelled ended."""
    try:
        await task
    except asyncio.CancelledError as error:
        return error
    raise AssertionError("it was not in time to be cancelled")


def test_a_task_that_is_cancelled_while_redis_is_asked_frees_its_key() -> None:
    with late_redis(REDIS_URL) as late:

        async def main(key: str) -> None:
            gate = Gate({"redis_url": late, "key_prefix": key})
            # The first one makes the connection.
            warm = await gate.judge(keyed("warm"))
            assert isinstance(warm, Execution)
            task = asyncio.ensure_future(gate.judge(keyed(key)))
            await asyncio.sleep(0.01)
            task.cancel()
            error = await ended(task)
            until = time.monotonic() + 5
            there = Gate({"redis_url": REDIS_URL, "key_prefix": key})
            while not (is_free(there, key) and is_free(gate, key)):
                assert time.monotonic() < until, "the key is taken by nobody"
                await asyncio.sleep(0.05)
            assert error.__traceback__, "which holds what the task held"

        over_redis(lambda: asyncio.run(main(secrets.token_hex(8))))


def test_an_answer_of_known_length_is_kept_before_its_client_has_it() -> None:
    """However the application cuts it: Starlette's own middleware sends the end of a body by itself."""

    async def cut(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}", "more_body": True})
        await send({"type": "http.response.body"})

    async def main() -> None:
        for application in (answer, cut):
            app = sentri.fastapi.create_idempotency_middleware()(application)
            seen: list[Any] = []

            async def repeat(message: Any) -> None:
                if not seen:
                    seen.append(again := Talk())
                    await again.hold(app)

            first = Talk()
            first.send = repeat  # type: ignore[method-assign]
            await first.hold(app)
            assert seen[0].status == 200 and (b"idempotency-replayed", b"true") in seen[0].sent[0]["headers"]

    asyncio.run(main())


def test_an_answer_to_a_client_that_is_gone_is_kept() -> None:
    """Servers may say so by an error (ASGI 2.4)."""

    async def gone(message: Any) -> None:
        raise OSError("the client is gone")

    async def main() -> None:
        app = sentri.fastapi.create_idempotency_middleware()(answer)
        lost = Talk()
        lost.send = gone  # type: ignore[method-assign]
        with pytest.raises(OSError):
            await lost.hold(app)
        again = Talk()
        await again.hold(app)
        assert (b"idempotency-replayed", b"true") in again.sent[0]["headers"]

    asyncio.run(main())


def test_what_goes_past_the_answer_is_not_kept() -> None:
    """A server may take a file from its path, and an application may raise after its answer or give none."""

    async def path(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.pathsend", "path": "/a"})

    async def none(scope: Any, receive: Any, send: Any) -> None:
        pass

    async def main() -> None:
        for application in (path, none):
            app = sentri.fastapi.create_idempotency_middleware()(application)
            first, second = Talk(), Talk()
            await first.hold(app)
            await second.hold(app)
            assert first.sent == second.sent and len(second.sent) == (2 if application is path else 0)

    asyncio.run(main())


def test_a_stream_begins_when_it_begins() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await asyncio.sleep(60)

    async def main() -> None:
        talk = Talk()
        task = asyncio.ensure_future(talk.hold(sentri.fastapi.create_idempotency_middleware()(silent)))
        while talk.status is None and not task.done():
            await asyncio.sleep(0)
        assert talk.status == 200
        task.cancel()

    asyncio.run(asyncio.wait_for(main(), 20))


DISCONNECT = {"type": "http.disconnect"}


def test_a_client_that_breaks_off_in_the_rest_of_a_long_body_frees_its_key() -> None:
    """Whether or not the application ends for it."""
    gone = asyncio.Event()

    async def stubborn(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()
        await asyncio.sleep(60)

    async def main() -> None:
        gate, start = sentri.fastapi.create_idempotency_middleware(), b"x" * (1024 * 1024 + 1)
        apps = [stubborn, answer]
        app = gate(lambda *messages: apps[0](*messages))
        part = {"type": "http.request", "body": start, "more_body": True}
        task = asyncio.ensure_future(Talk(part, part, DISCONNECT).hold(app))
        await gone.wait()
        apps.pop(0)
        again = Talk(part, {"type": "http.request", "body": start})
        await again.hold(app)
        assert again.status == 200 and not task.done()
        task.cancel()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_part_of_a_body_is_no_request_of_its_own() -> None:
    """Though an application that does not read it answers."""

    async def main() -> None:
        app = sentri.fastapi.create_idempotency_middleware()(answer)
        part = {"type": "http.request", "body": b"{", "more_body": True}
        broken, whole = Talk(part, DISCONNECT), Talk()
        await broken.hold(app)
        await whole.hold(app)
        assert whole.status == 200 and len(whole.sent[0]["headers"]) == 1, "it ran"

    asyncio.run(main())


def wsgi(app: Any) -> Any:
    """What an application behind a gate returns to its server; the server then closes it."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/order",
        "HTTP_X_IDEMPOTENCY_KEY": "k",
        "REMOTE_ADDR": "203.0.113.7",
    }
    return app(
        {**environ, "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http"},
        lambda status, headers, exc_info=None: lambda data: None,
    )


def test_a_wsgi_application_that_raises_is_given_up_or_writes_by_itself_frees_its_key() -> None:
    ends: list[str] = []
    held: list[Any] = []

    class Given:
        def __iter__(self) -> Iterator[bytes]:
            yield b"one"
            raise RuntimeError("in the middle")

        def close(self) -> None:
            ends.append("closed")

    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        if how == "raises":
            raise RuntimeError("raised")
        if how == "writes":
            write(b"one")
            return []
        return Given()

    for how in ("raises", "writes", "is closed", "raises later"):
        app = sentri.flask.create_idempotency_middleware()(application)
        for _ in range(2):
            if how == "raises":
                with pytest.raises(RuntimeError) as raised:
                    wsgi(app)
                held.append(raised)
                continue
            pieces = wsgi(app)
            if how == "raises later":
                with pytest.raises(RuntimeError, match="in the middle"):
                    list(pieces)
            else:
                assert next(pieces, None) == (None if how == "writes" else b"one")
            before = len(ends)
            pieces.close()
            assert len(ends) == before + (how != "writes")
            # Not that it is gone, but that it was closed, frees the key.
            held.append(pieces)
    assert len(held) == 8


def test_djangos_middleware_lets_go_of_what_nobody_gets() -> None:
    from django.http import HttpResponse, StreamingHttpResponse
    from django.test import RequestFactory

    configure_django()
    request = lambda: RequestFactory().post("/order", {"a": "b"}, headers={"x-idempotency-key": "k"})  # noqa: E731
    make = sentri.django.create_idempotency_middleware
    answered = make()(lambda _: StreamingHttpResponse([b"one", b"two"]))
    first = answered(request())
    assert answered(request()).status_code == 409
    first.close()
    assert answered(request()).status_code == 200, "a stream that is closed before its end frees the key"

    async def main() -> None:
        begun, go, made = asyncio.Event(), asyncio.Event(), []

        async def view(_: Any) -> Any:
            made.append(HttpResponse(b"{}"))
            begun.set()
            await go.wait()
            return made[0]

        app = make()(view)
        task = asyncio.ensure_future(app(request()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not made[0].closed
        go.set()
        while not made[0].closed:
            await asyncio.sleep(0)
        replay = await app(request())
        assert (replay.content, replay["Idempotency-Replayed"], len(made)) == (b"{}", "true", 1)

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_part_of_a_body_is_no_request_of_its_own_in_django() -> None:
    from django.http import HttpResponse
    from django.test import RequestFactory

    configure_django()
    app = sentri.django.create_idempotency_middleware()(lambda _: HttpResponse(b"{}"))
    post = lambda **more: app(RequestFactory().post("/order", {"a": "b"}, headers={"x-idempotency-key": "k"}, **more))  # noqa: E731
    assert post(**{"CONTENT_LENGTH": "100000", "wsgi.input": io.BytesIO(b"a=b")}).status_code == 200
    answers = [post(), post()]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert ["Idempotency-Replayed" in answer for answer in answers] == [False, True]


def test_a_synchronous_view_under_asynchronous_django_goes_on_without_its_client() -> None:
    runs, begun, go = Runs(), threading.Event(), threading.Event()

    def pay(_: Any) -> Any:
        run = runs.next()
        begun.set()
        assert go.wait(20)
        return to_django(Reply({"run": run}), False)

    application, urlconf = django_application([FRAMEWORKS["Django"].gate()], {}, None, True)
    urlconf.urlpatterns = [path("pay", csrf_exempt(pay))]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await application({**scope, "test.urlconf": urlconf}, receive, send)

    with uvicorn_server(app) as base:
        lose(base, "/pay", "k", begun)
        time.sleep(0.1)
        assert send(base, "/pay", "k").status == 409
        go.set()
        until = time.monotonic() + 20
        while (again := send(base, "/pay", "k")).status == 409:
            assert time.monotonic() < until
        assert (again.status, again.json, again.is_replay, runs.count) == (200, {"run": 1}, True, 1)


def test_djangos_own_host_counts() -> None:
    from django.test import RequestFactory, override_settings

    runs = Runs()
    configure_django()
    app = sentri.django.create_idempotency_middleware()(lambda _: to_django(runs.reply(), False))

    def post(forwarded: str) -> bool:
        headers = {"x-idempotency-key": "k", "x-forwarded-host": forwarded}
        return "Idempotency-Replayed" in app(RequestFactory().post("/order", headers=headers))

    assert [post("a.example"), post("b.example")] == [False, True]
    with override_settings(USE_X_FORWARDED_HOST=True):
        assert [post("a.example"), post("b.example"), post("b.example")] == [False, False, True]
        assert [post("b a d"), post("b a d")] == [False, True], "one that Django refuses is for it to refuse"


def test_an_expired_token_gets_no_stored_answer() -> None:
    """On a route that anybody may call, where it is one of the headers that tell callers apart."""
    runs, clock = Runs(), Clock(1_767_225_600_000)
    auth = FRAMEWORKS["Flask"].auth(**options(clock=clock))
    auth.migrate()
    gate = auth.idempotency_middleware()
    token = auth.sign_access_token("u1", ["user"])
    clock.advance(timedelta(hours=1))
    with FRAMEWORKS["Flask"].serve(gate, {"/order": runs.reply}) as base:
        for bearer, replayed in ((token, False), ("none.of.ours", True)):
            assert not send(base, "/order", "k", authorization=f"Bearer {bearer}").is_replay
            assert send(base, "/order", "k", authorization=f"Bearer {bearer}").is_replay is replayed
    auth.close()


def test_starlettes_own_middleware_files_and_background_tasks(tmp_path: Path) -> None:
    runs, done = Runs(), []
    (tmp_path / "small.txt").write_text("small")
    (tmp_path / "large.txt").write_text("x" * 500_000)
    app = FastAPI()

    @app.middleware("http")
    async def inner(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-inner"] = "kept"
        return response

    app.add_middleware(sentri.fastapi.create_idempotency_middleware())

    @app.post("/pay")
    async def pay(tasks: BackgroundTasks) -> Any:
        tasks.add_task(done.append, runs.next())
        return {"run": runs.count}

    @app.post("/file/{name}")
    async def file(name: str) -> Any:
        runs.next()
        return FileResponse(tmp_path / name)

    with uvicorn_server(app) as base:
        first, replay = send(base, "/pay", "k"), send(base, "/pay", "k")
        assert (replay.text, replay.header("x-inner"), replay.is_replay) == (first.text, "kept", True)
        assert [send(base, "/file/small.txt", "k").text, send(base, "/file/small.txt", "k").is_replay] == [
            "small",
            True,
        ]
        assert runs.count == 2
        for _ in range(2):
            assert len(send(base, "/file/large.txt", "k").text) == 500_000
        assert (runs.count, done) == (4, [1]), "what comes in parts is not kept"


@pytest.mark.parametrize("is_outer", [True, False], ids=["around", "within"])
def test_a_minted_token_is_in_no_stored_answer(is_outer: bool) -> None:
    """Whether the middleware is around that which sends the headers of ``protect()``, or within it."""
    runs = Runs()
    auth = sentri.fastapi.AuthServer(**options())
    app = FastAPI()
    if is_outer:
        auth.install(app)
    app.add_middleware(auth.idempotency_middleware())
    if not is_outer:
        auth.install(app)

    @app.post("/order", dependencies=[Depends(auth.protect())])
    async def order() -> Any:
        return {"run": runs.next()}

    with uvicorn_server(app) as base:
        auth.blocking.migrate()
        session = auth.blocking.create_session(auth.blocking.register(**user("rizz"))["user"]["id"])
        cookie = f"refresh_token={session['refresh_token']}"
        first, second = send(base, "/order", "k", cookie=cookie), send(base, "/order", "k", cookie=cookie)
        assert first.header("x-access-token") is not None
        assert (second.is_replay, second.header("x-access-token") is None, runs.count) == (True, True, 1)
        auth.blocking.close()


def test_a_session_cookie_of_flask_is_seen() -> None:
    from flask import Flask, session

    runs = Runs()
    app = Flask(__name__)
    app.secret_key = "of the test"
    app.wsgi_app = sentri.flask.create_idempotency_middleware()(app.wsgi_app)  # type: ignore[method-assign]

    @app.post("/cart")
    def cart() -> Any:
        session["cart"] = runs.next()
        return {}

    with wsgi_server(app) as base:
        for _ in range(2):
            sent = send(base, "/cart", "k")
            assert not sent.is_replay and sent.header("set-cookie")
        assert runs.count == 2


def test_the_log_of_a_server_hears_that_its_redis_is_away() -> None:
    events: list[Any] = []
    with throwaway_redis() as redis:
        framework = FRAMEWORKS["Flask"]
        auth = framework.auth(**options(redis_url=redis.url, logger=Listener(events)))
        gate = auth.idempotency_middleware()
        redis.end()
        with framework.serve(gate, {"/order": lambda _: Reply({})}) as base:
            assert [send(base, "/order", "k").is_replay, send(base, "/order", "k").is_replay] == [False, True]
        auth.close()
    assert ("error auth.hook.failure", "redis") in [(name, entry.get("hook")) for name, entry in events]


SERVER = """
import json, os, sys, time
sys.path[:0] = [sys.argv[1]]
from support.gates import FRAMEWORKS, Reply

framework = FRAMEWORKS[sys.argv[2]]

def pay(body):
    time.sleep(0.05)
    return Reply({"pid": os.getpid()}, 201)

with framework.serve(framework.gate(redis_url=sys.argv[3], ttl="30s"), {"/pay": pay}) as base:
    print(base, flush=True)
    sys.stdin.read()
"""


@contextmanager
def process(framework: str) -> Iterator[str]:
    command = [sys.executable, "-c", SERVER, str(Path(__file__).parent), framework, REDIS_URL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stdin is not None
        yield running.stdout.readline().strip()
        running.stdin.close()


def test_processes_over_one_redis_share_answers() -> None:
    """Whatever framework each of them has."""
    with ExitStack() as stack:
        bases = [stack.enter_context(process(name)) for name in ("FastAPI", "Flask", "Django")]

        def round() -> None:
            key = secrets.token_hex(16)
            answers = [send(base, "/pay", key) for base in bases]
            assert [answer.is_replay for answer in answers] == [False, True, True]
            assert len({answer.text for answer in answers}) == 1
            assert [send(base, "/pay", key, {"amount": 2}).status for base in bases] == [422] * 3

        patiently(round)


def test_node_and_python_share_answers() -> None:
    """Of one session, whichever of its tokens; a client that sends its JSON as JavaScript writes it is understood by
    both.
    """
    with postgres() as db, ExitStack() as stack:
        chosen = options(db=db, redis_url=REDIS_URL)
        framework = FRAMEWORKS["FastAPI"]
        auth = framework.auth(**chosen)
        routes = {"/order": lambda _: Reply({"by": "python"}, 201)}
        python = stack.enter_context(framework.serve(auth.idempotency_middleware(), routes, auth))
        node = stack.enter_context(node_server(chosen))
        id = auth.blocking.register(**user("rizz"))["user"]["id"]
        session = auth.blocking.create_session(id)
        renewed = auth.sign_access_token(id, ["user"], session["session_id"])

        def round() -> None:
            for here, there, by in ((python, node, "python"), (node, python, "node")):
                key = secrets.token_hex(16)
                first = send(
                    here,
                    "/order",
                    key,
                    b'{"amount":1}',
                    authorization=f"Bearer {session['access_token']}",
                    host="a.example",
                )
                second = send(
                    there, "/order", key, b'{"amount":1}', authorization=f"Bearer {renewed}", host="a.example"
                )
                assert (first.status, first.json, first.is_replay) == (201, {"by": by}, False)
                assert (second.status, second.json, second.is_replay) == (201, {"by": by}, True)
                other = send(there, "/order", key, b'{"amount":2}', authorization=f"Bearer {renewed}", host="a.example")
                assert other.status == 422

        patiently(round)


MULTIPART = "multipart/mixed; boundary=a1"
#: Node's parsers leave JSON of this form, texts and bytes as they came.
BODIES = {
    "application/json": '{"name":"é"}'.encode(),
    "text/plain": "é".encode(),
    "image/png": b"\x89PNG\xff",
    MULTIPART: b"--a1\r\n\r\n\x89PNG\xff\r\n--a1--\r\n",
}


@pytest.mark.parametrize("name", ["Express 4", "Express 5", "Fastify 5", "Hono 4", "Koa 3", "Elysia 1.4"])
def test_node_and_python_share_answers_whatever_the_bytes(name: str) -> None:
    framework = FRAMEWORKS["FastAPI"]
    gate = framework.gate(redis_url=REDIS_URL, ttl=30_000)
    with (
        framework.serve(gate, {"/order": lambda _: Reply({"by": "python"}, 201)}) as python,
        node_gate(name, REDIS_URL) as node,
    ):

        def round() -> None:
            for content_type, body in BODIES.items():
                if content_type == MULTIPART and name.startswith("Elysia"):
                    continue  # It parses these.
                for here, there, by in ((python, node, "python"), (node, python, "node")):
                    key = secrets.token_hex(16)
                    sent = [
                        send(base, "/order", key, body, content_type=content_type, authorization="Bearer rizz")
                        for base in (here, there)
                    ]
                    found = [(one.status, one.json, one.is_replay) for one in sent]
                    assert found == [(201, {"by": by}, False), (201, {"by": by}, True)], content_type

        patiently(round)


def patiently(round: Callable[[], None]) -> None:
    """A process that waits in vain for a loaded Redis says so in its own log; here it shows as an answer of its own."""
    for tries in range(5):
        try:
            return round()
        except AssertionError:
            if tries == 4:
                raise
            time.sleep(2.5)


FORK = """
import json, os, sys
from sentri.idempotency import Execution, Gate
sys.path[:0] = [sys.argv[1]]
from test_idempotency_edges import keyed

gate = Gate({"redis_url": sys.argv[2], "key_prefix": sys.argv[3]})
memory = Gate({})
kept = gate.judge_blocking(keyed("before"))
assert isinstance(kept, Execution)
job = kept.keep(201, [], b"kept")
assert job is not None
from sentri.idempotency import settle_blocking
settle_blocking(job)
child = os.fork()
if child == 0:
    replay = gate.judge_blocking(keyed("before"))
    own = gate.judge_blocking(keyed("child"))
    alone = memory.judge_blocking(keyed())
    ok = getattr(replay, "body", None) == b"kept" and isinstance(own, Execution) and isinstance(alone, Execution)
    settle_blocking(own.free())
    os._exit(0 if ok else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert isinstance(gate.judge_blocking(keyed("child")), Execution)
print("both")
"""


def test_a_forked_child_has_a_gate_of_its_own() -> None:
    command = [sys.executable, "-c", FORK, str(Path(__file__).parent), REDIS_URL, secrets.token_hex(8)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "both", done.stderr
