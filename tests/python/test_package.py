"""The package by itself: options, errors, logging, memory, tokens and passwords alone."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any

import jwt
import pytest
import sentri
from sentri import BlockingAuthServer, SentriError, native
from sentri.cache import Generations
from sentri.flask import AuthServer as FlaskServer
from sentri.requests import guard_request
from sentri.testing import Clock
from support.servers import PASSWORD, login, options, user

SECRET = "a secret of at least thirty-two bytes, for tests"
PEM = (Path(__file__).parents[1] / "core/token/keys/rsa-pkcs8.pem").read_text()


def test_durations_are_texts_or_timedeltas() -> None:
    for given in ("90s", "1.5m", timedelta(seconds=90), 90):
        clock = Clock(datetime(2026, 1, 1, tzinfo=timezone.utc))
        auth = BlockingAuthServer(**options(access_expires_in=given, clock=clock))
        claims = jwt.decode(auth.sign_access_token("u1"), options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 90
        assert claims["iat"] == 1_767_225_600


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"acess_expires_in": "15m"}, "did you mean access_expires_in?"),
        ({"access_expires_in": "900"}, "access_expires_in is ambiguous"),
        ({"rate_limit": {"max_login_attempts": 0}}, "rate_limit"),
        ({"valid_roles": []}, "valid_roles"),
        ({"db": None}, "db is missing"),
        ({"hooks": {"on_login": 3}}, "on_login"),
        ({"is_token_revoked": "yes"}, "is_token_revoked must be a function"),
        ({"logger": object()}, "logger"),
        ({"secret": ""}, "secret"),
        ({"rate_limit": {"max_logins": 3}}, "rate_limit.max_logins is not an option"),
        ({"cookie": {"same_sit": "lax"}}, "did you mean cookie.same_site?"),
        ({"access_cookie": {"nam": "x"}}, "did you mean access_cookie.name?"),
        ({"password": {"min_len": 10}}, "did you mean password.min_length?"),
        ({"hooks": [print]}, "hooks must be an object"),
        ({"hooks": {"on_logn": print}}, "hooks.on_logn is not an option: did you mean hooks.on_login?"),
        ({"clock": 5}, "clock must be a sentri.testing.Clock"),
    ],
)
def test_a_wrong_option_is_named_as_it_is_spelt_here(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(SentriError) as caught:
        BlockingAuthServer(**options(**wrong))
    assert caught.value.code == "CONFIGURATION_ERROR" and caught.value.status_code == 500
    assert says in str(caught.value)


def test_what_keeps_a_database_away_is_the_cause(tmp_path: Path) -> None:
    with pytest.raises(SentriError) as caught:
        BlockingAuthServer(**options(db=f"sqlite:{tmp_path}/nowhere/sentri.db")).migrate()
    assert caught.value.code == "SERVICE_UNAVAILABLE" and "does not exist; create it" in str(caught.value.__cause__)
    auth = BlockingAuthServer(**options())
    auth.migrate()
    auth.close()
    with pytest.raises(SentriError) as caught:
        auth.find_user("rizz")
    assert "close() was called" in str(caught.value.__cause__)


def test_text_that_is_no_unicode_is_refused() -> None:
    auth = BlockingAuthServer(**options())
    for call in (
        lambda: auth.find_user("\ud800"),
        lambda: sentri.hash_password("\ud800"),
        lambda: sentri.verify_password("x", None),
    ):  # type: ignore[arg-type]
        with pytest.raises(SentriError, match="well-formed Unicode") as caught:
            call()
        assert caught.value.code == "VALIDATION_ERROR"


def test_roles_may_be_an_enum_and_a_database_a_path(tmp_path: Path) -> None:
    class Role(str, Enum):
        user = "user"
        admin = "admin"

    auth = BlockingAuthServer(**options(valid_roles=list(Role), db={"filename": tmp_path / "sentri.db"}))
    auth.migrate()
    assert auth.register(**user("rizz", roles=[Role.admin]))["user"]["roles"] == ["admin"]
    auth.close()


def test_an_error_of_ones_own() -> None:
    class NotFound(SentriError):
        def __init__(self, what: str) -> None:
            super().__init__("NOT_FOUND", f"{what} not found", 404)

    response = BlockingAuthServer(**options()).error_response(NotFound("Item"))
    assert (response.status, json.loads(response.body)["message"]) == (404, "Item not found")
    assert SentriError("RATE_LIMIT_EXCEEDED").status_code == 429


def test_events_go_to_logging_as_extra(caplog: pytest.LogCaptureFixture) -> None:
    auth = BlockingAuthServer(**options(logger_service="door"))
    auth.migrate()
    with caplog.at_level(logging.INFO, "door"):
        auth.handle(
            {"method": "POST", "path": "/login", "headers": [], "requestId": "r1"},
            b'{"identifier":"x","password":"wrong horse"}',
        )
    (record,) = [one for one in caplog.records if one.name == "door"]
    assert (record.message, record.levelname) == ("auth.login.failure", "WARNING")
    assert (record.errorCode, record.requestId, record.service) == ("INVALID_CREDENTIALS", "r1", "door")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["warning", "warn"])
def test_a_logger_of_ones_own_has_either_name_for_warnings(name: str) -> None:
    class Logger:
        def __init__(self) -> None:
            self.seen: list[tuple[str, str]] = []
            for method in ("info", name, "error"):
                setattr(self, method, lambda entry, method=method: self.seen.append((method, entry["event"])))

    logger = Logger()
    auth = BlockingAuthServer(**options(logger=logger))
    auth.migrate()
    assert auth.register(**user("rizz"))["success"]
    assert [auth.handle(*login("rizz", password)).status for password in ("wrong horse 1", PASSWORD)] == [401, 200]
    registered = ("info", "auth.register.success")
    assert logger.seen == [registered, (name, "auth.login.failure"), ("info", "auth.login.success")]
    auth.close()
    with pytest.raises(SentriError, match="logger must have the methods"):
        BlockingAuthServer(**options(logger=type("Only", (), {name: print})()))


def test_no_field_of_an_event_collides_with_a_log_record() -> None:
    taken = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    fields = {field for _, names in sentri.SENTRI_EVENTS.values() for field in names} | {
        "service",
        "event",
        "requestId",
    }
    assert not fields & taken


def test_verified_tokens_are_remembered_within_bounds_and_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(1_767_225_600_000)
    auth = BlockingAuthServer(**options(clock=clock))
    token = auth.sign_access_token("u1", ["user"], "s1")
    first = auth.verify_access_token(token)
    assert auth.verify_access_token(token) is first
    with pytest.raises(FrozenInstanceError):
        first.id = "u2"  # type: ignore[misc]
    clock.advance(timedelta(minutes=15))
    with pytest.raises(SentriError, match="expired"):
        auth.verify_access_token(token)
    memory: Generations[int] = Generations(100)
    for number in range(10_000):
        memory.set(str(number), number)
        assert len(memory) <= 200
    assert memory.get("9999") == 9999 and memory.get("1") is None


def test_the_end_of_a_disabling_is_a_text_or_a_datetime_with_a_zone() -> None:
    auth = BlockingAuthServer(**options())
    auth.migrate()
    user_id = auth.register(**user("rizz"))["user"]["id"]
    end = datetime(2099, 12, 24, 19, 0, tzinfo=timezone(timedelta(hours=1)))
    for until in (end, end.isoformat(), "2099-12-24T18:00:00.000Z"):
        disabled = auth.disable_user(user_id, until=until)["disabled"]
        assert disabled["until"] == "2099-12-24T18:00:00.000Z" and "reason" not in disabled
    for wrong in (datetime(2099, 12, 24), datetime(2020, 1, 1, tzinfo=timezone.utc), "tomorrow"):
        with pytest.raises(SentriError, match="until"):
            auth.disable_user(user_id, until=wrong)
    assert "disabled" not in auth.enable_user(user_id)
    auth.close()


def test_what_was_verified_under_another_epoch_is_verified_anew() -> None:
    auth = BlockingAuthServer(**options())
    auth.migrate()
    session = auth.create_session(auth.register(**user("rizz"))["user"]["id"])
    token = auth.sign_access_token("u1", ["user"])
    first = auth.verify_access_token(token)
    assert auth.verify_access_token(token) is first
    auth.revoke_session(session["session_id"])
    time.sleep(0.15)  # the epoch is asked for every 100 ms
    second = auth.verify_access_token(token)
    assert second == first and second is not first
    assert auth.verify_access_token(token) is second
    auth.close()


def test_of_the_ways_to_write_a_token_one_is_remembered() -> None:
    auth = BlockingAuthServer(**options())
    auth.migrate()
    user_id = auth.register(**user("rizz"))["user"]["id"]
    token = auth.create_session(user_id)["access_token"]
    long = auth.sign_access_token(user_id, ["x" * 64] * 60)

    def is_remembered(authorization: str) -> bool:
        first, second = (auth.guard_blocking({"method": "GET", "authorization": authorization}) for _ in range(2))
        assert second.admit()[0].id == user_id
        return first is second

    assert is_remembered(f"Bearer {token}")
    for other in (
        f"Bearer  {token}",
        f"Bearer{' ' * 14_000}{token}",
        f"bearer {token}",
        f"Bearer {token} ",
        f"Bearer {long}",
    ):
        assert not is_remembered(other), other[:30]
    auth.close()


def test_a_role_with_a_space_in_it_is_not_two_roles() -> None:
    check = BlockingAuthServer(**options(logger=False)).role_check(["admin"])
    for roles, refused in ((("billing", "admin"), False), (("billing admin",), True), (("billing", "admin"), False)):
        assert (check(sentri.User("rizz", roles), None) is not None) is refused, roles


def test_of_repeated_headers_the_first_counts() -> None:
    names = {name: name for name in ("authorization", "origin", "host", "upgrade")} | {"sec-fetch-site": "secFetchSite"}
    seen = guard_request("GET", [(name, value) for name in (*names, "cookie") for value in ("a=1", "b=2")])
    assert seen == {"method": "GET", "cookie": "a=1; b=2", **dict.fromkeys(names.values(), "a=1")}


def test_production_takes_no_clock_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    for more in ({"production": True}, {}):
        with pytest.raises(SentriError, match="clock must not be used in production") as caught:
            BlockingAuthServer(**options(clock=Clock(), **more))
        assert caught.value.code == "CONFIGURATION_ERROR"
        monkeypatch.setenv("SENTRI_ENV", "production")
    assert BlockingAuthServer(**options(secret=SECRET * 2))


@pytest.mark.parametrize("token", ["", "a.b.c", "\ud800.x.y", "\x00", "ey" * 9_000, 7, None])
def test_anything_is_a_token_or_is_refused(token: Any) -> None:
    auth = BlockingAuthServer(**options())
    for verify in (auth.verify_access_token, auth.verify_refresh_token):
        with pytest.raises(SentriError) as caught:
            verify(token)
        assert caught.value.code == "TOKEN_INVALID"


class Role(Enum):
    user = "user"


@pytest.mark.parametrize(
    ("id", "roles", "session_id", "wanted"),
    [
        ("u1", ["user"], "s1", {"id": "u1", "roles": ["user"], "sessionId": "s1"}),
        ("u1", (role for role in ["user"]), None, {"id": "u1", "roles": ["user"]}),
        ("u1", [], None, {"id": "u1", "roles": []}),
        ("r\u00edzz", ["a\x1fb"], "s\x1f", {"id": "r\u00edzz", "roles": ["a\x1fb"], "sessionId": "s\x1f"}),
        ("u1", [Role.user], "s1", {"id": "u1", "roles": ["user"], "sessionId": "s1"}),
        ("", [], None, "id must not be empty"),
        (7, [], None, "id must be a string"),
        ("u1", [], "", "sessionId must not be empty"),
        ("u1", "user", None, "roles must be a list of strings"),
        ("u1", [7], None, "roles must be a list of strings"),
    ],
)
def test_whatever_is_signed(id: Any, roles: Any, session_id: Any, wanted: Any) -> None:
    """Claims cross in one of two forms; no difference is seen."""
    auth = BlockingAuthServer(**options())
    if isinstance(wanted, str):
        with pytest.raises(SentriError, match=wanted) as caught:
            auth.sign_access_token(id, roles, session_id)
        assert caught.value.code == "VALIDATION_ERROR"
    else:
        claims = jwt.decode(auth.sign_access_token(id, roles, session_id), options={"verify_signature": False})
        assert {name: value for name, value in claims.items() if name not in ("iat", "exp")} == wanted


def test_a_secret_is_text_or_bytes_and_nothing_else() -> None:
    token = sentri.sign_access_token("u1", secret=SECRET.encode())
    assert sentri.verify_access_token(token, secret=SECRET).id == "u1"
    assert sentri.public_jwks(secret=PEM.encode()) == sentri.public_jwks(secret=PEM)
    random = bytes(range(128, 192))
    auth = BlockingAuthServer(**options(secret=random))
    assert jwt.decode(auth.sign_access_token("u1"), random, algorithms=["HS256"])["id"] == "u1"
    for wrong in (object(), lambda: SECRET, 7, {"kty": "RSA"}, ["x"]):
        with pytest.raises(SentriError, match="secret must be a string"):
            sentri.sign_access_token("u1", secret=wrong)  # type: ignore[arg-type]
        with pytest.raises(SentriError, match="secret must be a string"):
            BlockingAuthServer(**options(secret=wrong))
    with pytest.raises(SentriError, match="issuer must be a string"):
        BlockingAuthServer(**options(issuer=b"https://auth.example.com"))


def test_a_set_of_keys_as_it_was_sent() -> None:
    keys = json.dumps(sentri.public_jwks(secret=PEM))
    assert sentri.verify_access_token(sentri.sign_access_token("u1", secret=PEM), jwks=keys).id == "u1"
    # Once it is read, nobody sees any more that a name stood twice.
    with pytest.raises(SentriError, match="a name stands twice"):
        sentri.verify_access_token("x", jwks='{"keys":[],' + keys[1:])


def test_tokens_alone() -> None:
    token = sentri.sign_access_token("u1", ["user"], "s1", secret=SECRET, expires_in=timedelta(minutes=5), issuer="me")
    assert jwt.decode(token, SECRET, algorithms=["HS256"], issuer="me")["sessionId"] == "s1"
    access = sentri.verify_access_token(token, secret=SECRET, issuer="me")
    assert (access.id, access.roles, access.session_id) == ("u1", ("user",), "s1")
    for wrong in ({"secret": SECRET + "x"}, {"secret": SECRET, "issuer": "you"}, {"secret": SECRET, "audience": "me"}):
        with pytest.raises(SentriError, match="invalid"):
            sentri.verify_access_token(token, **wrong)  # type: ignore[arg-type]
    with pytest.raises(SentriError, match="invalid"):
        sentri.verify_refresh_token(token, secret=SECRET)


def test_key_sets_alone() -> None:
    keys = sentri.public_jwks(secret=PEM)
    assert keys["keys"][0]["alg"] == "RS256" and "d" not in keys["keys"][0]
    token = sentri.sign_access_token("u1", secret=PEM)
    assert sentri.verify_access_token(token, jwks=keys).id == "u1"
    assert sentri.public_jwks(secret=SECRET) == {"keys": []}
    shared = sentri.sign_access_token("u1", secret=SECRET)
    with pytest.raises(SentriError, match="invalid"):
        sentri.verify_access_token(shared, jwks=keys)
    with pytest.raises(SentriError, match="algorithms must be asymmetric"):
        sentri.verify_access_token(shared, jwks=keys, algorithms=["HS256"])
    with pytest.raises(SentriError, match="shared secret"):
        sentri.verify_access_token(
            shared, jwks={"keys": [{"kty": "oct", "k": "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"}]}
        )


def test_passwords_alone() -> None:
    hash = sentri.hash_password("correct horse", salt_rounds=10)
    assert hash.startswith("$2b$10$") and sentri.verify_password("correct horse", hash)
    assert not sentri.verify_password("wrong horse", hash) and not sentri.verify_password("correct horse", "rubbish")
    assert sentri.hash_password("correct horse", algorithm="argon2id").startswith("$argon2id$")
    with pytest.raises(SentriError, match="72"):
        sentri.hash_password("x" * 73, salt_rounds=10)
    with pytest.raises(SentriError, match="at least 15 "):
        sentri.hash_password("short", min_length=15)
    with pytest.raises(SentriError, match="too well known"):
        sentri.hash_password("password", preset="nist", min_length=8)
    with pytest.raises(SentriError, match="salt_rounds must be at most 16"):
        sentri.hash_password("correct horse", salt_rounds=17)
    long = "x" * 4096
    assert sentri.verify_password(long, sentri.hash_password(long, algorithm="argon2id", max_length=4096))


def test_needs_rehash() -> None:
    """The table is in test_vectors.py."""
    hash = sentri.hash_password("correct horse", salt_rounds=10)
    assert sentri.needs_rehash(hash) and not sentri.needs_rehash(hash, salt_rounds=10)
    with pytest.raises(SentriError, match="salt_rounds") as caught:
        sentri.needs_rehash(hash, salt_rounds=3)
    assert caught.value.code == "CONFIGURATION_ERROR"


def test_what_only_frameworks_have_says_where_it_is() -> None:
    auth = BlockingAuthServer(**options())
    with pytest.raises(
        AttributeError, match="has no 'protect': import AuthServer from sentri.fastapi, sentri.flask or sentri.django"
    ):
        auth.protect()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="of sentri.flask has no 'install': import AuthServer from sentri.fastapi"):
        FlaskServer(**options()).install  # type: ignore[attr-defined]
    assert not hasattr(auth, "assign_role")


def test_what_is_exported_is_documented() -> None:
    for name in sentri.__all__:
        one = getattr(sentri, name)
        if callable(one):
            assert one.__doc__, name
    for method in (name for name in dir(BlockingAuthServer) if not name.startswith("_")):
        assert getattr(BlockingAuthServer, method).__doc__, method


def test_both_forms_have_the_same_calls() -> None:
    names = lambda one: {name for name in dir(one) if not name.startswith("_")}  # noqa: E731
    assert names(sentri.AuthServer) - {"blocking"} == names(BlockingAuthServer) - {"asynchronous"}


ODD: list[Any] = [
    None,
    0,
    -1,
    2**70,
    1.5,
    True,
    "",
    "\x00",
    "{",
    "[]",
    "null",
    "x" * 100_000,
    b"\xff",
    [],
    {},
    object(),
    '{"method":1}',
]


def test_no_argument_to_an_export_ends_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    """P48: the answer is a value or an exception, and the process lives."""
    made: list[Any] = [
        native.make_server("{}", [], None),
        native.make_server(json.dumps(GOOD), ["login", "isTokenRevoked"], None),
    ]
    made += [native.make_tokens("{}"), native.make_passwords("{}"), native.make_client("{}", ["isTokenRevoked"], None)]
    calls = raised = 0
    for one in made:
        for name in (name for name in dir(one) if not name.startswith("_")):
            for value in ODD:
                for count in (1, 2, 3, 4):
                    calls += 1
                    try:
                        getattr(one, name)(*[value] * count)
                    except Exception:
                        raised += 1
    for function in (native.epoch, native.verify_access_token):
        for value in ODD:
            calls += 1
            try:
                function(value, value) if function is native.verify_access_token else function(value)
            except Exception:
                raised += 1
    assert calls > 3_000 and 1_000 < raised < calls, (calls, raised)
    assert capfd.readouterr() == ("", "")


GOOD = {"mode": "server", "db": "sqlite::memory:", "validRoles": ["user"], "secret": SECRET, "saltRounds": 10}
