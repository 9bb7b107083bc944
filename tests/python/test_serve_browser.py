"""``sentri serve`` of both command lines for pages of other origins: CORS by hand, and in a real browser."""

from __future__ import annotations

import http.client
import os
import subprocess
from pathlib import Path
from typing import Optional

import pytest
from support.certificates import certificate
from support.command_line import NODE, PYTHON, run
from support.golden import Answer, exchange
from support.serve import PASSWORD, free_port, register, serving

pytestmark = pytest.mark.parametrize("command", [PYTHON, NODE], ids=["python", "node"])

APP = "https://app.example.com"
SCRIPT = Path(__file__).parent / "support/serve_browser.mjs"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


def said(answer: Answer) -> dict[str, str]:
    """What an answer says of CORS; no header of it stands twice."""
    found = [(name.lower(), value) for name, value in answer.headers]
    cors = [one for one in found if one[0] == "vary" or one[0].startswith("access-control-")]
    assert len(cors) == len(dict(cors)), cors
    return dict(cors)


def test_listed_origins_have_cors_and_others_nothing(command: list[str], tmp_path: Path) -> None:
    settings = {"SENTRI_TRUSTED_ORIGINS": f"{APP},http://localhost:5173", "SENTRI_DRAIN": "0"}
    with serving(tmp_path, command=command, **settings) as served:
        register(served.base, "rizz")

        def ask(method: str, path: str, origin: Optional[str], **more: str) -> Answer:
            headers = {name.replace("_", "-"): value for name, value in more.items()}
            return exchange(served.base, method, path, {**headers, **({"origin": origin} if origin else {})}, None)

        # Answers of every kind are read: a success, a refusal, a 404 below the mount point, a malformed body.
        read = {
            "vary": "Origin",
            "access-control-allow-origin": APP,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": "X-Access-Token, Retry-After, RateLimit, RateLimit-Policy, "
            "WWW-Authenticate",
        }
        for method, path, status in [
            ("GET", "/auth/keys", 200), ("HEAD", "/auth/keys", 200), ("GET", "/auth/me", 401),
            ("GET", "/auth/none", 404), ("POST", "/auth/login", 400),
        ]:  # fmt: skip
            answer = ask(method, path, APP)
            assert (answer.status, said(answer)) == (status, read), (method, path)
            assert said(ask(method, path, None)) == {"vary": "Origin"}
        assert said(ask("GET", "/auth/keys", "http://localhost:5173"))["access-control-allow-origin"] != APP

        for path in ("/auth/login", "/auth/users/some-id", "/auth/none"):
            answer = ask("OPTIONS", path, APP, **{name.replace("-", "_"): value for name, value in PREFLIGHT.items()})
            assert (answer.status, answer.text) == (204, "")
            assert said(answer) == {
                "vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
                "access-control-allow-origin": APP,
                "access-control-allow-credentials": "true",
                "access-control-allow-methods": "POST",
                "access-control-allow-headers": "authorization,content-type",
                "access-control-max-age": "600",
            }

        for origin in (
            "https://evil.example", "http://app.example.com", f"{APP}:8443", "https://a.app.example.com",
            f"{APP}.evil.example", "null", "*", f"{APP}/", f"{APP}, https://evil.example",
        ):  # fmt: skip
            assert said(ask("GET", "/auth/keys", origin)) == {"vary": "Origin"}, origin
            answer = ask("OPTIONS", "/auth/login", origin, **{"access_control_request_method": "POST"})
            assert (answer.status, set(said(answer))) == (204, {"vary"}), origin
        assert said(ask("GET", "/health/ready", APP)) == {} == said(ask("GET", "/elsewhere", APP))


def test_two_lines_of_origin_are_nobody(command: list[str], tmp_path: Path) -> None:
    with serving(tmp_path, command=command, SENTRI_TRUSTED_ORIGINS=APP, SENTRI_DRAIN="0") as served:
        connection = http.client.HTTPConnection(served.base.removeprefix("http://"))
        connection.putrequest("GET", "/auth/keys")
        connection.putheader("origin", APP)
        connection.putheader("origin", "https://evil.example")
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("access-control-allow-origin")) == (200, None)
        connection.close()


def test_without_trusted_origins_nothing_is_said(command: list[str], tmp_path: Path) -> None:
    with serving(tmp_path, command=command, SENTRI_DRAIN="0") as served:
        assert said(exchange(served.base, "GET", "/auth/keys", {"origin": APP}, None)) == {}
        answer = exchange(served.base, "OPTIONS", "/auth/login", {"origin": APP, **PREFLIGHT}, None)
        assert (answer.status, said(answer)) == (404, {})
    for origins, why in [("*", "must not hold a wildcard"), ("null", "must begin with a scheme")]:
        done = run(command, ["serve"], folder=tmp_path, SENTRI_TRUSTED_ORIGINS=origins)
        assert done.exit == 1 and why in done.err


@pytest.mark.parametrize("mode", ["cookies", "bodies"])
def test_a_browser_on_another_origin(command: list[str], mode: str, tmp_path: Path) -> None:
    """Pages at app.example.test and evil.example.test, the server alone at auth.example.test, all with TLS."""
    certificate(tmp_path, 1, "app.example.test", "auth.example.test", "evil.example.test")
    port = free_port()
    words = ["node", str(SCRIPT), str(tmp_path), str(port), mode, PASSWORD]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
    ) as child:
        assert child.stdin and child.stdout
        origin = child.stdout.readline().strip()
        settings = {
            "SENTRI_TRUSTED_ORIGINS": origin, "SENTRI_TLS_CERT": "cert.pem", "SENTRI_TLS_KEY": "key.pem",
            "SENTRI_ENV": "production", "NODE_ENV": "production", "SENTRI_ACCESS_EXPIRES_IN": "2s",
            "SENTRI_COOKIE": "on" if mode == "cookies" else "off", "SENTRI_KNOWN_DEVICES": "off",
            "SENTRI_LOG": "json", "SENTRI_DRAIN": "0",
        }  # fmt: skip
        with serving(tmp_path, "--port", str(port), command=command, **settings) as served:
            told, _ = child.communicate("go\n", timeout=120)
            assert child.returncode == 0, told + served.text
            assert told.split("\n") == ["signed in", "refreshed", "done", ""]
            lines = [entry for entry in served.entries() if entry["event"] == "http.request"]
            refreshes = [entry["status"] for entry in lines if entry.get("route") == "/auth/refresh"]
            # With cookies one for each of three rounds, whichever tab; with bodies four at once are one step.
            assert refreshes.count(200) == (3 if mode == "cookies" else 4), refreshes
            preflights = [entry for entry in lines if entry["method"] == "OPTIONS"]
            assert preflights and {entry["status"] for entry in preflights} == {204}
