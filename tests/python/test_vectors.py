"""The tables of tests/vectors about tokens, passwords, identifiers and durations, each by the call that a user would
make. Those about requests are in test_vectors_http.py."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Optional

import jwt
import pytest
import sentri.flask
from sentri import BlockingAuthServer, SentriError, needs_rehash, verify_access_token, verify_password
from sentri.assurance import Requirement, read_requirement
from sentri.cli.serving.log import trace_id_of
from sentri.errors import unwrap
from sentri.native import make_tokens
from sentri.options import describe
from sentri.requests import request_id_of
from sentri.steps import Authorize, Permit
from sentri.testing import Clock
from support.servers import login, options, user
from support.vectors import FOLDER, fits, said, table

START = 1_767_225_600_000
ROLES = ["user", "admin", "editor"]
SECRET = "a secret of at least forty-eight bytes, for the tests"


def outcome(run: Any) -> Any:
    """What a call came to, as the tables say it."""
    try:
        return run()
    except SentriError as error:
        return {"error": error.code}


def keys_of(given: dict[str, Any]) -> dict[str, Any]:
    """The options that verify with the keys of a row: a shared secret is one's own, public keys are those of others."""
    first = given["keys"][0]
    if first["kty"] != "oct":
        return {"jwks": {"keys": given["keys"]}, "algorithms": given["algorithms"]}
    (algorithm,) = given["algorithms"]
    return {"secret": from_base64url(first["k"]), "algorithm": algorithm}


def to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def checker(given: dict[str, Any]) -> Callable[[str], Any]:
    """What ``verify_access`` of the keys and rules of a row comes to."""
    rules = given.get("rules", {})
    configured = keys_of(given) | {name: rules[name] for name in ("issuer", "audience") if rules.get(name) is not None}
    if rules.get("leewaySeconds"):
        configured["clock_tolerance"] = rules["leewaySeconds"]
    tokens = make_tokens(describe(configured))
    unwrap(tokens.configuration())
    return lambda token: outcome(lambda: unwrap(tokens.verify_access(token, given["now"])))


@pytest.mark.parametrize(("given", "expect"), table("jws"))
def test_jws(given: dict[str, Any], expect: dict[str, Any]) -> None:
    found = checker(given)(given["token"].encode("utf-8", "replace").decode())
    if "claims" in expect:
        assert found == seen_of(expect["claims"])
    else:
        # `raw` says that not even the signature of something that is no access token passes; `payload` that it does:
        # the next test.
        assert found == {"error": expect.get("error", "TOKEN_INVALID")}


def seen_of(claims: dict[str, Any]) -> dict[str, Any]:
    """What is told of a token's claims."""
    return {"id": claims["id"], "roles": claims["roles"], "sessionId": claims.get("sessionId"), "exp": claims["exp"]}


#: The keys of the RFCs' examples, whose public part is in the table.
PRIVATE = {"RSA": "rsa-pkcs8.pem", "EC": "p256-pkcs8.pem", "OKP": "ed25519-pkcs8.pem"}


@pytest.mark.parametrize(("given", "expect"), [row for row in table("jws") if "payload" in row.values[1]])
def test_examples_of_the_rfcs(given: dict[str, Any], expect: dict[str, Any]) -> None:
    """No call here hands out what is no access token. So another implementation says that key and signature are good,
    and claims under the header of the example that they pass: what is refused is the payload, and nothing else."""
    (algorithm,), (key,) = given["algorithms"], given["keys"]
    header, payload, _ = given["token"].split(".")
    public = jwt.PyJWK(key, algorithm)
    assert (
        jwt.PyJWS().decode(given["token"], public, [algorithm])
        == from_base64url(expect["payload"])
        == from_base64url(payload)
    )
    claims = {
        "id": "u1",
        "roles": ["user"],
        "sessionId": "s1",
        "iat": given["now"] // 1_000,
        "exp": given["now"] // 1_000 + 900,
    }
    if key["kty"] == "oct":
        # The key of a secret has an id of our making, so the example's would be that of another key.
        header = to_base64url(
            json.dumps(
                {name: value for name, value in json.loads(from_base64url(header)).items() if name != "kid"}
            ).encode()
        )
    signed = f"{header}.{to_base64url(json.dumps(claims).encode())}"
    pem = FOLDER.parent / "core/token/keys" / PRIVATE.get(key["kty"], "")
    private = public.key if key["kty"] == "oct" else public.Algorithm.prepare_key(pem.read_text())
    signature = public.Algorithm.sign(signed.encode(), private)
    assert checker(given)(f"{signed}.{to_base64url(signature)}") == seen_of(claims)
    assert checker(given)(given["token"]) == {"error": "TOKEN_INVALID"}


def key_set(given: dict[str, Any]) -> str:
    """What becomes of the key set of a row: the error's words, or those about a token that is none."""
    try:
        verify_access_token("no.token.at-all", jwks=given.get("text", given.get("set")))
    except SentriError as error:
        return f"{error.code}: {error.message}"
    raise AssertionError("it verified nothing")


def refused(reason: str) -> str:
    return f"CONFIGURATION_ERROR: jwks: the key set is refused: {reason}"


@pytest.mark.parametrize(("given", "expect"), table("jwks"))
def test_jwks(given: dict[str, Any], expect: dict[str, Any]) -> None:
    if "error" in expect:
        assert expect["error"] == "CONFIGURATION_ERROR" and key_set(given) == refused(expect["reason"])
    elif given["remote"]:
        # The set is accepted, and then the token is looked at.
        assert key_set(given).startswith("TOKEN_INVALID: ")
    else:
        # A set of shared secrets is of use to who signs with them alone. Here a set is always that of others, which may
        # hold none; one's own secret is `secret`, and as long as the row says.
        assert key_set(given) == refused("it holds a shared secret")
        (key,) = given["set"]["keys"]
        for algorithm in [key["alg"]] if "alg" in key else ["HS256", "HS384", "HS512"]:
            server = lambda: BlockingAuthServer(
                **options(secret=from_base64url(key["k"]), algorithm=algorithm, production=True)
            )  # noqa: B023, E731
            if algorithm in [one["alg"] for one in expect["keys"]]:
                header = jwt.get_unverified_header(server().sign_access_token("u1"))
                assert header["alg"] == algorithm
            else:
                with pytest.raises(SentriError, match="secret"):
                    server()


@pytest.mark.parametrize(("given", "expect"), table("refresh"))
def test_refresh(given: dict[str, Any], expect: dict[str, Any]) -> None:
    tokens = make_tokens(json.dumps({"secret": given["secret"]}))
    verify = tokens.verify_access if given["kind"] == "access" else tokens.verify_refresh
    found = outcome(lambda: unwrap(verify(given["token"], given["now"])))
    if "claims" in expect and given["kind"] == "access":
        assert found == seen_of(expect["claims"])
    else:
        assert found == expect.get("claims", expect)


@pytest.mark.parametrize(("given", "expect"), table("duration"))
def test_duration(given: Any, expect: Any) -> None:
    if given is None:
        # An option that is None is one that is left out.
        expect = 15 * 60 * 1_000

    def expiry() -> int:
        # A short one is not long enough for a token.
        name = "access_expires_in" if isinstance(expect, dict) or expect >= 1_000 else "refresh_grace"
        auth = BlockingAuthServer(
            **options(**{name: given, "clock": Clock(START), "refresh_expires_in": "90y", "session_max_age": "95y"})
        )
        exp: int = jwt.decode(auth.sign_access_token("u1"), options={"verify_signature": False})["exp"]
        return exp if name == "access_expires_in" else (START + expect) // 1_000

    assert fits(expect if isinstance(expect, dict) else (START + expect) // 1_000, said(expiry))


@pytest.mark.parametrize(("given", "expect"), table("password"))
def test_password(given: dict[str, Any], expect: Any) -> None:
    def register() -> str:
        auth = BlockingAuthServer(**options(password=given.get("options")))
        auth.migrate()
        result = auth.register(**{**user("rizz"), "password": given["password"]})
        auth.close()
        return "ok" if result["success"] else f"{result['error']['code']}: {result['error']['message']}"

    if given["op"] == "verify":
        assert verify_password(given["password"], given["encoded"]) is expect
    elif given["op"] == "needsRehash":
        policy = {**given["options"], "salt_rounds": given["options"].get("rounds")}
        policy.pop("rounds", None)
        assert needs_rehash(given["encoded"], **policy) is expect
    elif given["op"] == "check":
        if given["password"] == "":
            # No password at all is refused as a missing one, before the policy is asked.
            expect = {"error": "VALIDATION_ERROR"}
        assert fits(expect, said(register))
    else:
        policy = {"password": given.get("password"), "salt_rounds": given.get("saltRounds")}
        assert fits(expect, said(lambda: "ok" if BlockingAuthServer(**options(**policy)) else None))


def check_search(auth: BlockingAuthServer, search: str, expect: dict[str, Any]) -> None:
    """A search finds whoever has an identifier that begins so, and nobody else; without a beginning it is none."""
    owners = set()
    for prefix in expect.get("prefixes", []):
        for kind in ("custom", "email"):
            made = auth.register(identifiers=[{"type": kind, "value": f"{prefix}7x"}], password="correct horse 1")
            owners |= {made["user"]["id"]} if made["success"] else set()
    auth.register(identifiers=[{"type": "custom", "value": "~ somebody else"}], password="correct horse 1")
    if "error" in expect:
        assert fits(expect, said(lambda: auth.list_users(search=search)))
        return
    found = {user["id"] for user in auth.list_users(search=search)["users"]}
    assert found == owners if owners else len(found) == (0 if expect["prefixes"] else 1)


def check_spellings(auth: BlockingAuthServer, value: str, spellings: list[str]) -> None:
    """Whoever registers by one spelling is found by all, and nobody else registers by any."""
    kind = "email" if "@" in value else "username"
    owner = auth.register(identifiers=[{"type": kind, "value": value}], password="correct horse 1")["user"]
    for spelling in spellings:
        found = auth.find_user(spelling)
        assert found is not None and found["id"] == owner["id"], spelling
        again = auth.register(identifiers=[{"type": kind, "value": spelling}], password="correct horse 1")
        assert again["error"]["code"] == "USER_ALREADY_EXISTS", spelling


@pytest.mark.parametrize(("given", "expect"), table("identifier"))
def test_identifier(given: dict[str, Any], expect: dict[str, Any]) -> None:
    auth = BlockingAuthServer(**options(confusables=given.get("confusables", "allow")))
    auth.migrate()
    try:
        if given["op"] == "spellings":
            check_spellings(auth, given["value"], expect["spellings"])
        elif given["op"] == "normalize":
            result = auth.register(
                identifiers=[{"type": given["kind"], "value": given["value"]}], password="correct horse 1"
            )
            if "error" in expect:
                assert result["error"]["code"] == expect["error"]
            else:
                found = auth.find_user(expect["normalized"])
                assert found is not None and found["id"] == result["user"]["id"]
        elif given["op"] == "search":
            check_search(auth, given["value"], expect)
        elif "error" in expect:
            # Nobody has it, says `find_user`; a login says why.
            assert given["value"] == "" or auth.find_user(given["value"]) is None
            request, _ = login("")
            response = auth.handle(
                request, json.dumps({"identifier": given["value"], "password": "correct horse 1"}).encode()
            )
            assert json.loads(response.body)["code"] == expect["error"]
        else:
            # Who has the normal form as a name of his own kind is found by any spelling that comes to it.
            kinds = ("email", "phone", "username", "custom")
            tried = [
                auth.register(identifiers=[{"type": kind, "value": expect["normalized"]}], password="correct horse 1")
                for kind in kinds
            ]
            found = auth.find_user(given["value"])
            assert found == next((result["user"] for result in tried if result["success"]), None)
    finally:
        auth.close()


@pytest.mark.parametrize(("given", "expect"), table("request-id"))
def test_the_id_of_a_request(given: dict[str, Any], expect: Any) -> None:
    known = given["known"][0] if given["known"] else None
    headers = [] if given["header"] is None else [("x-request-id", given["header"])]
    assert request_id_of(known, headers) == expect


@pytest.mark.parametrize(("given", "expect"), table("traceparent"))
def test_the_trace_of_a_request(given: dict[str, Any], expect: Any) -> None:
    """As the access log of serve has it; the core's is held by the same table."""
    assert trace_id_of(given["header"]) == expect


def test_permit_looks_at_its_options_at_once_and_in_the_words_of_node() -> None:
    auth = sentri.flask.AuthServer(**options())
    try:
        for check, roles, said_of_it in (
            (lambda: True, ["owner"], "permit() names 'owner', which validRoles does not list"),
            (
                lambda: True,
                [],
                "permit(): roles must be a list of at least one role; leave it out if none bypasses the check",
            ),
            (
                lambda: True,
                "admin",
                "permit(): roles must be a list of at least one role; leave it out if none bypasses the check",
            ),
            (None, None, "permit() needs a function as its check: "),
        ):
            with pytest.raises(SentriError) as raised:
                auth.permit(check, roles=roles)  # type: ignore[arg-type]
            assert raised.value.code == "CONFIGURATION_ERROR" and said_of_it.replace(
                "validRoles", "valid_roles"
            ) in raised.value.message.replace("validRoles", "valid_roles")
    finally:
        auth.close()


@pytest.fixture(scope="module")
def native() -> Any:
    auth = BlockingAuthServer(
        **options(mfa={"totp": {"issuer": "Example"}}, encryption_key="a-key-of-32-bytes-for-the-tests--")
    )
    yield auth._protect_host
    auth.close()


@pytest.mark.parametrize(("given", "expect"), table("assurance"))
def test_assurance(native: Any, given: dict[str, Any], expect: dict[str, Any]) -> None:
    """What a route asks for is read by the core; whether a user's authentication is that, here."""
    try:
        read = unwrap(native.requirement(json.dumps(given["need"])))
    except SentriError as error:
        assert expect["error"] in error.message
        return
    need = Requirement(read.get("acr"), read.get("maxAge"), given["leeway"])
    assert need.is_met(expect.get("acr"), expect["authTime"], given["now"]) == expect["meets"]


@pytest.fixture(scope="module")
def by_signature() -> Any:
    """A server that goes by tokens alone, as client mode does."""
    mfa = {"totp": {"issuer": "Example"}}
    key = "a-key-of-32-bytes-for-the-tests--"
    auth = BlockingAuthServer(
        **options(
            mfa=mfa, encryption_key=key, secret=SECRET, session_check=False, clock=Clock(START), valid_roles=ROLES
        )
    )
    auth.migrate()
    yield auth
    auth.close()


@pytest.mark.parametrize(("given", "expect"), table("withheld"))
def test_withheld(by_signature: Any, given: dict[str, Any], expect: dict[str, Any]) -> None:
    """Roles that wait for a second factor, by the steps that guard routes."""
    assert given["now"] == START
    token = jwt.encode(given["claims"], SECRET, algorithm="HS256")
    guarded = by_signature.guard_blocking({"method": "GET", "authorization": f"Bearer {token}"})
    user, auth = guarded.admit()
    exchange = SimpleNamespace(user=user, auth=auth, arguments=(), known_id=None, headers=[])

    def code(step: Any) -> Optional[str]:
        try:
            step.blocking(exchange)
        except SentriError as error:
            return error.code
        return None

    permit = Permit(by_signature, lambda: given["permit"]["check"], given["permit"].get("roles"))
    authorized = code(Authorize(by_signature, given["authorize"]))
    found = {"roles": list(user.roles), "withheld": list(auth.withheld)}
    assert {**found, "authorize": authorized, "permit": code(permit)} == expect


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, object(), 5j, lambda: 1, set(), {}, []])
@pytest.mark.parametrize("more", [{}, {"acr": "aal2"}])
def test_no_odd_age_leaves_a_route_without_one(native: Any, odd: Any, more: dict[str, Any]) -> None:
    with pytest.raises(SentriError, match=r"protect\(\) max_age must") as refused:
        read_requirement(native, {**more, "maxAge": odd})
    assert refused.value.code == "CONFIGURATION_ERROR"


def test_the_tables_are_whole() -> None:
    """And none is without a test: `remote` is in test_client_keys.py, `idempotency` and `limit-key` in
    test_vectors_http.py; `device` is about a cookie that the core alone writes and reads,
    `factor` about codes that it alone judges, `flow` about digests that it alone keeps, and `import` about lines that
    it alone reads."""
    assert len(table("jws")) > 300 and len(table("refresh")) > 40
    known = {
        "assurance",
        "client-ip",
        "cookie",
        "cors",
        "device",
        "duration",
        "factor",
        "flow",
        "idempotency",
        "identifier",
        "import",
        "jwks",
        "jws",
        "limit",
        "limit-key",
        "memorable",
        "origin",
        "password",
        "preflight",
        "refresh",
        "remote",
        "request-id",
        "traceparent",
        "withheld",
    }
    assert {path.stem for path in FOLDER.glob("*.json")} == known
