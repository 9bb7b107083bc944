"""Holds the golden conversations of tests/http and tests/advisories with a server over real sockets.

The format is in tests/README.md."""

from __future__ import annotations

import base64
import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, Optional
from urllib.parse import urlsplit

from sentri import SentriError
from sentri.names import camel, snake, to_snake
from sentri.testing import Clock, Mailbox

from .pattern import Mismatch, Variables

TESTS = Path(__file__).parents[2]
START = 1_767_225_600_000
IP = "203.0.113.7"
USER_AGENT = "golden/1"
PASSWORD = "correct horse 1"
UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
#: Headers of the connection and the framework, not of the answer.
NOT_OURS = {
    "connection",
    "content-length",
    "date",
    "server",
    "vary",
    "allow",
    "x-frame-options",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
}

BASE = {
    "secret": "a secret of at least thirty-two bytes, for tests",
    "valid_roles": ["user", "admin", "editor"],
    "rate_limit": False,
}


def conversations() -> list[dict[str, Any]]:
    """Every conversation of every file, in order; those of tests/advisories come last."""
    found = []
    for folder, prefix in ((TESTS / "http", ""), (TESTS / "advisories", "advisories/")):
        for path in sorted(folder.glob("*.json")):
            for conversation in json.loads(path.read_text(encoding="utf-8"))["conversations"]:
                found.append({**conversation, "file": prefix + path.stem})
    return found


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> Optional[str]:
        return next((value for known, value in self.headers if known.lower() == name), None)

    def cookies(self) -> list[tuple[str, str, list[str]]]:
        """Name, value and attributes of each cookie that is set."""
        lines = [value for name, value in self.headers if name.lower() == "set-cookie"]
        pairs = [(*line.split("; ")[0].partition("=")[::2], line.split("; ")[1:]) for line in lines]
        return pairs

    def cookies_by_key(self) -> dict[str, tuple[str, list[str]]]:
        """The same by what an expectation calls them: the last one of a name by the name, those before it with their
        place behind it.
        """
        last = {name: at for at, (name, *_) in enumerate(self.cookies())}
        return {
            name if last[name] == at else f"{name} {place(attributes)}": (value, attributes)
            for at, (name, value, attributes) in enumerate(self.cookies())
        }


def place(attributes: list[str]) -> str:
    """Domain and path: a browser keeps a cookie for each."""
    named = dict(one.partition("=")[::2] for one in attributes)
    return named.get("Domain", "") + named.get("Path", "")


def to_camel(value: Any) -> Any:
    """What a call returned, as the format spells it."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_camel(asdict(value))
    if isinstance(value, dict):
        return {camel(name): to_camel(item) for name, item in value.items()}
    return [to_camel(item) for item in value] if isinstance(value, (list, tuple)) else value


class Listener:
    """A logger that is no ``logging`` one."""

    def __init__(self, events: list[Any]) -> None:
        self.info = lambda entry: events.append([f"info {entry['event']}", entry])
        self.warn = lambda entry: events.append([f"warn {entry['event']}", entry])
        self.error = lambda entry: events.append([f"error {entry['event']}", entry])


class Talk:
    """One conversation."""

    def __init__(self, conversation: dict[str, Any]) -> None:
        self.conversation = conversation
        self.variables = Variables()
        self.jars: dict[str, dict[str, tuple[str, float]]] = {}
        self.answers: dict[str, Any] = {}
        self.events: list[Any] = []
        self.hooks: list[Any] = []
        self.revoked: Any = None
        self.clock = Clock(conversation.get("clock", START))
        config = conversation.get("config", {})
        own = {snake(name): to_snake(value) for name, value in config.items() if name != "mode"}
        hook = lambda name: lambda *args: self.hooks.append([name, *to_camel(args)])  # noqa: E731
        options = {
            **BASE,
            "logger": Listener(self.events),
            "hooks": {snake(name): hook(name) for name in ("onLogin", "onFailedLogin", "onLogout")},
            **own,
            "clock": self.clock,
        }
        if "send" in (options.get("messages") or {}):
            options["messages"] = Mailbox(**{name: one for name, one in options["messages"].items() if name != "send"})
        if options.get("is_token_revoked"):
            options["is_token_revoked"] = self.is_token_revoked
        if config.get("logger", True) is None:
            options["logger"] = False
        self.options = {name: value for name, value in options.items() if value is not None}

    async def is_token_revoked(self, session_id: str) -> bool:
        if self.revoked == "throws":
            raise RuntimeError("the list of revoked sessions is away")
        return session_id in (self.revoked or [])

    def hold(self, auth: Any, base: str) -> None:
        self.auth, self.base = auth, base
        auth.migrate()
        for name, value in {
            "host": urlsplit(base).netloc,
            "origin": base,
            "ip": IP,
            "userAgent": USER_AGENT,
            "password": PASSWORD,
        }.items():
            self.variables.set(name, value)
        for name, roles in self.conversation.get("given", {}).items():
            self.introduce(name, roles)
        for step in self.conversation["steps"]:
            if "advance" in step:
                number, unit = re.fullmatch(r"(\d+)(\w+)", step["advance"]).groups()  # type: ignore[union-attr]
                self.clock.advance(int(number) * UNITS[unit])
            self.variables.now = self.clock.now()
            if "mail" in step:
                self.auth.mailbox.refuse("the mail server is away" if step["mail"] == "refused" else None)
            if "revoked" in step:
                self.revoked = self.variables.fill(step["revoked"])
            try:
                self.call(step) if "call" in step else self.request(step)
            except Mismatch as error:
                raise Mismatch(f"{step['name']}: {error}") from None

    def introduce(self, name: str, roles: list[str]) -> None:
        """A user with the username ``name``, the common password, and one session."""
        user = self.auth.register(identifiers=[{"type": "username", "value": name}], password=PASSWORD, roles=roles)[
            "user"
        ]
        session = self.auth.create_session(user["id"])
        known = {
            "id": user["id"],
            "identifier": user["identifiers"][0]["id"],
            "access": session["access_token"],
            "refresh": session["refresh_token"],
            "session": session["session_id"],
        }
        for member, value in known.items():
            self.variables.set(f"{name}.{member}", value)

    def call(self, step: dict[str, Any]) -> None:
        method, *args = self.variables.fill(step["call"])
        expect = step["expect"]
        self.events.clear()
        self.clear_mailbox()
        try:
            result = self.run(snake(method), args)
        except SentriError as error:
            if "throws" not in expect:
                raise Mismatch(f"it raised {error!r}") from error
            self.variables.check(expect["throws"], [error.code, error.status_code], "throws")
            return
        if "throws" in expect:
            raise Mismatch(f"it should have raised, but returned {result}")
        self.variables.check(expect["result"], result, "result")
        self.variables.check_tokens(expect.get("tokens", {}))
        self.check_messages(expect)
        if "events" in expect:
            self.check_events(expect["events"], None)

    def run(self, method: str, args: list[Any]) -> Any:
        """The call as Python spells it: objects of options are keyword arguments."""
        positional = [arg for arg in args if not isinstance(arg, dict)]
        keywords = {name: value for arg in args if isinstance(arg, dict) for name, value in to_snake(arg).items()}
        result = to_camel(getattr(self.auth, method)(*positional, **keywords))
        return {"sessionId": result} if method == "verify_refresh_token" else result

    def request(self, step: dict[str, Any]) -> None:
        if "parallel" in step:
            with ThreadPoolExecutor(step["parallel"]) as pool:
                sent = [pool.submit(self.send, step["request"]) for _ in range(step["parallel"])]
            for one in sent:
                self.check(step, one.result())
            return
        for _ in range(step.get("repeat", 1)):
            self.events.clear()
            self.hooks.clear()
            self.clear_mailbox()
            self.check(step, self.send(step["request"]))

    def send(self, request: dict[str, Any]) -> Answer:
        headers = {"user-agent": USER_AGENT}
        body = self.body(request)
        if body is not None:
            headers["content-type"] = "application/json"
        if "as" in request:
            headers["authorization"] = f"Bearer {self.variables.fill(request['as'])}"
        cookies = self.cookies_of(request["jar"]) if "jar" in request else []
        for name, value in self.variables.fill(request.get("headers", {})).items():
            if name == "cookie":
                cookies.append(value)
            else:
                headers[name] = value
        if cookies:
            headers["cookie"] = "; ".join(cookies)
        # As the one trusted proxy would: behind whatever the client claims.
        claimed = headers.get("x-forwarded-for")
        ip = request.get("ip", IP)
        headers["x-forwarded-for"] = f"{claimed}, {ip}" if claimed else ip
        target = self.variables.fill(request["path"])
        mount = (
            ""
            if re.match(r"/(protected|admin-only|editors|fresh|strong|strong-and-fresh|unguarded-\w+)\b", target)
            else "/auth"
        )
        return exchange(self.base, request.get("method", "GET"), mount + target, headers, body)

    def body(self, request: dict[str, Any]) -> Optional[bytes]:
        raw = request.get("rawBody")
        if isinstance(raw, dict) and "base64url" in raw:
            return base64.urlsafe_b64decode(raw["base64url"] + "==")
        if isinstance(raw, dict):
            return (raw.get("before", "") + raw["fill"] * raw["times"] + raw.get("after", "")).encode()
        if raw is not None:
            return str(self.variables.fill(raw)).encode()
        return json.dumps(self.variables.fill(request["body"])).encode() if "body" in request else None

    def check(self, step: dict[str, Any], answer: Answer) -> None:
        expect, request = step["expect"], step["request"]
        if "jar" in request:
            self.keep_cookies(request["jar"], answer)
        try:
            body = None if answer.status == 204 and not answer.text else json.loads(answer.text)
        except ValueError:
            raise Mismatch(f"{answer.status} is not JSON: {answer.text[:200]}") from None
        try:
            self.check_response(expect, answer, body)
        except Mismatch as error:
            raise Mismatch(f"{error}\n    in {answer.status} {answer.text[:500]}") from None
        if "cookies" in expect:
            self.check_cookies(expect["cookies"], answer)
        self.variables.check_tokens(expect.get("tokens", {}))
        self.check_messages(expect)
        if "events" in expect:
            self.check_events(expect["events"], request.get("headers", {}).get("x-request-id"))
        if "hooks" in expect:
            self.variables.check(expect["hooks"], self.hooks, "hooks")
        own = [(name.lower(), value) for name, value in answer.headers if name.lower() not in NOT_OURS]
        seen = [answer.status, answer.text, own]
        if "sameAs" in expect and self.answers[expect["sameAs"]] != seen:
            raise Mismatch(f"sameAs: {seen} is not {self.answers[expect['sameAs']]}")
        self.answers[step["name"]] = seen

    def check_response(self, expect: dict[str, Any], answer: Answer, body: Any) -> None:
        if "ok" in expect:
            status, message, data = expect["ok"]
            wanted: Any = {"error": False, "statusCode": status, "message": message, "data": data}
        elif "error" in expect:
            code, status, *more = expect["error"]
            message, data = [*more, *["$text", None][len(more) :]]
            wanted = {
                "error": True,
                "statusCode": status,
                "code": code,
                "message": message,
                "data": data,
            }
        else:
            status, wanted = expect["status"], expect.get("body", "$any")
        self.variables.check(status, answer.status, "status")
        self.variables.check(wanted, body, "body")
        for name, expected in expect.get("headers", {}).items():
            self.variables.check(expected, answer.header(name), name)
        check_always(answer, body)

    def check_cookies(self, expected: dict[str, str], answer: Answer) -> None:
        self.variables.check(sorted(expected), sorted(answer.cookies_by_key()), "cookies")
        for name, (value, attributes) in answer.cookies_by_key().items():
            pattern, *wanted = expected[name].split("; ")
            cleared = pattern == "cleared"
            self.variables.check("" if cleared else pattern, value, name)
            if cleared:
                wanted.append("Max-Age=0")
            # Both say that it is over; old browsers know only one of them.
            found = [one for one in attributes if not cleared or one != "Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
            self.variables.check(sorted(wanted), sorted(found), name)

    def clear_mailbox(self) -> None:
        if self.auth.mailbox is not None:
            self.auth.mailbox.clear()

    def check_messages(self, expect: dict[str, Any]) -> None:
        if "messages" in expect:
            self.variables.check(expect["messages"], to_camel(self.auth.mailbox.all()), "messages")

    def check_events(self, expected: list[Any], request_id: Optional[str]) -> None:
        self.variables.check([name for name, _ in expected], [name for name, _ in self.events], "events")
        for (name, fields), (_, entry) in zip(expected, self.events):
            found = dict(entry)
            self.variables.check("sentri", found.pop("service"), f"{name}.service")
            self.variables.check(name.split(" ")[1], found.pop("event"), f"{name}.event")
            self.variables.check(request_id, found.pop("requestId", None), f"{name}.requestId")
            self.variables.check("$count", found.pop("duration_ms", 0), f"{name}.duration_ms")
            self.variables.check({**fields, "...": "any order"}, found, name)

    def keep_cookies(self, jar: str, answer: Answer) -> None:
        for name, value, attributes in answer.cookies():
            age = next((int(one[8:]) for one in attributes if one.startswith("Max-Age=")), None)
            ends = float("inf") if age is None else self.clock.now() + age * 1_000
            self.jars.setdefault(jar, {})[f"{name} {place(attributes)}"] = (value, ends)

    def cookies_of(self, jar: str) -> list[str]:
        live = self.jars.get(jar, {}).items()
        return [f"{key.partition(' ')[0]}={value}" for key, (value, ends) in live if ends > self.clock.now()]


def exchange(base: str, method: str, target: str, headers: dict[str, str], body: Optional[bytes] = None) -> Answer:
    """One request over a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
    try:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read().decode())
    finally:
        connection.close()


#: The challenge of a step-up, before what it asks for.
STEP_UP = 'Bearer error="insufficient_user_authentication", '


def check_always(answer: Answer, body: Any) -> None:
    """What holds for every answer, whatever the step is about."""

    def must(holds: bool, what: str) -> None:
        if not holds:
            raise Mismatch(what)

    names = [name.lower() for name, _ in answer.headers if name.lower() != "set-cookie"] + [
        f"cookie {name} {place(attributes)}" for name, _, attributes in answer.cookies()
    ]
    must(len(names) == len(set(names)), f"a header or a cookie stands twice: {sorted(names)}")
    data = body.get("data") if isinstance(body, dict) else None
    is_ours = isinstance(body, dict) and "error" in body
    content_type = answer.header("content-type")
    # Starlette and Django say no charset for JSON of the application's own, which is UTF-8 by definition (RFC 8259).
    is_json = content_type == "application/json; charset=utf-8" or not is_ours and content_type == "application/json"
    if answer.status == 204:
        must(
            content_type is None and answer.header("content-length") is None,
            "what has no body has no type and no length",
        )
    else:
        must(is_json, "the content type is not JSON")
    # RFC 9470, 3
    challenge = answer.header("www-authenticate") or ""
    is_step_up = isinstance(body, dict) and body.get("code") == "STEP_UP_REQUIRED"
    says_enough = challenge.startswith(STEP_UP) if is_step_up else challenge == "Bearer"
    must(
        answer.status != 401 or says_enough, "a 401 has WWW-Authenticate: Bearer, and what is missing where it is said"
    )
    carries = (
        isinstance(data, dict)
        and "accessToken" in data
        or answer.header("set-cookie")
        or answer.header("x-access-token")
    )
    must(
        not carries or answer.header("cache-control") == "no-store",
        "what carries a token or a cookie has Cache-Control: no-store",
    )
    must(
        (answer.status in (429, 503)) == (answer.header("retry-after") is not None),
        "429 and 503, and no other answer, have Retry-After",
    )
