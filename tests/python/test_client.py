"""Client mode: a Python service behind a Node auth server, through a rotation of its keys and an outage."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any, Iterator

import pytest

from sentri import AuthClient, SentriError
from sentri.testing import Clock
from support.databases import postgres
from support.golden import exchange
from support.node import node_server
from support.servers import PASSWORD, options, user
from test_interop import send


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    """A Node auth server with keys of its own making."""
    with postgres() as db:
        own = {name: value for name, value in options(db=db).items() if name != "secret"}
        with node_server(own) as base:
            yield base


def tokens(node: str, name: str) -> str:
    send(node, "POST", "/auth/register", user(name))
    token: str = send(node, "POST", "/auth/login", {"identifier": name, "password": PASSWORD})[1]["data"]["accessToken"]
    return token


def client(node: str, **more: Any) -> AuthClient:
    return AuthClient(key_uri=f"{node}/auth/keys", **more)


def guarded(token: str) -> dict[str, str]:
    return {"method": "GET", "authorization": f"Bearer {token}"}


def test_a_token_of_the_node_server_passes_and_is_remembered(node: str) -> None:
    auth, token = client(node), tokens(node, "one")
    assert auth.guard_now(guarded(token)) is None, "the first token needs the keys"
    first = asyncio.run(auth.guard(guarded(token)))
    assert first.user is not None and first.auth is not None
    # The keys came meanwhile, so that one was of an older epoch.
    second = auth.guard_now(guarded(token))
    assert second == replace(first, epoch=second.epoch if second else 0)
    assert auth.guard_now(guarded(token)) is second
    assert auth.verify_access_token_blocking(token).id == first.user.id
    assert asyncio.run(auth.verify_access_token(token)).session_id == first.auth.session_id
    with pytest.raises(SentriError, match="invalid"):
        auth.verify_access_token_blocking(token[:-6] + "AAAAAA")
    assert auth.guard_blocking(guarded(token[:-6] + "AAAAAA")).user is None


def test_through_a_rotation_no_token_is_refused(node: str) -> None:
    clock = Clock()
    auth, before = client(node, clock=clock), tokens(node, "two")
    assert auth.guard_blocking(guarded(before)).user is not None
    send(node, "POST", "/rotate")
    # A key is published 35 s before its first token; the old one is until its last has expired.
    deadline = time.monotonic() + 60
    after = before
    while after.split(".")[0] == before.split(".")[0]:
        assert time.monotonic() < deadline, "the new key never signed"
        time.sleep(1)
        after = send(node, "POST", "/auth/login", {"identifier": "two", "password": PASSWORD})[1]["data"]["accessToken"]
    clock.advance(40_000)
    for token in (before, after):
        assert auth.guard_blocking(guarded(token)).user is not None


def test_refresh_tokens_and_shared_secrets_are_refused(node: str) -> None:
    auth = client(node)
    login = exchange(
        node, "POST", "/auth/login", {"content-type": "application/json"}, b'{"identifier":"one","password":"%s"}' % PASSWORD.encode()
    )
    refresh = next(value for name, value, _ in login.cookies() if name == "refresh_token")
    assert auth.guard_blocking(guarded(refresh)).user is None


def test_an_outage_is_a_503_that_recovers_by_itself(node: str) -> None:
    away = AuthClient(key_uri="http://127.0.0.1:9/keys")
    response = away.guard_blocking(guarded(tokens(node, "one")))
    assert response.error is not None and response.error["code"] == "SERVICE_UNAVAILABLE"
    assert response.error["retryAfter"] > 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "key_uri"),
        ({"key_uri": "http://example.com/keys"}, "key_uri"),
        ({"key_uri": "https://example.com/keys", "algorithms": ["HS256"]}, "algorithms"),
        ({"key_uri": "https://example.com/keys", "access_expires_in": "15m"}, "access_expires_in"),
    ],
)
def test_a_wrong_option_is_named(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(SentriError) as caught:
        AuthClient(**wrong)
    assert caught.value.code == "CONFIGURATION_ERROR" and says in caught.value.message


def test_roles_and_revocation(node: str) -> None:
    revoked: list[str] = []
    auth, token = client(node, is_token_revoked=lambda session: session in revoked), tokens(node, "one")
    found = auth.guard_blocking(guarded(token))
    assert found.user is not None and found.auth is not None
    assert auth.role_check(["admin"])(found.user, None) is not None
    revoked.append(str(found.auth.session_id))
    assert auth.guard_blocking(guarded(token)).user is None
