"""Node and Python over one PostgreSQL: one set of users, sessions, keys and tokens."""

from __future__ import annotations

import json
import re
from typing import Any, Iterator

import pytest

from sentri import SentriError
from support.apps import FRAMEWORKS
from support.databases import postgres
from support.golden import Answer, exchange
from support.node import node_server
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
            ours = ("content-type", "www-authenticate", "cache-control", "retry-after", "set-cookie", "ratelimit", "ratelimit-policy")
            headers = sorted((name.lower(), value) for name, value in answer.headers if name.lower() in ours)
            answers.append((answer.status, OWN.sub("*", answer.text), OWN.sub("*", str(headers))))
            if answer.status == 201:
                auth.delete_user(json.loads(answer.text)["data"]["user"]["id"])
                if base == python:
                    auth.register(identifiers=body["identifiers"], password=body["password"])
        assert answers[0] == answers[1], f"{method} {path}"
