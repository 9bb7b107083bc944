"""The Python of the documentation: each snippet is run as it stands, the quick starts by a client."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import os
import queue
import re
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.apps import uvicorn_server, wsgi_server
from support.golden import exchange
from support.pattern import totp

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"


def snippets() -> dict[str, str]:
    text = "".join(page.read_text() for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))))
    found: dict[str, str] = {}
    for name, code in re.findall(r"<!-- python snippet: ([\w-]+) -->\n```python\n(.*?)```", text, re.DOTALL):
        assert found.setdefault(name, code) == code, f"two snippets are called {name}"
    return found


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that a snippet defines, run in a folder of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    module = sys.modules[f"readme_{name}"] = ModuleType(f"readme_{name}")
    names = vars(module)
    exec(compile(snippets()[name], f"README: {name}", "exec"), names)
    return names


def ask(base: str, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    headers = {"content-type": "application/json"} if body is not None else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    answer = exchange(base, method, path, headers, None if body is None else json.dumps(body).encode())
    return answer.status, json.loads(answer.text)


def use(base: str, auth: Any) -> None:
    """What a reader would try."""
    input = {"identifiers": [{"type": "email", "value": "rizz@example.com"}], "password": PASSWORD}
    assert ask(base, "POST", "/auth/register", input)[0] == 201
    status, body = ask(base, "POST", "/auth/login", {"identifier": "rizz@example.com", "password": PASSWORD})
    assert status == 200
    token, id = body["data"]["accessToken"], body["data"]["user"]["id"]
    assert ask(base, "GET", "/me", token=token) == (200, {"id": id, "roles": []})
    assert ask(base, "GET", "/me")[1]["code"] == "UNAUTHORIZED"
    status, body = ask(base, "DELETE", "/posts/7", token=token)
    assert (status, body["code"]) == (403, "FORBIDDEN")
    auth.assign_roles(id, ["admin"])
    assert ask(base, "DELETE", "/posts/7", token=token) == (200, {"deleted": "7"})
    status, body = ask(base, "POST", "/auth/login", {"identifier": first_admin(), "password": PASSWORD})
    assert (status, body["data"]["user"]["roles"]) == (200, ["admin"])
    assert ask(base, "DELETE", "/posts/8", token=body["data"]["accessToken"]) == (200, {"deleted": "8"})
    auth.close()


def first_admin() -> str:
    """Makes the first admin as the README has it, in the folder of the quick start; its name."""
    (words,) = re.findall(r"\nsentri (users create [^#]*)#", (ROOT / "docs/guide/python.md").read_text())
    made = subprocess.run(
        [sys.executable, "-m", "sentri", *words.split(), "--json"],
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    name: str = json.loads(made.stdout)["user"]["identifiers"][0]["value"]
    return name


def test_fastapi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run("fastapi", tmp_path, monkeypatch)
    with uvicorn_server(names["app"]) as base:
        paths = ask(base, "GET", "/openapi.json")[1]["paths"]
        assert {"post"} == set(paths["/auth/login"]) and {"get", "delete"} == set(paths["/auth/users/{userId}"])
        assert paths["/auth/users/{userId}"]["get"]["parameters"][0]["name"] == "userId"
        use(base, names["auth"].blocking)


def test_flask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run("flask", tmp_path, monkeypatch)
    with wsgi_server(names["app"]) as base:
        use(base, names["auth"])


def test_django(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process of its own: settings are the process's."""
    (tmp_path / "urls.py").write_text(snippets()["django"])
    settings = dict(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls", SECRET_KEY="of the test", MIDDLEWARE=["urls.SentriMiddleware"]
    )
    (tmp_path / "serve.py").write_text(
        "import sys\n"
        f"sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "from django.conf import settings\n"
        f"settings.configure(**{settings!r})\n"
        "from django.core.wsgi import get_wsgi_application\n"
        "from support.apps import wsgi_server\n"
        "from test_readme import use\n"
        "app = get_wsgi_application()\n"
        "import urls\n"
        "with wsgi_server(app) as base:\n"
        "    use(base, urls.auth)\n"
        "print('used')\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "serve.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "used", done.stderr


def test_programmatic() -> None:
    done = subprocess.run(
        [sys.executable, "-c", snippets()["programmatic"]], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("INVALID_ROLE 400 {'id': "), done.stderr
    assert done.stderr == ""


def test_import() -> None:
    done = subprocess.run([sys.executable, "-c", snippets()["import"]], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1 0\n", "")


def test_idempotency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run("idempotency", tmp_path, monkeypatch)
    headers = {"content-type": "application/json", "x-idempotency-key": "k"}
    with uvicorn_server(names["app"]) as base:
        answers = [exchange(base, "POST", "/orders", headers, b'{"amount": 1}') for _ in range(2)]
    assert [answer.text for answer in answers] == ['{"number":1}'] * 2
    assert [answer.header("idempotency-replayed") for answer in answers] == [None, "true"]


class _Smtp(socketserver.StreamRequestHandler):
    """The few words of SMTP that a client without authentication says (RFC 5321)."""

    mails: queue.Queue[str] = queue.Queue()

    def handle(self) -> None:
        say = lambda text: self.wfile.write(text.encode() + b"\r\n")  # noqa: E731
        say("220 ready")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                say("354 go on")
                lines = list(iter(self.rfile.readline, b".\r\n"))
                self.mails.put(b"".join(lines).decode())
            say("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return


@contextlib.contextmanager
def mail_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as smtp:
        threading.Thread(target=smtp.serve_forever, daemon=True).start()
        monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("SMTP_PORT", str(smtp.server_address[1]))
        yield
        smtp.shutdown()


def test_verification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(monkeypatch):
        names = run("verification", tmp_path, monkeypatch)
        with uvicorn_server(names["app"]) as base:
            input = {"identifiers": [{"type": "email", "value": "anna@example.com"}], "password": PASSWORD}
            assert ask(base, "POST", "/auth/register", input)[0] == 202
            login = {"identifier": "anna@example.com", "password": PASSWORD}
            assert ask(base, "POST", "/auth/login", login)[0] == 401
            mail = email.message_from_string(_Smtp.mails.get(timeout=10), policy=email.policy.default)
            (token,) = re.findall(r"verify\?token=([\w-]{43}) ", mail.get_content())
            confirmation = {"token": token, "password": PASSWORD}
            assert ask(base, "POST", "/auth/identifiers/confirm", confirmation)[0] == 200
            assert ask(base, "POST", "/auth/login", login)[0] == 200
        names["auth"].blocking.close()


def test_password_reset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(monkeypatch):
        names = run("password-reset", tmp_path, monkeypatch)
        with uvicorn_server(names["app"]) as base:
            input = {"identifiers": [{"type": "email", "value": "anna@example.com"}], "password": PASSWORD}
            assert ask(base, "POST", "/auth/register", input)[0] == 201
            assert ask(base, "POST", "/auth/password/forgot", {"identifier": "anna@example.com"})[0] == 202
            mail = email.message_from_string(_Smtp.mails.get(timeout=10), policy=email.policy.default)
            assert mail["To"] == "anna@example.com"
            (token,) = re.findall(r"reset-password\?token=([\w-]{43}) ", mail.get_content())
            new = {"token": token, "newPassword": "another horse"}
            assert ask(base, "POST", "/auth/password/reset", new)[0] == 200
            assert "Your password was changed" in _Smtp.mails.get(timeout=10)
            login = {"identifier": "anna@example.com", "password": "another horse"}
            assert ask(base, "POST", "/auth/login", login)[0] == 200
        names["auth"].blocking.close()


def test_login_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(monkeypatch):
        names = run("login-code", tmp_path, monkeypatch)
        with uvicorn_server(names["app"]) as base:
            input = {"identifiers": [{"type": "email", "value": "anna@example.com"}], "password": PASSWORD}
            assert ask(base, "POST", "/auth/register", input)[0] == 201
            status, asked = ask(base, "POST", "/auth/login/code", {"identifier": "anna@example.com"})
            assert status == 202
            mail = email.message_from_string(_Smtp.mails.get(timeout=10), policy=email.policy.default)
            (code,) = re.findall(r"sign in is (\d{6})\.", mail.get_content())
            answer = {"flow": asked["data"]["flow"], "code": code}
            status, body = ask(base, "POST", "/auth/login/code/verify", answer)
            assert (status, set(body["data"])) == (200, {"accessToken", "user"})
            assert "does not count any more" in _Smtp.mails.get(timeout=10)
            assert ask(base, "POST", "/auth/login/code/verify", answer)[0] == 401
        names["auth"].blocking.close()


def test_administration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(monkeypatch):
        names = run("administration", tmp_path, monkeypatch)
        auth = names["auth"].blocking
        with uvicorn_server(names["app"]) as base:
            ids = {}
            for name in ("Anna", "helen"):
                identifiers = [{"type": "email", "value": f"{name}@example.com"}]
                input = {"identifiers": identifiers, "password": PASSWORD}
                ids[name] = ask(base, "POST", "/auth/register", input)[1]["data"]["user"]["id"]
            auth.assign_roles(ids["helen"], ["support"])
            logins = ({"identifier": f"{name}@example.com", "password": PASSWORD} for name in ids)
            anna, helen = (ask(base, "POST", "/auth/login", one)[1]["data"]["accessToken"] for one in logins)
            assert ask(base, "GET", "/support/users?q=a", token=anna)[1]["code"] == "FORBIDDEN"
            status, found = ask(base, "GET", "/support/users?q=ANNA", token=helen)
            assert (status, [user["id"] for user in found]) == (200, [ids["Anna"]])
            rescued = ask(base, "POST", f"/support/users/{ids['Anna']}/rescue", token=helen)
            assert rescued == (200, {"ended": 1})
            assert ask(base, "GET", "/auth/me", token=anna)[1]["code"] == "UNAUTHORIZED"
            mail = email.message_from_string(_Smtp.mails.get(timeout=10), policy=email.policy.default)
            assert mail["To"] == "Anna@example.com"
            assert re.search(r"new password is \d{6}\.", mail.get_content())
            place = f"/support/users/{ids['Anna']}"
            status, disabled = ask(base, "POST", f"{place}/suspend", token=helen)
            assert (status, disabled["reason"]) == (200, "looked at by support")
            mail = email.message_from_string(_Smtp.mails.get(timeout=10), policy=email.policy.default)
            assert "closed for the time being" in mail.get_content()
            login = {"identifier": "anna@example.com", "password": PASSWORD}
            assert ask(base, "POST", "/auth/login", login)[1]["code"] == "ACCOUNT_DISABLED"
            helens = {"authorization": f"Bearer {helen}"}
            assert exchange(base, "POST", f"{place}/restore", helens, None).status == 204
            assert ask(base, "POST", "/auth/login", login)[0] == 200
            entries = ask(base, "GET", f"{place}/history", token=helen)[1]
            told = [(entry["event"], entry["actor"]) for entry in entries[:2]]
            assert told == [("auth.user.enabled", "code"), ("auth.user.disabled", "code")]
            assert ask(base, "GET", f"/auth/users/{ids['Anna']}/sessions", token=helen)[1]["code"] == "FORBIDDEN"
        auth.close()


@pytest.mark.parametrize(
    "command",
    [
        ["mypy", "--python-executable", sys.executable, "--cache-dir=/dev/null", "--no-incremental"],
        ["pyright", "--pythonpath", sys.executable],
    ],
    ids=lambda command: str(command[0]),
)
def test_every_snippet_passes_the_type_checkers(command: list[str], tmp_path: Path) -> None:
    """As a reader has it: each in a file of its own, without any setting."""
    (package,) = re.findall(r"```python\n(.*?)```", (ROOT / "bindings-python/README.md").read_text(), re.DOTALL)
    names = []
    for name, code in {**snippets(), "package": package}.items():
        names.append(f"snippet_{name.replace('-', '_')}.py")
        (tmp_path / names[-1]).write_text(code)
    checked = subprocess.run(
        [sys.executable, "-m", *command, *names], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("readme", [ROOT / "README.md", ROOT / "bindings-python/README.md"], ids=["project", "package"])
def test_the_quick_start_names_its_server_and_its_first_admin(readme: Path) -> None:
    text = readme.read_text()
    assert re.search(r'pip install "sentri\[fastapi\]" uvicorn', text) and re.search(r"\nuvicorn app:app", text)
    assert re.search(r"\nsentri users create --identifier username:root --roles admin", text)


def test_step_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCRYPTION_KEY", "a-key-of-32-bytes-for-this-snippet")
    names = run("step-up", tmp_path, monkeypatch)
    auth = names["auth"].blocking
    auth.migrate()
    auth.register(identifiers=[{"type": "username", "value": "rizz"}], password=PASSWORD)
    with uvicorn_server(names["app"]) as base:
        _, body = ask(base, "POST", "/auth/login", {"identifier": "rizz", "password": PASSWORD})
        token = body["data"]["accessToken"]
        assert ask(base, "GET", "/invoices", token=token)[0] == 200
        status, paid = ask(base, "POST", "/payouts", token=token)
        assert status == 200 and paid["authTime"] > 1_700_000_000
        loose = auth.sign_access_token(id=body["data"]["user"]["id"], roles=[])
        status, refused = ask(base, "POST", "/payouts", token=loose)
        assert (status, refused["code"], refused["data"]) == (401, "STEP_UP_REQUIRED", {"maxAge": 600})
        status, body = ask(base, "POST", "/auth/me/reauthenticate", {"password": PASSWORD}, token=token)
        assert status == 200
        assert ask(base, "POST", "/payouts", token=body["data"]["accessToken"])[0] == 200
    auth.close()


def test_second_factor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCRYPTION_KEY", "a-key-of-32-bytes-for-this-snippet")
    names = run("second-factor", tmp_path, monkeypatch)
    auth = names["auth"].blocking
    auth.migrate()
    auth.register(identifiers=[{"type": "username", "value": "rizz"}], password=PASSWORD)
    credentials = {"identifier": "rizz", "password": PASSWORD}
    with uvicorn_server(names["app"]) as base:
        weak = ask(base, "POST", "/auth/login", credentials)[1]["data"]["accessToken"]
        status, refused = ask(base, "POST", "/payouts", token=weak)
        assert (status, refused["code"], refused["data"]) == (401, "STEP_UP_REQUIRED", {"acr": "aal2"})
        app = ask(base, "POST", "/auth/me/factors/totp", {"label": "my phone"}, token=weak)[1]["data"]
        confirmation = {"id": app["id"], "code": totp(app["secret"], 0, int(time.time() * 1000))}
        confirmed = ask(base, "POST", "/auth/me/factors/totp/confirm", confirmation, token=weak)[1]["data"]
        assert len(confirmed["recoveryCodes"]) == 10
        status, asked = ask(base, "POST", "/auth/login", credentials)
        assert (status, asked["code"], asked["data"]["methods"]) == (401, "MFA_REQUIRED", ["totp", "recovery"])
        answer = {"flow": asked["data"]["flow"], "method": "recovery", "code": confirmed["recoveryCodes"][0]}
        strong = ask(base, "POST", "/auth/login/mfa", answer)[1]["data"]["accessToken"]
        assert ask(base, "POST", "/payouts", token=strong) == (200, {"paid": True, "amr": ["pwd", "recovery"]})
    auth.close()


def test_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCRYPTION_KEY", "a-key-of-32-bytes-for-this-snippet")
    names = run("account", tmp_path, monkeypatch)
    auth = names["auth"].blocking
    auth.migrate()
    auth.register(identifiers=[{"type": "username", "value": "rizz"}], password=PASSWORD)
    credentials = {"identifier": "rizz", "password": PASSWORD}
    with uvicorn_server(names["app"]) as base:
        token = ask(base, "POST", "/auth/login", credentials)[1]["data"]["accessToken"]
        assert ask(base, "PUT", "/notes", "a note", token=token) == (200, {"saved": True})
        status, mine = ask(base, "GET", "/my-data", token=token)
        assert (status, mine["account"]["identifiers"][0]["value"], mine["notes"]) == (200, "rizz", "a note")
        status, exported = ask(base, "GET", "/auth/me/export", token=token)
        assert (status, exported["data"]["user"]["id"]) == (200, mine["account"]["user"]["id"])
        assert ask(base, "DELETE", "/notes", token=token) == (200, {"deleted": True})
        assert ask(base, "DELETE", "/auth/me", {"password": PASSWORD}, token=token)[0] == 200
        assert ask(base, "POST", "/auth/login", credentials)[1]["code"] == "INVALID_CREDENTIALS"
    auth.close()


def test_no_program_is_without_its_mark() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
    pages = [page for page in pages if "node_modules" not in page.parts]
    text = "\n".join(page.read_text() for page in pages)
    found = re.findall(r"^(.*)\n```python$", text, re.MULTILINE)
    assert len(found) > 10
    assert [line for line in found if not line.startswith("<!-- python snippet: ")] == []


def test_every_snippet_is_run() -> None:
    assert sorted(snippets()) == [
        "account",
        "administration",
        "django",
        "fastapi",
        "flask",
        "idempotency",
        "import",
        "login-code",
        "password-reset",
        "programmatic",
        "second-factor",
        "step-up",
        "verification",
    ]
