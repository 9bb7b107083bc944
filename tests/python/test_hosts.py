"""Hosts as they are: a project of Django's own, WebSockets, servers that fork, and threads that are greenlets."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import pytest
from fastapi import Depends, FastAPI, WebSocket
from support.servers import PASSWORD, options, user

OPTIONS = "secret='a secret of at least thirty-two bytes, for tests', valid_roles=['user', 'admin'], salt_rounds=10, rate_limit=False"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def process(folder: Path, *command: str, path: str = "/ready") -> Iterator[str]:
    """A server of its own process, by its base URL; `{port}` in the command is its port."""
    port = free_port()
    log = (folder / "server.log").open("w")
    words = [sys.executable, "-m", *(word.format(port=port) for word in command)]
    running = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            if running.poll() is not None:
                break
            try:
                send(base, path)
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise AssertionError("it does not listen")
        assert running.poll() is None, (folder / "server.log").read_text()
        yield base
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGTERM)
        running.wait(20)
        log.close()


def send(
    base: str, path: str, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, str, list[tuple[str, str]]]:
    data = None if body is None else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if data is not None:
        sent["Content-Type"] = "application/json"
    request = urllib.request.Request(base + path, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(), list(answer.headers.items())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), list(error.headers.items())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


URLS = (
    """
from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.urls import include, path, reverse
from rest_framework.decorators import api_view
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from django.utils.decorators import method_decorator
from sentri.django import AuthServer

auth = AuthServer(db="sqlite:./sentri.db", access_cookie=True, %s)
auth.migrate()


def page(request):
    template = engines["django"].from_string("{%% if user.is_authenticated %%}in:{{ user }}{%% else %%}out{%% endif %%}")
    return HttpResponse(template.render({}, request))


@auth.protect()
async def asynchronous(request):
    return JsonResponse({"id": (await request.auser()).pk})


@auth.protect()
@api_view(["GET", "DELETE"])
def wrapped(request):
    return Response({"id": request.user.id, "roles": request.user.roles})


class Mine(APIView):
    authentication_classes = [auth.authentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"id": request.user.id, "session": request.auth.session_id})

    delete = get


class Anybody(Mine):
    permission_classes = [AllowAny]

    def get(self, request):
        return Response({"anonymous": request.user.is_anonymous})


@method_decorator(auth.protect(), name="dispatch")
class Dispatched(APIView):
    def delete(self, request):
        return Response({"id": request.user.id})


def unguarded(request):
    return HttpResponse("done")


def named(request):
    return JsonResponse({"me": reverse("sentri-me"), "admin": reverse("admin:index"), "login": reverse("sentri-login")})


urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include(auth.urls)),
    path("ready", named),
    path("page", page),
    path("protected-page", auth.protect()(page)),
    path("async", asynchronous),
    path("wrapped", wrapped),
    path("mine", Mine.as_view()),
    path("anybody", Anybody.as_view()),
    path("dispatched", Dispatched.as_view()),
    path("unguarded", unguarded),
    path("limited", auth.authorize("admin")(auth.protect()(unguarded))),
]
"""
    % OPTIONS
)


@pytest.fixture(scope="module")
def django_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("project")
    run = lambda *words: subprocess.run([sys.executable, *words], cwd=folder, check=True, capture_output=True)  # noqa: E731
    run("-m", "django", "startproject", "site_of_mine", ".")
    settings = folder / "site_of_mine" / "settings.py"
    settings.write_text(
        settings.read_text().replace("'django.contrib.admin',", "'django.contrib.admin', 'rest_framework',")
    )
    (folder / "site_of_mine" / "urls.py").write_text(URLS)
    run("manage.py", "migrate")
    run("manage.py", "check")
    with process(
        folder, "gunicorn", "site_of_mine.wsgi", "-b", "127.0.0.1:{port}", "-w", "2", "--threads", "4"
    ) as base:
        yield base


@pytest.fixture(scope="module")
def member(django_project: str) -> dict[str, str]:
    """The id and the cookie of a user, and a bearer token."""
    status, text, _ = send(django_project, "/auth/register", "POST", user("rizz"))
    assert status == 201, text
    _, text, headers = send(django_project, "/auth/login", "POST", {"identifier": "rizz", "password": PASSWORD})
    data = json.loads(text)["data"]
    cookies = "; ".join(value.split(";")[0] for name, value in headers if name.lower() == "set-cookie")
    return {"id": data["user"]["id"], "token": data["accessToken"], "cookie": cookies}


def test_g13_a_fresh_project_can_be_reversed_and_has_its_admin(django_project: str) -> None:
    status, text, _ = send(django_project, "/ready")
    assert (status, json.loads(text)) == (200, {"me": "/auth/me", "admin": "/admin/", "login": "/auth/login"})
    status, text, _ = send(django_project, "/admin/login/")
    assert status == 200 and "csrfmiddlewaretoken" in text


def test_g14_django_knows_the_user(django_project: str, member: dict[str, str]) -> None:
    known = bearer(member["token"])
    assert send(django_project, "/page")[1] == "out"
    assert send(django_project, "/protected-page", **known)[1] == f"in:{member['id']}"
    assert json.loads(send(django_project, "/async", **known)[1]) == {"id": member["id"]}
    assert json.loads(send(django_project, "/wrapped", **known)[1]) == {"id": member["id"], "roles": []}
    # Roles of ours make nobody staff.
    assert send(django_project, "/admin/", **known)[1].find("csrfmiddlewaretoken") > 0


def test_g14_a_guarded_view_looks_at_the_origin_itself(django_project: str, member: dict[str, str]) -> None:
    for path in ("/wrapped", "/dispatched", "/mine"):
        assert send(django_project, path, "DELETE", **bearer(member["token"]))[0] == 200, path
        own, foreign = {"Origin": django_project}, {"Origin": "https://evil.example"}
        assert send(django_project, path, "DELETE", Cookie=member["cookie"], **own)[0] == 200, path
        status, text, _ = send(django_project, path, "DELETE", Cookie=member["cookie"], **foreign)
        assert (status, json.loads(text)["code"]) == (403, "FORBIDDEN"), path
    # Whatever protect() does not guard is Django's to refuse.
    assert send(django_project, "/unguarded", "POST", {}, **bearer(member["token"]))[0] == 403
    assert send(django_project, "/limited", "POST", {}, Cookie=member["cookie"], **foreign)[0] in (401, 403)


def test_g14_rest_framework_authenticates_by_a_class(django_project: str, member: dict[str, str]) -> None:
    status, text, _ = send(django_project, "/mine", **bearer(member["token"]))
    assert (status, json.loads(text)["id"]) == (200, member["id"])
    assert json.loads(send(django_project, "/anybody")[1]) == {"anonymous": True}
    status, _, headers = send(django_project, "/mine")
    assert (status, dict(headers)["WWW-Authenticate"]) == (401, "Bearer")
    status, text, headers = send(django_project, "/anybody", **bearer("rubbish"))
    assert (status, json.loads(text)["error"], dict(headers)["WWW-Authenticate"]) == (401, True, "Bearer")
    # What protect() has to send goes along: the session's cookie alone has a token minted.
    refresh = next(part for part in member["cookie"].split("; ") if part.startswith("refresh_token"))
    status, _, headers = send(django_project, "/mine", Cookie=refresh)
    assert (status, any(name == "Set-Cookie" for name, _ in headers)) == (200, True)


SOCKETS = (
    """
from fastapi import Depends, FastAPI, WebSocket
from sentri.fastapi import AuthServer

auth = AuthServer(db="sqlite:./sentri.db", access_cookie=True, %s)
auth.blocking.migrate()
app = FastAPI()
auth.install(app, prefix="/auth")


async def echo(socket, user):
    await socket.accept()
    await socket.send_json({"id": user and user.id})
    await socket.close()


@app.get("/ready")
async def ready():
    return {}


@app.websocket("/socket")
async def plain(socket: WebSocket, user=Depends(auth.protect())):
    await echo(socket, user)


@app.websocket("/admin", dependencies=[Depends(auth.protect()), Depends(auth.authorize("admin"))])
async def admin(socket: WebSocket):
    await echo(socket, None)


@app.websocket("/checked", dependencies=[Depends(auth.protect()), Depends(auth.permit(lambda socket: "yes" in socket.query_params))])
async def checked(socket: WebSocket):
    await echo(socket, None)


@app.websocket("/limited", dependencies=[Depends(auth.rate_limiter(max_attempts=1, duration_seconds=600))])
async def limited(socket: WebSocket):
    await echo(socket, None)
"""
    % OPTIONS
)


def connect(base: str, path: str, headers: Optional[dict[str, str]] = None) -> Any:
    """What a WebSocket says first, or the status of the refused handshake."""
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect as open_socket

    try:
        with open_socket(base.replace("http", "ws") + path, additional_headers=headers or {}) as opened:
            return json.loads(opened.recv())
    except InvalidStatus as error:
        return error.response.status_code


def test_g15_a_websocket_is_for_its_user_or_closed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SOCKETS)
    with process(tmp_path, "uvicorn", "app:app", "--port", "{port}", "--workers", "2") as base:
        assert send(base, "/auth/register", "POST", user("rizz"))[0] == 201
        status, text, headers = send(base, "/auth/login", "POST", {"identifier": "rizz", "password": PASSWORD})
        assert status == 200, text
        data, cookies = (
            json.loads(text)["data"],
            [value.split(";")[0] for name, value in headers if name == "set-cookie"],
        )
        known, cookie = bearer(data["accessToken"]), {"Cookie": "; ".join(cookies)}
        assert connect(base, "/socket", known) == {"id": data["user"]["id"]}
        assert [connect(base, path) for path in ("/socket", "/admin", "/checked?yes")] == [403] * 3
        assert connect(base, "/admin", known) == 403
        assert (connect(base, "/checked", known), connect(base, "/checked?yes", known)) == (403, {"id": None})
        # Any page can open a socket with the browser's cookies: only its origin tells.
        assert connect(base, "/socket", {**cookie, "Origin": base}) == {"id": data["user"]["id"]}
        assert connect(base, "/socket", {**cookie, "Origin": "https://evil.example"}) == 403


def test_g15_the_close_has_its_code_and_reason() -> None:

    from sentri.fastapi import AuthServer

    auth, app = AuthServer(**options()), FastAPI()
    limit = Depends(auth.rate_limiter(key=lambda socket: socket.headers["x-who"], max_attempts=1, duration_seconds=600))

    @app.websocket("/socket", dependencies=[Depends(auth.protect())])
    async def guarded(socket: WebSocket) -> None: ...

    @app.websocket("/limited", dependencies=[limit])
    async def limited(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    def close(path: str) -> tuple[int, str]:
        """How the application closes a socket, as it tells its server."""
        sent: list[Any] = []
        scope = {
            "type": "websocket",
            "path": path,
            "headers": [(b"host", b"a"), (b"x-who", b"a")],
            "query_string": b"",
            "subprotocols": [],
        }

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def keep(message: Any) -> None:
            sent.append(message)

        asyncio.run(app(scope, receive, keep))
        assert sent[-1]["type"] == "websocket.close"
        return sent[-1]["code"], sent[-1]["reason"]

    assert close("/socket") == (1008, "UNAUTHORIZED")
    assert close("/limited")[0] == 1000
    assert close("/limited") == (1008, "RATE_LIMIT_EXCEEDED")


def test_g15_a_handshake_that_django_serves_proves_its_origin(django_project: str, member: dict[str, str]) -> None:
    # A server of WSGI hands the handshake to a view, as a GET.
    cookie, foreign = {"Cookie": member["cookie"]}, {"Origin": "https://evil.example"}
    for path in ("/wrapped", "/mine", "/async"):
        ask = lambda **more: send(django_project, path, Upgrade="websocket", **more)[0]  # noqa: B023, E731
        assert ask(**cookie, Origin=django_project) == 200, path
        assert ask(**cookie, **foreign) == 403, path
        assert ask(**cookie, **foreign, Sec_Fetch_Site="same-site") == 403, path
        assert ask(**bearer(member["token"]), **foreign) == 200, path
        assert send(django_project, path, **cookie, **foreign)[0] == 200, "a GET changes nothing"


def test_g15_a_handshake_that_flask_serves_proves_its_origin() -> None:
    from flask import Flask, g
    from sentri.flask import AuthServer

    auth, app = AuthServer(**options(access_cookie=True, session_check=False)), Flask(__name__)
    auth.attach(app)
    view = auth.protect()(lambda: {"id": g.user.id})
    app.add_url_rule("/socket", "socket", view, websocket=True)
    token = auth.sign_access_token("rizz", ["user"])
    client = app.test_client(use_cookies=False)

    def ask(**more: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in more.items()}
        return client.get("/socket", headers={"Connection": "Upgrade", "Upgrade": "websocket", **sent}).status_code

    cookie, foreign = {"Cookie": f"access_token={token}"}, {"Origin": "https://evil.example"}
    assert ask(**cookie, Origin="http://localhost") == 200
    assert ask(**cookie, **foreign) == 403
    assert ask(**cookie, **foreign, Sec_Fetch_Site="same-site") == 403
    assert ask(**bearer(token), **foreign) == 200
    assert ask(**foreign) == 401


FLASK = """
from flask import Flask
from sentri.flask import AuthServer

auth = AuthServer(db=%r, %s)
auth.migrate()
auth.verify_access_token(auth.sign_access_token("before"))
app = Flask(__name__)
auth.init_app(app)


@app.get("/ready")
def ready():
    import os
    return {"pid": os.getpid()}


@app.get("/hash")
def hash():
    return {"hash": auth.hash_password("correct horse 1")}


@app.get("/me")
@auth.protect()
def me():
    return {}
"""


def flask_app(folder: Path, db: Any = "sqlite:./sentri.db", more: str = OPTIONS) -> None:
    (folder / "app.py").write_text(FLASK % (db, more))


def login_and_out(base: str, name: str) -> None:
    assert send(base, "/auth/register", "POST", user(name))[0] == 201
    for _ in range(8):
        _, text, _ = send(base, "/auth/login", "POST", {"identifier": name, "password": PASSWORD})
        known = bearer(json.loads(text)["data"]["accessToken"])
        assert (send(base, "/me", **known)[0], send(base, "/auth/me", **known)[0]) == (200, 200)
    assert send(base, "/auth/logout", "POST", {}, **known)[0] == 200
    # Workers that have just read the session go by that for as long as `session_check.max_age` says.
    assert any(send(base, "/auth/me", **known)[0] == 401 or time.sleep(0.5) for _ in range(40))


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL and Redis"])
def test_g17_a_server_used_before_the_fork_starts_anew(tmp_path: Path, database: str) -> None:
    if database == "SQLite":
        flask_app(tmp_path)
        _preloaded(tmp_path)
        return
    from support.databases import postgres

    with postgres() as url:
        flask_app(tmp_path, url, OPTIONS + f", redis_url={os.environ['REDIS_URL']!r}, issuer={tmp_path.name!r}")
        _preloaded(tmp_path)


def _preloaded(folder: Path) -> None:
    command = ("gunicorn", "app:app", "--preload", "-b", "127.0.0.1:{port}", "-w", "3", "--threads", "2")
    with process(folder, *command) as base:
        login_and_out(base, "rizz")
        workers = {json.loads(send(base, "/ready")[1])["pid"] for _ in range(30)}
        assert len(workers) > 1


#: A child that serves no endpoint, as a worker of Celery or with a middleware of its own. Other processes rotate and
#: withdraw keys, and the clock is set by hand.
FORKED = """
import os
import subprocess
import sys
import time
import traceback

from sentri import BlockingAuthServer, SentriError
from sentri.testing import Clock

clock = Clock(1_767_225_600_000)
given = dict(db="sqlite:./sentri.db", valid_roles=["user"], algorithm="ES256", rate_limit=False)
auth = BlockingAuthServer(**given, clock=clock)


def elsewhere(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def good(token):
    try:
        return auth.verify_access_token(token).id == "u-1"
    except SentriError as error:
        assert error.code == "TOKEN_INVALID", error
        return False


def until(ask, what):
    limit = time.monotonic() + 30
    while not ask():
        assert time.monotonic() < limit, what
        time.sleep(0.01)


def key_of(token):
    return token.split(".")[0]


def child(first):
    if first == "another call":
        # The server is made again by it, and has no keys of its own yet.
        auth.client_address("203.0.113.7")
        assert good(before), "by the keys of the parent"
    clock.advance(40_000)
    until(lambda: good(after), "the new key is not known")
    assert good(before), "retired, and still good"
    until(lambda: key_of(auth.sign_access_token("u-1")) == key_of(after), "it signs by the old key")
    elsewhere(WITHDRAW)
    clock.advance(16_000)
    until(lambda: not good(before), "a withdrawn key vouches")
    assert good(after)


ROTATE = f'''
from sentri import BlockingAuthServer
from sentri.testing import Clock

clock = Clock({clock.now()})
auth = BlockingAuthServer(**{given}, clock=clock)
auth.ready()
auth.rotate_keys()
clock.advance(36_000)
print(auth.sign_access_token("u-1"))
auth.close()
'''
WITHDRAW = '''
import sqlite3

with sqlite3.connect("sentri.db") as db:
    (oldest,) = db.execute("SELECT kid FROM sentri_keys ORDER BY active_from LIMIT 1").fetchone()
    assert db.execute("DELETE FROM sentri_keys WHERE kid = ?", [oldest]).rowcount == 1
'''

auth.migrate()
before = auth.sign_access_token("u-1")
assert good(before)
after = elsewhere(ROTATE)
pid = os.fork()
if pid == 0:
    try:
        child(sys.argv[1])
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
status = os.waitpid(pid, 0)[1]
assert status == 0, f"the child ended with {status}"
assert good(before) and not good(after), "no time has passed in the parent"
auth.close()
"""


@pytest.mark.parametrize("first", ["verification", "another call"])
def test_g17_a_child_that_serves_no_endpoint_learns_of_keys(tmp_path: Path, first: str) -> None:
    (tmp_path / "forked.py").write_text(FORKED)
    command = [sys.executable, "forked.py", first]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr


#: As gunicorn's worker did until it left eventlet out.
EVENTLET = """
import eventlet

eventlet.monkey_patch()

import sys
from eventlet import wsgi
from app import app

wsgi.server(eventlet.listen(("127.0.0.1", int(sys.argv[1]))), app)
"""


@pytest.mark.parametrize("kind", ["gevent", "eventlet"])
def test_g16_other_greenlets_go_on_while_passwords_hash(tmp_path: Path, kind: str) -> None:
    """Measures that a request is served while a hash of seconds is made, not how fast."""
    flask_app(tmp_path, more=OPTIONS.replace("salt_rounds=10", "salt_rounds=14"))
    (tmp_path / "greenlets.py").write_text(EVENTLET)
    gevent = ("gunicorn", "app:app", "-k", "gevent", "-b", "127.0.0.1:{port}", "-w", "1")
    with process(tmp_path, *(gevent if kind == "gevent" else ("greenlets", "{port}"))) as base:
        hashed = threading.Thread(target=send, args=(base, "/hash"))
        hashed.start()
        time.sleep(0.1)
        served = 0
        while hashed.is_alive() and served < 5:
            send(base, "/ready")
            served += hashed.is_alive()
        hashed.join()
        assert served == 5
