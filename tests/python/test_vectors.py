"""The tables of tests/vectors that have a way in from Python. The rest (client-ip, cookie, limit, origin) are inner rules of
the core: the golden conversations show that they hold here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jwt
import pytest

from sentri import BlockingAuthServer, SentriError, verify_password
from sentri.errors import unwrap
from sentri.names import snake
from sentri.native import make_tokens
from sentri.testing import Clock
from support.servers import options, user

FOLDER = Path(__file__).parents[1] / "vectors"
START = 1_767_225_600_000


def table(name: str) -> list[Any]:
    cases = json.loads((FOLDER / f"{name}.json").read_text())
    return [pytest.param(case["given"], case["expect"], id=case["id"]) for case in cases]


def outcome(run: Any) -> Any:
    """What a call came to, as the tables say it."""
    try:
        return run()
    except SentriError as error:
        return {"error": error.code}


def is_public(given: dict[str, Any]) -> bool:
    return all(key["kty"] != "oct" for key in given["keys"]) and not any(name.startswith("HS") for name in given.get("algorithms", []))


@pytest.mark.parametrize(("given", "expect"), [case for case in table("jws") if is_public(case.values[0])])
def test_jws(given: dict[str, Any], expect: dict[str, Any]) -> None:
    if "payload" in expect or "raw" in expect:
        # Not an access token: a good signature is not enough.
        expect = {"error": "TOKEN_INVALID"}
    rules = given.get("rules", {})
    configured = {"jwks": {"keys": given["keys"]}, "algorithms": given["algorithms"]}
    configured |= {name: rules[name] for name in ("issuer", "audience") if rules.get(name) is not None}
    if rules.get("leewaySeconds"):
        configured["clockTolerance"] = rules["leewaySeconds"]
    tokens = make_tokens(json.dumps(configured))
    unwrap(tokens.configuration())
    token = given["token"].encode("utf-8", "replace").decode()
    found = outcome(lambda: unwrap(tokens.verify_access(token, given["now"])))
    if "claims" not in expect:
        assert found == expect
    else:
        claims = expect["claims"]
        wanted = {"id": claims["id"], "roles": claims["roles"], "sessionId": claims.get("sessionId"), "exp": claims["exp"]}
        assert found == wanted


@pytest.mark.parametrize(("given", "expect"), [case for case in table("jwks") if case.values[0].get("remote") and "set" in case.values[0]])
def test_jwks(given: dict[str, Any], expect: dict[str, Any]) -> None:
    read = outcome(lambda: unwrap(make_tokens(json.dumps({"jwks": given["set"]})).configuration()))
    assert read == ({"error": expect["error"]} if "error" in expect else None)


@pytest.mark.parametrize(("given", "expect"), table("refresh"))
def test_refresh(given: dict[str, Any], expect: dict[str, Any]) -> None:
    tokens = make_tokens(json.dumps({"secret": given["secret"]}))
    verify = tokens.verify_access if given["kind"] == "access" else tokens.verify_refresh
    found = outcome(lambda: unwrap(verify(given["token"], given["now"])))
    if "claims" in expect and given["kind"] == "access":
        assert {**expect["claims"], **found} == {**found, **expect["claims"]}
    else:
        assert found == expect.get("claims", expect)


def fits(expect: Any, found: Any) -> bool:
    """Whether a value is the one of a table, or an error has its words; options are spelt as they are here."""
    if not isinstance(expect, dict):
        return bool(found == expect)
    return isinstance(found, str) and (expect["error"] in found or options_spelt(expect["error"]) in found)


def options_spelt(text: str) -> str:
    return re.sub(r"\b[a-z]+(?:[A-Z][a-z]*)+\b", lambda found: snake(found[0]), text)


def said(run: Any) -> Any:
    """What a call came to, an error as its code and message."""
    try:
        return run()
    except SentriError as error:
        return f"{error.code}: {error.message}"


@pytest.mark.parametrize(("given", "expect"), [case for case in table("duration") if case.values[0] is not None])
def test_duration(given: Any, expect: Any) -> None:
    def expiry() -> int:
        # A short one is not long enough for a token.
        name = "access_expires_in" if isinstance(expect, dict) or expect >= 1_000 else "refresh_grace"
        auth = BlockingAuthServer(**options(**{name: given, "clock": Clock(START), "refresh_expires_in": "90y", "session_max_age": "95y"}))
        exp: int = jwt.decode(auth.sign_access_token("u1"), options={"verify_signature": False})["exp"]
        return exp if name == "access_expires_in" else (START + expect) // 1_000

    assert fits(expect if isinstance(expect, dict) else (START + expect) // 1_000, said(expiry))


@pytest.mark.parametrize(
    ("given", "expect"),
    # Whether a hash is made anew is seen at a login: tests/http/login.json. No password at all is refused before the policy.
    [case for case in table("password") if case.values[0]["op"] != "needsRehash" and case.id != "check empty"],
)
def test_password(given: dict[str, Any], expect: Any) -> None:
    def register() -> str:
        auth = BlockingAuthServer(**options(password=given.get("options")))
        auth.migrate()
        result = auth.register(**{**user("rizz"), "password": given["password"]})
        auth.close()
        return "ok" if result["success"] else f"{result['error']['code']}: {result['error']['message']}"

    if given["op"] == "verify":
        assert verify_password(given["password"], given["encoded"]) is expect
    elif given["op"] == "check":
        assert fits(expect, said(register))
    else:
        policy = {"password": given.get("password"), "salt_rounds": given.get("saltRounds")}
        assert fits(expect, said(lambda: "ok" if BlockingAuthServer(**options(**policy)) else None))


@pytest.mark.parametrize(("given", "expect"), [case for case in table("identifier") if case.values[0]["op"] == "normalize"])
def test_identifier(given: dict[str, Any], expect: dict[str, Any]) -> None:
    auth = BlockingAuthServer(**options())
    auth.migrate()
    identifier = {"type": given["kind"], "value": given["value"]}
    result = auth.register(identifiers=[identifier], password="correct horse 1")  # type: ignore[list-item]
    if "error" in expect:
        assert result["error"]["code"] == expect["error"]
    else:
        found = auth.find_user(expect["normalized"])
        assert found is not None and found["id"] == result["user"]["id"]
    auth.close()


def test_the_tables_are_whole() -> None:
    assert len(table("jws")) > 40 and len(table("refresh")) > 40
