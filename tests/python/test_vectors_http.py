"""The tables of tests/vectors about requests. What they decide is no call of its own here, so requests that hold what a
row gives go through a server, and what the row expects is looked for in the answer."""

from __future__ import annotations

import ipaddress
import json
import math
import re
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Optional
from unittest.mock import patch

import pytest
from sentri import BlockingAuthServer, SentriError
from sentri.guarding import ProtectResult, ResponseData
from sentri.idempotency import Execution, Gate, Keyed, Running, Verdict
from sentri.names import to_snake
from sentri.testing import Clock
from sentri.types import User
from support.servers import PASSWORD, login, options, user
from support.vectors import fits, said, table

START = 1_767_225_600_000


def server(**more: Any) -> BlockingAuthServer:
    """A server with tables and the user ``rizz``."""
    auth = BlockingAuthServer(**options(**more))
    auth.migrate()
    auth.register(**user("rizz", roles=["user"]))
    return auth


def post(path: str, *headers: tuple[str, str]) -> tuple[dict[str, Any], Optional[bytes]]:
    return {"method": "POST", "path": path, "headers": list(headers)}, None


def message(response: ResponseData) -> Any:
    return json.loads(response.body)["message"]


# --- client-ip ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "expect"), table("client-ip", "canonical", "resolve"))
def test_client_address(given: dict[str, Any], expect: Any) -> None:
    def resolve() -> Any:
        auth = BlockingAuthServer(**options(trust_proxy=given.get("trustProxy")))
        return auth.client_address(given.get("peer", given.get("text")), given.get("forwarded", ()))

    assert fits(expect, said(resolve))


@pytest.mark.parametrize(("given", "expect"), table("client-ip", "bucket"))
def test_address_bucket(given: dict[str, Any], expect: str) -> None:
    """The first and the last address of the bucket share the budget of the given one, their neighbours outside do not."""
    network = ipaddress.ip_network(expect)
    for inside in (network[0], network[-1]):
        assert not count_apart(given["text"], str(inside))
    outside = [network[-1] + 1, *([network[0] - 1] if int(network[0]) else [])]
    for neighbour in outside:
        assert count_apart(given["text"], str(neighbour))


def count_apart(one: str, other: str) -> bool:
    """Whether two registrations from these addresses pass a limit of one for each address."""
    auth = BlockingAuthServer(**options(rate_limit={"max_register_attempts": 1}))
    auth.migrate()
    statuses = []
    for number, address in enumerate((one, other)):
        request, _ = post("/register", ("content-type", "application/json"))
        statuses.append(
            auth.handle({**request, "clientIp": address}, json.dumps(user(f"rizz{number}")).encode()).status
        )
    auth.close()
    assert statuses[0] == 201
    return statuses[1] == 201


# --- cookie -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "expect"), table("cookie", "read"))
def test_cookie_is_read(given: dict[str, Any], expect: Any) -> None:
    cookie = {"name": given["name"], "secure": True}
    refresh = server(cookie=cookie)
    answer = refresh.handle(*post("/refresh", *(("cookie", value) for value in given["headers"])))
    access = BlockingAuthServer(**options(cookie={"name": "other"}, access_cookie=cookie))
    value = access.get_current_access_token({"Cookie": "; ".join(given["headers"])})
    refresh.close()
    if expect == "none" or expect == {"one": ""}:
        # An empty cookie is nobody's token.
        assert (answer.status, message(answer)) == (401, "Refresh token cookie is missing")
        assert value == (None if expect == "none" else "")
    elif "tooMany" in expect:
        assert (answer.status, message(answer)) == (401, f"Several different cookies are named {given['name']}")
        assert value is None
    elif "several" in expect:
        # They are read, and none is a token.
        assert (answer.status, json.loads(answer.body)["code"]) == (401, "TOKEN_INVALID")
        assert value is None
    else:
        # It is read, and is no token.
        assert (answer.status, json.loads(answer.body)["code"]) == (401, "TOKEN_INVALID")
        assert value == expect["one"]


@pytest.mark.parametrize(("given", "expect"), table("cookie", "rules"))
def test_cookie_is_written(given: dict[str, Any], expect: Any) -> None:
    kind, age = given["kind"], given["maxAge"]
    option = "cookie" if kind == "refresh" else "access_cookie"
    chosen = {
        option: to_snake(given["options"]),
        f"{kind}_expires_in": age,
        "production": given["production"],
        "clock": Clock(START),
    }
    if kind == "access":
        chosen["cookie"] = False

    def write() -> Any:
        # A clock that stands still is refused in production; here it makes seconds count exactly.
        with patch("sentri.options.refuse_test_clock") if given["production"] else nullcontext():
            auth = server(**chosen)
        written, cleared = (set_cookies(auth.handle(*request)) for request in (login("rizz"), post("/logout")))
        auth.close()
        if not written:
            return "off"
        # Those before it are of other places (`twins`).
        ((name, token), attributes), cleared_line = written[-1], cleared[-1]
        assert token.count(".") == 2
        # The value is a token, which can't be chosen: what a row writes in its place is a token's too here.
        value = expect["write"].partition("; ")[0].partition("=")[2]
        return {
            "write": "; ".join([f"{name}={value}", *attributes]),
            "clear": "; ".join([f"{cleared_line[0][0]}=", *cleared_line[1]]),
        }

    assert fits_whole(expect, said(write))


@pytest.mark.parametrize(("given", "expect"), table("cookie", "twins"))
def test_cookie_twins(given: dict[str, Any], expect: list[str]) -> None:
    auth = server(cookie=to_snake(given["options"]))
    # Whatever is brought, a login and a logout go through.
    request, body = login("rizz") if given["login"] else post("/logout")
    whole = None if given["mount"] is None else given["mount"] + request["path"]
    brought = [("cookie", value) for value in given["brought"]]
    answer = auth.handle({**request, "fullPath": whole, "headers": [*request["headers"], *brought]}, body)
    auth.close()
    assert answer.status == 200
    assert [value for name, value in answer.headers if name == "Set-Cookie"][:-1] == expect


@pytest.mark.parametrize(("given", "expect"), table("cookie", "mount"))
def test_cookie_mount(given: dict[str, Any], expect: Optional[str]) -> None:
    """Where several cookies come, that of the mount point is taken back. At the root and at an unknown place there is
    none but the root's.
    """
    auth = server()
    # The row's path stands for that of the logout; where it is not the end of the whole, neither is that.
    whole = given["fullPath"] and re.sub(re.escape(given["path"]) + "(/?)$", r"/logout\1", given["fullPath"])
    whole = "/auth/login" if whole == given["fullPath"] and whole else whole
    request = {
        "method": "POST",
        "path": "/logout",
        "fullPath": whole,
        "headers": [("cookie", "refresh_token=x; refresh_token=y")],
    }
    answer = auth.handle(request, None)
    auth.close()
    paths = [value.partition("; Path=")[2].partition(";")[0] for name, value in answer.headers if name == "Set-Cookie"]
    assert paths == [*([expect] if expect not in (None, "/") else []), "/"]


def set_cookies(response: ResponseData) -> list[tuple[tuple[str, str], list[str]]]:
    lines = [value.split("; ") for name, value in response.headers if name == "Set-Cookie"]
    return [((pair.partition("=")[0], pair.partition("=")[2]), attributes) for pair, *attributes in lines]


def fits_whole(expect: Any, found: Any) -> bool:
    return fits(expect, found) if isinstance(expect, dict) and "error" in expect else bool(expect == found)


# --- origin -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "expect"), table("origin", "sameOrigin"))
def test_same_origin(given: dict[str, Any], expect: bool) -> None:
    auth = BlockingAuthServer(**options(access_cookie=True, session_check=False, trusted_origins=given["trusted"]))
    sent = {
        name: given[name]
        for name in ("method", "upgrade", "secFetchSite", "origin", "host", "scheme")
        if given.get(name) is not None
    }
    token = auth.sign_access_token("u1", ["user"])
    guarded = auth.guard_blocking({**sent, "cookie": f"access_token={token}"})
    if expect:
        assert guarded.user is not None and guarded.user.id == "u1"
    else:
        assert guarded.error is not None and guarded.error["code"] == "FORBIDDEN"
    # Where the credential is no cookie, no browser sent it of itself.
    assert auth.guard_blocking({**sent, "authorization": f"Bearer {token}"}).user is not None


@pytest.mark.parametrize(("given", "expect"), table("origin", "trustedOrigins"))
def test_trusted_origins(given: dict[str, Any], expect: Any) -> None:
    assert fits(expect, said(lambda: "ok" if BlockingAuthServer(**options(trusted_origins=given["option"])) else None))


# --- preflight ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "expect"), table("preflight"))
def test_preflight(given: dict[str, Any], expect: Any) -> None:
    names = {
        "origin": "origin",
        "requestMethod": "accessControlRequestMethod",
        "requestHeaders": "accessControlRequestHeaders",
    }
    request = {"method": given["method"], **{names[name]: given[name] for name in names if given[name] is not None}}
    auth = BlockingAuthServer(**options(trusted_origins=given["trusted"]))
    answer = auth.guard_blocking(request).answer
    auth.close()
    if expect == "none":
        assert answer is None
        return
    assert answer is not None and (answer.status, answer.body) == (204, b"")
    found = dict(answer.headers)
    assert found.pop("Vary") == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    if expect != "nothing":
        assert found.pop("Access-Control-Allow-Credentials") == "true"
        assert found.pop("Access-Control-Allow-Origin") == expect["origin"]
        assert found.pop("Access-Control-Allow-Methods") == expect["methods"]
        assert found.pop("Access-Control-Allow-Headers", None) == expect["headers"]
    assert found == {}


# --- cors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "expect"), table("cors"))
def test_cors(given: dict[str, Any], expect: Any) -> None:
    auth = BlockingAuthServer(**options(trusted_origins=given["trusted"]))
    asked = [("access-control-request-method", "requestMethod"), ("access-control-request-headers", "requestHeaders")]
    lines = [("origin", value) for value in given["origin"]]
    lines += [(name, given[member]) for name, member in asked if given[member] is not None]
    auth.migrate()
    answer = auth.handle({"method": given["method"], "path": "/none", "headers": lines, "alone": given["alone"]}, None)
    auth.close()
    found = {name: value for name, value in answer.headers if name == "Vary" or name.startswith("Access-Control-")}
    assert answer.status == (expect["answer"] or 404)
    assert ("Vary" in found) is expect.get("vary", True)
    assert found.get("Access-Control-Allow-Origin") == expect["origin"]
    assert (found.get("Access-Control-Allow-Credentials") == "true") is (expect["origin"] is not None)
    assert found.get("Access-Control-Allow-Methods") == expect.get("methods")
    assert found.get("Access-Control-Allow-Headers") == expect.get("headers")
    if expect["origin"] is None:
        assert set(found) <= {"Vary"}


# --- limit --------------------------------------------------------------------------------------------------------


#: Rows that nothing outside the core brings about.
NO_WAY_IN = {
    "reset leaves those in flight": "a login that succeeds while another of the same account is held: the one lock holds both",
    "settled without begin": "what never began is never settled: `Attempt` of core/src/service/login.rs does both",
}


def kind_of(row: Any) -> str:
    """How the attempts of a row end: all `counted`, some `refunded` or `reset`; or some while others are `in flight`."""
    if row.id in NO_WAY_IN:
        return "no way in"
    acts = [step["do"] for step in row.values[0]["steps"]]
    verdicts = iter(row.values[1])
    granted = [act == "begin" and "granted" in next(verdicts) for act in acts]
    if any(open and act == "begin" for open, act in zip(granted, acts[1:])):
        return "in flight"
    assert all(act == "begin" or before for act, before in zip(acts, [False, *granted]))
    return "refunded" if "refunded" in acts else "reset" if "reset" in acts else "counted"


def steps(kind: str) -> list[Any]:
    """The rows of a kind, each of which has a test."""
    found = [row for row in table("limit", "steps") if kind_of(row) == kind]
    assert found
    return found


def play(given: dict[str, Any], auth: BlockingAuthServer, clock: Clock, attempt: Any) -> list[Any]:
    """What each attempt came to; a millisecond of the table is a second here. An attempt is settled when it is made."""
    said = []
    acts = given["steps"]
    for step, then in zip(acts, [*acts[1:], {"do": "begin"}]):
        clock.set(START + step["at"] * 1_000)
        if step["do"] == "begin":
            said.append(attempt(auth, then["do"]))
    return said


def limited(headers: list[tuple[str, str]]) -> Any:
    """A verdict by its headers."""
    found = dict(headers)
    left, ends_in = (int(part[2:]) for part in found["RateLimit"].split(";")[1:])
    return {"exceeded": int(found["Retry-After"])} if "Retry-After" in found else {"granted": left, "ms": ends_in}


@pytest.mark.parametrize(("given", "expect"), steps("counted"))
def test_limit_steps(given: dict[str, Any], expect: Any) -> None:
    """By a limiter on a route, which counts every attempt."""
    clock = Clock(START)
    auth = BlockingAuthServer(**options(clock=clock))
    rule = auth.check_limit_rule(
        {"max_attempts": given["limit"], "duration_seconds": given["window"], "key_prefix": "mail"}
    )

    def attempt(auth: BlockingAuthServer, _: str) -> Any:
        headers, error = auth.limit(rule, None, "198.51.100.1")
        return limited(headers if error is None else auth.error_response(error).headers)

    assert play(given, auth, clock, attempt) == expect


@pytest.mark.parametrize(("given", "expect"), steps("reset"))
def test_limit_steps_of_logins(given: dict[str, Any], expect: Any) -> None:
    """A right password empties the account's bucket, a wrong one is counted. What is left is told to nobody."""
    clock = Clock(START)
    auth = server(clock=clock, rate_limit={"max_login_attempts": given["limit"], "duration_seconds": given["window"]})

    def attempt(auth: BlockingAuthServer, then: str) -> Any:
        response = auth.handle(*login("rizz", PASSWORD if then == "reset" else "wrong horse 1"))
        return limited(response.headers) if response.status == 429 else "granted"

    assert play(given, auth, clock, attempt) == ["granted" if "granted" in one else one for one in expect]
    auth.close()


LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """A SQLite file that another process writes to: locks of one process do not keep it from anything."""
    other = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "locked\n"
    try:
        yield
    finally:
        other.communicate()


@pytest.mark.parametrize(("given", "expect"), steps("refunded"))
def test_limit_steps_of_registrations(given: dict[str, Any], expect: Any, tmp_path: Path) -> None:
    """A registration that fails because the database is busy is taken back; one for a name that is taken is counted."""
    clock, file = Clock(START), tmp_path / "sentri.db"
    auth = server(
        db={"filename": file},
        clock=clock,
        rate_limit={"max_register_attempts": given["limit"], "duration_seconds": given["window"]},
    )

    def attempt(auth: BlockingAuthServer, then: str) -> Any:
        request = {
            "method": "POST",
            "path": "/register",
            "headers": [("content-type", "application/json")],
            "clientIp": "198.51.100.1",
        }
        with locked(file) if then == "refunded" else nullcontext():
            response = auth.handle(request, json.dumps(user("another" if then == "refunded" else "rizz")).encode())
        if response.status == 429:
            return limited(response.headers)
        assert response.status == (503 if then == "refunded" else 409)
        return "granted"

    assert play(given, auth, clock, attempt) == ["granted" if "granted" in one else one for one in expect]
    auth.close()


@pytest.mark.parametrize(("given", "expect"), steps("in flight"))
def test_limit_steps_in_flight(given: dict[str, Any], expect: Any, tmp_path: Path) -> None:
    """A registration that waits for a busy database is in flight. It is counted when that lets it through, and taken
    back when that takes too long. A millisecond of the table is a second, unless half a minute would pass, for which an
    attempt is waited for."""
    scale = 1_000 if max(step["at"] for step in given["steps"]) < 30 else 1
    clock, file = Clock(START), tmp_path / "sentri.db"
    limit = {"max_register_attempts": given["limit"], "duration_seconds": given["window"] * scale // 1_000}
    auth = server(db={"filename": file}, clock=clock, rate_limit=limit)

    def register(name: str) -> ResponseData:
        request = {
            "method": "POST",
            "path": "/register",
            "headers": [("content-type", "application/json")],
            "clientIp": "198.51.100.1",
        }
        return auth.handle(request, json.dumps(user(name)).encode())

    with ExitStack() as stack:
        lock = stack.enter_context(ExitStack())
        lock.enter_context(locked(file))
        pool = ThreadPoolExecutor(4)
        stack.callback(pool.shutdown)
        verdicts, held, waiting = iter(expect), [], []
        for number, step in enumerate(given["steps"]):
            clock.set(START + step["at"] * scale)
            if step["do"] == "begin":
                attempt, verdict = pool.submit(register, f"new{number}"), next(verdicts)
                if "granted" in verdict or verdict == "wait":
                    # Time to begin, and not to end.
                    assert not wait([attempt], 0.5).done
                    (waiting if verdict == "wait" else held).append(attempt)
                else:
                    answer = attempt.result(20)
                    assert answer.status == 429
                    assert limited(answer.headers) == {"exceeded": math.ceil(verdict["exceeded"] * scale / 1_000)}
            elif step["do"] == "counted":
                lock.close()
                assert held.pop().result(20).status == 201
            else:
                assert step["do"] == "refunded" and held.pop().result(20).status == 503
        lock.close()
        # Whom nobody settled before his time was counted by then, however he ended.
        assert [attempt.result(20).status for attempt in held] == [201] * len(held)
        # Who waited for a place learned that it was spent.
        assert [attempt.result(20).status for attempt in waiting] == [429] * len(waiting)
    auth.close()


def test_every_row_of_steps_has_a_test_or_no_way_in() -> None:
    kinds = Counter(kind_of(row) for row in table("limit", "steps"))
    assert (
        set(kinds) == {"counted", "refunded", "reset", "in flight", "no way in"}
        and kinds["no way in"] == len(NO_WAY_IN) == 2
    )


@pytest.mark.parametrize(("given", "expect"), table("limit", "headers"))
def test_limit_headers(given: dict[str, Any], expect: Any) -> None:
    """By a limiter of an application's own, which has a name. There the first attempt is granted at the very start of a
    window, not a moment later; both round to the same second."""
    clock = Clock(START)
    auth = BlockingAuthServer(**options(clock=clock))
    rule = auth.check_limit_rule(
        {"max_attempts": given["limit"], "duration_seconds": given["window"] // 1_000, "key_prefix": given["name"]}
    )
    verdict = given["verdict"]
    for _ in range(given["limit"] - verdict.get("granted", 0)):
        headers, _ = auth.limit(rule, None, "198.51.100.1")
    if "exceeded" in verdict:
        clock.advance(given["window"] - verdict["exceeded"])
        _, error = auth.limit(rule, None, "198.51.100.1")
        assert error is not None
        headers = auth.error_response(error).headers
    ours = ("RateLimit-Policy", "RateLimit", "Retry-After")
    assert sorted([name, value] for name, value in headers if name in ours) == sorted(expect)


class Plan(Enum):
    FREE = "free"


NO_KEY = {"error": "key must give a text"}
#: What JSON has no word for.
OWN_KEYS = [
    (2**70, str(2**70)),
    (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (Plan.FREE, "free"),
    ("a\ud800", "a\ufffd"),
    (math.nan, NO_KEY),
    (math.inf, NO_KEY),
    (b"a", NO_KEY),
    (Decimal(1), NO_KEY),
    ({1}, NO_KEY),
]


@pytest.mark.parametrize(
    ("given", "expect"),
    [*table("limit-key"), *(pytest.param({"key": key}, expect, id=repr(key)) for key, expect in OWN_KEYS)],
)
def test_keys_of_limiters(given: dict[str, Any], expect: Any) -> None:
    auth = BlockingAuthServer(**options())
    rule = auth.check_limit_rule({"max_attempts": 1, "duration_seconds": 60, "key": given.get, "key_prefix": "one"})

    def ask(key: Any, peer: str) -> Optional[str]:
        _, error = auth.limit(rule, key, peer)
        return error and f"{error.code}: {error.message}"

    first = ask(given["key"], "203.0.113.1")
    if isinstance(expect, dict):
        assert fits(expect, first) and (first or "").startswith("CONFIGURATION_ERROR: rate_limiter(): key")
        return
    assert first is None
    again, elsewhere = (ask(given["key"], peer) for peer in ("203.0.113.1", "203.0.113.2"))
    assert (again or "").startswith("RATE_LIMIT_EXCEEDED")
    assert (elsewhere is None) == (expect is None), "whether the address counts"
    if expect is not None:
        assert ask(expect, "203.0.113.3") is not None, "that very key"


@pytest.mark.parametrize(("given", "expect"), table("limit", "options"))
def test_limit_options(given: dict[str, Any], expect: Any) -> None:
    """The budgets are used up; how long that holds stands in the refusal."""

    def use_up() -> Any:
        auth = server(rate_limit=to_snake(given["rateLimit"]))
        try:
            return budgets(auth, 3 if expect == "off" else 1_000)
        finally:
            auth.close()

    assert fits_whole(expect, said(use_up))


def budgets(auth: BlockingAuthServer, most: int) -> Any:
    def until_refused(request: Any) -> tuple[int, Optional[ResponseData]]:
        for number in range(most):
            response = auth.handle(*request(number))
            if response.status == 429:
                return number, response
        return most, None

    def register(_: int) -> tuple[dict[str, Any], bytes]:
        request = {
            "method": "POST",
            "path": "/register",
            "headers": [("content-type", "application/json")],
            "clientIp": "203.0.113.1",
        }
        return request, json.dumps(user("rizz")).encode()

    def fail(name: str, address: str) -> tuple[dict[str, Any], bytes]:
        request, body = login(name, "wrong horse 1")
        return {**request, "clientIp": address}, body

    account, refused = until_refused(lambda number: fail("rizz", f"203.0.113.{number}"))
    address, _ = until_refused(lambda number: fail(f"nobody{number}", "198.51.100.1"))
    registered, _ = until_refused(register)
    if refused is None:
        assert account == address == registered == most
        return "off"
    window = dict(refused.headers)["RateLimit-Policy"].rpartition("w=")[2]
    return {"login": account, "address": address, "register": registered, "seconds": int(window)}


# --- memory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "expect"), table("memorable"))
def test_memorable(given: dict[str, Any], expect: bool) -> None:
    """The result of ``protect()`` for the same header is the same object where it is remembered."""
    auth = server()
    found = auth.find_user("rizz")
    assert found is not None
    token = auth.create_session(found["id"])["access_token"]
    request: Any = {"method": "GET", "authorization": given["authorization"].replace("{token}", token)}
    first, second = (auth.guard_blocking(request) for _ in range(2))
    assert (first is second) == expect
    assert not expect or second.admit()[0].id == found["id"]
    auth.close()


# --- idempotency --------------------------------------------------------------------------------------------------


def judged(gate: Gate, of: Any, key: str = "k", running: Optional[Running] = None) -> Verdict:
    """What a gate makes of a request with the credentials, or the type and body, of a row."""
    said = of if isinstance(of, dict) else {}
    content_type, body = ("application/json", "{}") if isinstance(of, dict) else of
    raw = body.encode() if isinstance(body, str) else bytes.fromhex(body["hex"])
    names = {"authorization": "authorization", "cookie": "cookie", "apiKey": "x-api-key"}
    headers = [("x-idempotency-key", key), ("content-type", content_type)]
    headers += [(names[name], value) for name, value in said.items() if name in names]
    asked = Keyed(
        method="POST",
        headers=headers,
        target="/orders",
        client_ip=said.get("address"),
        body=raw,
        running=running or Running(),
        request=lambda: said.get("named"),
    )
    # Which session a token is of, a row says by itself.
    with patch.object(BlockingAuthServer, "identify_now", lambda *_: said.get("identity", "")):
        return gate.judge_blocking(asked)


def kind(verdict: Verdict) -> Any:
    """``runs``, or the code of a refusal."""
    return "runs" if isinstance(verdict, Execution) else json.loads(verdict.body)["code"] if verdict else "passes"


@pytest.mark.parametrize(("given", "expect"), table("idempotency", "caller"))
def test_idempotent_caller(given: dict[str, Any], expect: str) -> None:
    """A request of the same caller finds that the first one runs."""
    gate = Gate({"credential": lambda named: named}, BlockingAuthServer(**options()))
    first, second = judged(gate, given["a"]), judged(gate, given["b"])
    assert [kind(first), kind(second)] == ["runs", "IDEMPOTENCY_IN_PROGRESS" if expect == "same" else "runs"]


@pytest.mark.parametrize(("given", "expect"), table("idempotency", "client"))
def test_idempotent_client(given: dict[str, Any], expect: str) -> None:
    """Of two places one client gets one, whatever the keys."""
    gate = Gate({"max_size": 2})
    first, second = judged(gate, given["a"]), judged(gate, given["b"], "another")
    assert [kind(first), kind(second)] == ["runs", "IDEMPOTENCY_IN_PROGRESS" if expect == "same" else "runs"]


@pytest.mark.parametrize(("given", "expect"), table("idempotency", "body"))
def test_idempotent_body(given: dict[str, Any], expect: str) -> None:
    """The same body gets the stored answer, another one is refused."""
    gate = Gate({})
    first = judged(gate, given["a"])
    assert isinstance(first, Execution)
    first.keep(200, [], b"kept")
    second = judged(gate, given["b"])
    assert second is not None and not isinstance(second, Execution)
    if expect == "same":
        assert (second.body, ("Idempotency-Replayed", "true") in second.headers) == (b"kept", True)
    else:
        assert kind(second) == "IDEMPOTENCY_MISMATCH"


@pytest.mark.parametrize(("given", "expect"), table("idempotency", "roles"))
def test_idempotent_roles(given: dict[str, Any], expect: str) -> None:
    """The same roles get the stored answer, others are refused."""
    auth = BlockingAuthServer(**options())
    gate, running, known = Gate({}, auth), Running(), {"identity": "s1"}
    if given["a"] is not None:
        running.roles[auth] = given["a"]
    first = judged(gate, known, running=running)
    assert isinstance(first, Execution)
    first.keep(200, [], b"kept")
    caller = None if given["b"] is None else User("rizz", tuple(given["b"]))
    guarded = ProtectResult(caller, None, None, [], [], 0, 0)
    with patch.object(BlockingAuthServer, "guard_blocking", lambda *_: guarded):
        second = judged(gate, known)
    if caller is None:
        # Whom `protect()` does not let in now, runs and is refused there.
        assert second is None
        auth.close()
        return
    assert second is not None and not isinstance(second, Execution)
    assert second.status == (200 if expect == "same" else 403)
    auth.close()


def bearing(word: Optional[str]) -> tuple[BlockingAuthServer, Optional[str]]:
    """A server, and a token whose verification by it comes to ``word``: ``good``, or the code of an error."""
    clock = Clock(START)
    # Keys that a database has are not there before it is asked.
    kept = {"secret": None} if word == "SERVICE_UNAVAILABLE" else {}
    auth = BlockingAuthServer(**options(clock=clock, **kept))
    foreign = {"secret": "a secret of another issuer, long enough"} if word == "TOKEN_INVALID" else {}
    issuer = BlockingAuthServer(**options(clock=clock, **foreign))
    issuer.migrate()
    token = None if word is None else issuer.sign_access_token("u1", ["user"])
    issuer.close()
    if word != "SERVICE_UNAVAILABLE":
        auth.migrate()
    if word == "TOKEN_EXPIRED":
        clock.advance(timedelta(minutes=20))
    if token is not None:
        found = "good"
        try:
            auth.verify_access_token(token)
        except SentriError as error:
            found = error.code
        assert found == word
    return auth, token


@pytest.mark.parametrize(("given", "expect"), table("idempotency", "replay"))
def test_idempotent_replay(given: dict[str, Any], expect: str) -> None:
    """A stored answer is given again or refused, or the request goes on to ``protect()``."""
    auth, token = bearing(given["token"])
    gate, running, caller = Gate({}, auth), Running(), {"identity": given["identity"]}
    if token is not None:
        caller["authorization"] = f"Bearer {token}"
    if given["stored"] is not None:
        running.roles[auth] = given["stored"]
    first = judged(gate, caller, running=running)
    assert isinstance(first, Execution)
    first.keep(200, [], b"kept")
    admitted = None if given["now"] is None else User("u1", tuple(given["now"]))
    guarded = ProtectResult(admitted, None, None, [], [], 0, 0)
    with patch.object(BlockingAuthServer, "guard_blocking", lambda *_: guarded):
        second = judged(gate, caller)
    assert not isinstance(second, Execution)
    found = "run" if second is None else {200: "answer", 403: "refuse"}[second.status]
    assert found == expect and (found != "answer" or second.body == b"kept")
    auth.close()


@pytest.mark.parametrize(("given", "expect"), table("idempotency", "added"))
def test_idempotent_headers(given: dict[str, Any], expect: Any) -> None:
    """What `protect()` added is not replayed; an answer with a token or a cookie of the handler's own is not kept."""
    gate, running = Gate({}), Running(added=given["added"])
    first = judged(gate, {}, running=running)
    assert isinstance(first, Execution)
    first.keep(200, given["headers"], b"kept")
    second = judged(gate, {})
    if any(name in ("Set-Cookie", "X-Access-Token") for name, _ in expect):
        assert isinstance(second, Execution)
    else:
        assert second is not None and not isinstance(second, Execution)
        assert [[name, value] for name, value in second.headers if name != "Idempotency-Replayed"] == expect


def test_the_table_of_idempotency_is_whole() -> None:
    rows = [row for op in ("caller", "client", "body", "roles", "replay", "added") for row in table("idempotency", op)]
    assert len(rows) == len(table("idempotency")) > 30
