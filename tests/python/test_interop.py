"""Node and Python over one PostgreSQL: one set of users, sessions, keys and tokens."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import jwt
import pytest
from sentri import SentriError
from support.apps import FRAMEWORKS
from support.databases import postgres
from support.golden import Answer, exchange
from support.node import node_application, node_server
from support.pattern import forged
from support.servers import PASSWORD, user

#: Keys are made and kept in the database, so both sides sign with the same one; the session is looked at every time.
OPTIONS: dict[str, Any] = {
    "valid_roles": ["user", "admin"],
    "salt_rounds": 10,
    "rate_limit": False,
    "session_check": {"max_age": "1ms"},
    "cookie": False,
}


@pytest.fixture(params=["FastAPI", "Flask", "Django"])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, Any]]:
    """The addresses of a Node and a Python server, and the latter's AuthServer."""
    with postgres() as db:
        options = {**OPTIONS, "db": db}
        with node_server(options) as node, FRAMEWORKS[request.param]({**options, "logger": False}) as (auth, python):
            auth.migrate()
            yield node, python, auth
            auth.close()


def send(base: str, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    answer = whole(base, method, path, body, token)
    return answer.status, json.loads(answer.text)


def whole(base: str, method: str, path: str, body: Any = None, token: str = "") -> Answer:
    headers = {"content-type": "application/json"} if body is not None else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    return exchange(base, method, path, headers, None if body is None else json.dumps(body).encode())


def test_one_system(both: tuple[str, str, Any]) -> None:
    """Registered in one, logged in from the other, refreshed in the first, revoked in the second and refused in the
    first; then the other way round."""
    for number, (here, there) in enumerate([both[:2], both[1::-1]]):
        name = f"rizz{number}"
        assert send(here, "POST", "/auth/register", user(name))[0] == 201
        status, body = send(there, "POST", "/auth/login", {"identifier": name, "password": PASSWORD})
        assert status == 200
        status, body = send(here, "POST", "/auth/refresh", {"refreshToken": body["data"]["refreshToken"]})
        assert status == 200
        token, refresh = body["data"]["accessToken"], body["data"]["refreshToken"]
        for base in (here, there):
            status, seen = send(base, "GET", "/protected", token=token)
            assert (status, seen["roles"]) == (200, [])
        assert send(there, "POST", "/auth/logout-all", {}, token)[0] == 200
        assert send(here, "GET", "/protected", token=token)[0] == 401
        assert send(here, "POST", "/auth/refresh", {"refreshToken": refresh})[0] == 401


def test_one_key_that_both_publish_and_rotate(both: tuple[str, str, Any]) -> None:
    node, python, auth = both
    first = send(node, "GET", "/auth/keys")[1]
    assert send(python, "GET", "/auth/keys")[1] == first
    id = auth.register(**user("rizz"))["user"]["id"]
    token = auth.create_session(id)["access_token"]
    assert send(node, "GET", "/protected", token=token)[0] == 200
    rotated = send(node, "POST", "/rotate")[1]["kid"]
    assert rotated in [key["kid"] for key in auth.list_keys()]
    assert send(python, "GET", "/protected", token=token)[0] == 200
    assert auth.verify_access_token(token).id == id
    with pytest.raises(SentriError):
        auth.verify_access_token(token[:-4] + "AAAA")


#: The frameworks of Node's applications, each with the one of the Python server whose keys it trusts.
NODE_CLIENTS = {
    "express": "FastAPI",
    "fastify": "Flask",
    "hono": "Django",
    "koa": "Django, asynchronous",
    "elysia": "FastAPI",
}


def test_a_python_server_with_node_clients() -> None:
    """Python serves the endpoints by every framework over one database, Node the application, which no secret reaches.
    Nobody is refused while the keys rotate."""
    with ExitStack() as stack:
        options = {**OPTIONS, "db": stack.enter_context(postgres()), "issuer": "https://auth.example", "logger": False}
        servers = {name: stack.enter_context(serve(options)) for name, serve in FRAMEWORKS.items()}
        for auth, _ in servers.values():
            stack.callback(auth.close)
        auth = servers["Flask"][0]
        auth.migrate()
        for name, roles in (("rizz", ["user"]), ("boss", ["admin"])):
            assert auth.register(**user(name, roles=roles))["success"]
        apps = {
            node: (servers[python][1], stack.enter_context(node_application(node, f"{servers[python][1]}/auth/keys")))
            for node, python in NODE_CLIENTS.items()
        }
        before = {node: login(server, "rizz") for node, (server, _) in apps.items()}
        for node, (server, app) in apps.items():
            token = before[node]
            id = auth.verify_access_token(token).id
            assert send(app, "GET", "/protected", token=token) == (200, {"id": id, "roles": ["user"]}), node
            assert send(app, "GET", "/admin", token=token)[0] == 403
            assert send(app, "GET", "/admin", token=login(server, "boss"))[0] == 200
            for wrong in (forged(token), "a.b.c", auth.sign_refresh_token(auth.verify_access_token(token).session_id)):
                status, body = send(app, "GET", "/protected", token=wrong)
                assert (status, body["code"]) == (401, "TOKEN_INVALID"), node
            assert send(app, "GET", "/protected")[0] == 401
        rotated = auth.rotate_keys()["kid"]
        until, new = time.monotonic() + 60, set[str]()
        while new != set(apps):
            assert time.monotonic() < until, f"the new key signs at {new} alone"
            time.sleep(1)
            for node, (server, app) in apps.items():
                after = login(server, "rizz")
                if jwt.get_unverified_header(after)["kid"] == rotated:
                    new.add(node)
                for token in (before[node], after):
                    assert send(app, "GET", "/protected", token=token)[0] == 200, node
        assert all(jwt.get_unverified_header(token)["kid"] != rotated for token in before.values())


def login(base: str, name: str) -> str:
    status, body = send(base, "POST", "/auth/login", {"identifier": name, "password": PASSWORD})
    assert status == 200
    token: str = body["data"]["accessToken"]
    return token


#: What differs from answer to answer in ids, tokens and instants.
OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}|eyJ[\w.-]+|\d{4}-\d\d-\d\dT[\d:.]+Z")

SAME = [
    ("POST", "/auth/register", {"identifiers": []}),
    ("POST", "/auth/register", {"identifiers": [{"type": "email", "value": "a@b.c"}], "password": "correct horse 1"}),
    ("POST", "/auth/login", {"identifier": "nobody", "password": PASSWORD}),
    ("POST", "/auth/login", {"identifier": 7}),
    ("POST", "/auth/login", {"identifier": "A@B.C", "password": "correct horse 1"}),
    ("POST", "/auth/refresh", {}),
    ("POST", "/auth/logout", {}),
    ("GET", "/auth/me", None),
    ("GET", "/auth/users", None),
    ("GET", "/auth/keys", None),
    ("PATCH", "/auth/me/password", {}),
    ("GET", "/protected", None),
]


def test_the_same_bytes_as_express(both: tuple[str, str, Any]) -> None:
    """Status, body and the core's headers, ids, tokens and instants aside."""
    node, python, auth = both
    for method, path, body in SAME:
        answers = []
        for base in (node, python):
            answer = whole(base, method, path, body)
            ours = (
                "content-type",
                "www-authenticate",
                "cache-control",
                "retry-after",
                "set-cookie",
                "ratelimit",
                "ratelimit-policy",
            )
            headers = sorted((name.lower(), value) for name, value in answer.headers if name.lower() in ours)
            answers.append((answer.status, OWN.sub("*", answer.text), OWN.sub("*", str(headers))))
            if answer.status == 201:
                auth.delete_user(json.loads(answer.text)["data"]["user"]["id"])
                if base == python:
                    auth.register(identifiers=body["identifiers"], password=body["password"])
        assert answers[0] == answers[1], f"{method} {path}"
