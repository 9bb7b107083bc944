"""Client mode: a Python service behind a Node auth server, through a rotation of its keys and an outage, by itself and
by every framework. test_client_keys.py has the key set in time."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Optional

import jwt
import pytest
import sentri
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sentri import AuthClient, SentriError
from support.apps import CLIENTS
from support.databases import postgres
from support.golden import Answer, exchange
from support.keys import Key, serve_keys
from support.node import node_server
from support.servers import PASSWORD, options, user
from test_interop import send

API_KEY = "the key of the tests of clients"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    """A Node auth server with keys of its own making."""
    with postgres() as db:
        own = {name: value for name, value in options(db=db, api_key=API_KEY).items() if name != "secret"}
        with node_server(own) as base:
            yield base


def tokens(node: str, name: str, *roles: str) -> str:
    """An access token of the user with a name, who is registered if nobody is."""
    body = json.dumps(user(name, roles=roles)).encode()
    assert exchange(node, "POST", "/auth/register", {**JSON, "x-api-key": API_KEY}, body).status in (201, 409)
    token: str = json.loads(login(node, name).text)["data"]["accessToken"]
    return token


def login(node: str, name: str) -> Answer:
    return exchange(node, "POST", "/auth/login", JSON, json.dumps({"identifier": name, "password": PASSWORD}).encode())


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
    assert second is not None and second.since >= first.since
    assert second == replace(first, epoch=second.epoch, since=second.since)
    assert auth.guard_now(guarded(token)) is second
    assert auth.verify_access_token_blocking(token).id == first.user.id
    assert asyncio.run(auth.verify_access_token(token)).session_id == first.auth.session_id
    with pytest.raises(SentriError, match="invalid"):
        auth.verify_access_token_blocking(token[:-6] + "AAAAAA")
    assert auth.guard_blocking(guarded(token[:-6] + "AAAAAA")).user is None


def test_through_a_rotation_no_token_is_refused(node: str) -> None:
    """And the new key is known half a minute after its publication, before the first token of it is there: a key is
    published 35 s early, and the old one for as long as its last token lives."""
    auth, before = client(node, logger=False), tokens(node, "two")
    assert auth.guard_blocking(guarded(before)).user is not None
    epoch = epoch_of(auth)
    send(node, "POST", "/rotate")
    rotated, known, after = time.monotonic(), None, before
    while after.split(".")[0] == before.split(".")[0]:
        assert time.monotonic() < rotated + 60, "the new key never signed"
        time.sleep(1)
        # Anybody may send a token of a key that is in no set. It is refused, and makes the client look again when it
        # may.
        stranger = auth.guard_blocking(guarded(Key("stranger").token(int(time.time() * 1_000))))
        assert stranger.error is not None and stranger.error["code"] == "TOKEN_INVALID"
        if known is None and epoch_of(auth) != epoch:
            known = time.monotonic()
        after = tokens(node, "two")
        for token in (before, after):
            assert auth.guard_blocking(guarded(token)).user is not None
    assert known is not None and known - rotated < 32, (
        "half a minute, the second between two looks, and one for the machine"
    )


def epoch_of(auth: AuthClient) -> int:
    """It grows with every change of the key set."""
    nobody = auth.guard_now({"method": "GET"})
    assert nobody is not None
    return nobody.epoch


def refresh_token(node: str, name: str) -> str:
    return next(value for cookie, value, _ in login(node, name).cookies() if cookie == "refresh_token")


def test_refresh_tokens_and_shared_secrets_are_refused(node: str) -> None:
    auth, token = client(node), tokens(node, "one")
    shared = sentri.sign_access_token("u1", ["user"], "s1", secret="a secret of at least thirty-two bytes, for tests")
    for wrong in (refresh_token(node, "one"), shared, of_the_public_key(node, token)):
        refused = auth.guard_blocking(guarded(wrong))
        assert refused.error is not None and refused.error["code"] == "TOKEN_INVALID"
    assert auth.guard_blocking(guarded(token)).user is not None


def of_the_public_key(node: str, token: str) -> str:
    """The claims of a token, signed with the public key as if that were a shared secret."""
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = [one for one in send(node, "GET", "/auth/keys")[1]["keys"] if one["kid"] == kid]
    pem = jwt.PyJWK(key).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode()
    signed = f"{jwt.utils.base64url_encode(header).decode()}.{token.split('.')[1]}"
    return f"{signed}.{jwt.utils.base64url_encode(hmac.digest(pem, signed.encode(), 'sha256')).decode()}"


# --- by the frameworks --------------------------------------------------------------------------------------------


@pytest.fixture(params=CLIENTS)
def app(request: pytest.FixtureRequest, node: str) -> Iterator[str]:
    """An application that knows the Node server's public keys and nothing else."""
    with CLIENTS[request.param](
        {"key_uri": f"{node}/auth/keys", "valid_roles": ["user", "admin", "editor"], "logger": False}
    ) as base:
        yield base


def get(base: str, path: str, token: Optional[str] = None, **headers: str) -> Answer:
    return exchange(base, "GET", path, {**({} if token is None else {"authorization": f"Bearer {token}"}), **headers})


def is_refused(answer: Answer, status: int, code: str) -> None:
    """In the envelope, with what belongs to it."""
    body = json.loads(answer.text)
    assert (answer.status, body["code"]) == (status, code)
    assert (
        list(body) == ["error", "statusCode", "code", "message", "data"]
        and body["error"] is True
        and body["data"] is None
    )
    assert answer.header("www-authenticate") == ("Bearer" if status == 401 else None)
    assert (answer.header("retry-after") is not None) == (status == 503)
    assert answer.header("content-type") == "application/json; charset=utf-8"


def test_a_token_of_the_node_server_opens_a_route(node: str, app: str) -> None:
    for roles in ([], ["user"], ["admin"]):
        token = tokens(node, f"three{''.join(roles)}", *roles)
        me = send(node, "GET", "/auth/me", token=token)[1]["data"]
        for _ in range(2):
            answer = get(app, "/protected", token)
            assert (answer.status, json.loads(answer.text)) == (200, {"id": me["id"], "roles": roles})
        # By its cookie, too.
        assert get(app, "/protected", cookie=f"access_token={token}").status == 200
        for path in ("/admin-only", "/editors"):
            answer = get(app, path, token)
            if roles == ["admin"]:
                assert (answer.status, json.loads(answer.text)["id"]) == (200, me["id"])
            else:
                is_refused(answer, 403, "FORBIDDEN")


def test_what_is_no_access_token_opens_none(node: str, app: str) -> None:
    token = tokens(node, "one")
    forged = f"{token[:-6]}AAAAAA"
    stranger = Key("stranger").token(int(time.time() * 1_000))
    for wrong in (refresh_token(node, "one"), forged, of_the_public_key(node, token), stranger, "a.b.c"):
        is_refused(get(app, "/protected", wrong), 401, "TOKEN_INVALID")
    for path in ("/protected", "/admin-only", "/unguarded-admin", "/unguarded-editors"):
        is_refused(get(app, path), 401, "UNAUTHORIZED")
    # Bad, with no fallback to the cookie.
    is_refused(get(app, "/protected", forged, cookie=f"access_token={token}"), 401, "TOKEN_INVALID")


@pytest.mark.parametrize("serve", CLIENTS.values(), ids=CLIENTS)
def test_an_auth_server_that_is_away_is_a_503(serve: Any, node: str) -> None:
    token = tokens(node, "one")
    with serve(
        {"key_uri": "http://127.0.0.1:9/keys", "valid_roles": ["user", "admin", "editor"], "logger": False}
    ) as base:
        is_refused(get(base, "/protected", token), 503, "SERVICE_UNAVAILABLE")
        is_refused(get(base, "/protected"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("serve", CLIENTS.values(), ids=CLIENTS)
def test_a_framework_asks_about_revocation(serve: Any, node: str) -> None:
    revoked: list[str] = []

    async def is_token_revoked(session: str) -> bool:
        return session in revoked

    token = tokens(node, "one")
    session = sentri.AuthClient(key_uri=f"{node}/auth/keys").verify_access_token_blocking(token).session_id
    own = {
        "key_uri": f"{node}/auth/keys",
        "valid_roles": ["user", "admin", "editor"],
        "is_token_revoked": is_token_revoked,
    }
    with serve({**own, "logger": False}) as base:
        assert get(base, "/protected", token).status == 200
        revoked.append(str(session))
        is_refused(get(base, "/protected", token), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("serve", CLIENTS.values(), ids=CLIENTS)
def test_roles_that_wait_for_a_second_factor(serve: Any) -> None:
    """P68: by the token alone."""
    key, now = Key("one"), int(time.time() * 1_000)
    weak = key.token(now, roles=["user"], withheld=["admin"], acr="aal1", amr=["pwd"])
    strong = key.token(now, roles=["user", "admin"], acr="aal2", amr=["pwd", "otp"])
    with serve_keys(key) as uri, serve({"key_uri": uri, "valid_roles": ["user", "admin", "editor"]}) as base:
        # The second time by what is remembered.
        for _ in range(2):
            assert json.loads(get(base, "/protected", weak).text)["roles"] == ["user"]
            for path in ("/admin-only", "/editors"):
                refused = get(base, path, weak)
                body = json.loads(refused.text)
                assert (refused.status, body["code"], body["data"]) == (401, "STEP_UP_REQUIRED", {"acr": "aal2"})
                challenge = 'Bearer error="insufficient_user_authentication", acr_values="aal2"'
                assert refused.header("www-authenticate") == challenge
                assert get(base, path, strong).status == 200


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
