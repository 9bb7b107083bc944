"""The Python of the documentation: each snippet is run as it stands, the quick starts by a client."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.apps import uvicorn_server, wsgi_server
from support.golden import exchange

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
        [sys.executable, "-m", "sentri", *words.split(), "--json"], input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=60
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
    settings = dict(ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls", SECRET_KEY="of the test", MIDDLEWARE=["urls.SentriMiddleware"])
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
    done = subprocess.run([sys.executable, "serve.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "used", done.stderr


def test_programmatic() -> None:
    done = subprocess.run([sys.executable, "-c", snippets()["programmatic"]], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("INVALID_ROLE 400 {'id': "), done.stderr
    assert done.stderr == ""


def test_idempotency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = run("idempotency", tmp_path, monkeypatch)
    headers = {"content-type": "application/json", "x-idempotency-key": "k"}
    with uvicorn_server(names["app"]) as base:
        answers = [exchange(base, "POST", "/orders", headers, b'{"amount": 1}') for _ in range(2)]
    assert [answer.text for answer in answers] == ['{"number":1}'] * 2
    assert [answer.header("idempotency-replayed") for answer in answers] == [None, "true"]


@pytest.mark.parametrize(
    "command",
    [["mypy", "--python-executable", sys.executable, "--cache-dir=/dev/null", "--no-incremental"], ["pyright", "--pythonpath", sys.executable]],
    ids=lambda command: str(command[0]),
)
def test_every_snippet_passes_the_type_checkers(command: list[str], tmp_path: Path) -> None:
    """As a reader has it: each in a file of its own, without any setting."""
    (package,) = re.findall(r"```python\n(.*?)```", (ROOT / "bindings-python/README.md").read_text(), re.DOTALL)
    names = []
    for name, code in {**snippets(), "package": package}.items():
        names.append(f"snippet_{name}.py")
        (tmp_path / names[-1]).write_text(code)
    checked = subprocess.run([sys.executable, "-m", *command, *names], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("readme", [ROOT / "README.md", ROOT / "bindings-python/README.md"], ids=["project", "package"])
def test_the_quick_start_names_its_server_and_its_first_admin(readme: Path) -> None:
    text = readme.read_text()
    assert re.search(r'pip install "sentri\[fastapi\]" uvicorn', text) and re.search(r"\nuvicorn app:app", text)
    assert re.search(r"\nsentri users create --identifier username:root --roles admin", text)


def test_every_snippet_is_run() -> None:
    assert sorted(snippets()) == ["django", "fastapi", "flask", "idempotency", "programmatic"]
