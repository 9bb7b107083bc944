"""The endpoints and guards in the OpenAPI document of a FastAPI application, and in its /docs."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, WebSocket
from sentri import SENTRI_ROUTES, User
from sentri.fastapi import AuthClient, AuthServer
from sentri.openapi import document, operation
from sentri.testing import Mailbox
from support.apps import uvicorn_server
from support.golden import exchange
from support.servers import PASSWORD, options, user

NODE = Path(__file__).parents[1] / "node"


def every_option() -> dict[str, Any]:
    """The options without which some endpoints are not there, beside those of every application here."""
    mailbox = Mailbox(links={"invite": "https://app.example.com/invite"})
    return {"messages": mailbox, "verification": {}, "administration": True, "setup": True, "loginCode": True}


def application(prefix: str = "/auth", **more: Any) -> tuple[FastAPI, AuthServer]:
    # Every option that adds endpoints.
    every = {
        "mfa": {"totp": {"issuer": "Example"}},
        "encryption_key": "a-key-of-32-bytes-for-the-tests--",
    }
    app, auth = FastAPI(), AuthServer(**options(**every, **more))
    auth.install(app, prefix=prefix)

    @app.get("/orders")
    async def orders(user: User = Depends(auth.protect())) -> dict[str, str]:
        return {"of": user.id}

    @app.delete("/orders", dependencies=[Depends(auth.protect()), Depends(auth.authorize("admin"))])
    async def delete_orders() -> None: ...

    @app.get("/open")
    async def open_to_all() -> None: ...

    @app.websocket("/socket")
    async def socket(socket: WebSocket, user: User = Depends(auth.protect())) -> None: ...

    return app, auth


def alternatives(security: list[dict[str, Any]]) -> set[str]:
    """Who may call, whatever the order: the name of a scheme, or nothing for anybody."""
    return {next(iter(one), "") for one in security}


def test_g3_the_endpoints_stand_there_as_the_core_describes_them() -> None:
    # With the options without which some of them are not there.
    app, _ = application(**every_option())
    written = app.openapi()
    for method, pattern, _ in SENTRI_ROUTES:
        found = written["paths"]["/auth" + re.sub(r":(\w+)", r"{\1}", pattern)][method.lower()]
        wanted = operation(method, pattern)
        assert alternatives(found.pop("security", [])) == alternatives(wanted.pop("security")), pattern
        assert found.pop("operationId").startswith(f"{wanted.pop('operationId')}_auth_")
        assert found.pop("tags") == ["auth"]
        assert found == wanted, pattern
    paths = written["paths"]
    assert (
        list(paths["/auth/register"]["post"]["responses"])[0] == "201"
        and "200" not in paths["/auth/register"]["post"]["responses"]
    )
    assert paths["/auth/login"]["post"]["summary"] == "Log in by any identifier"
    body = paths["/auth/login"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["identifier", "password"]


def test_g3_a_route_behind_protect_wants_the_access_token() -> None:
    app, _ = application()
    written = app.openapi()
    for method in ("get", "delete"):
        assert written["paths"]["/orders"][method]["security"] == [{"accessToken": []}]
    assert "security" not in written["paths"]["/open"]["get"]
    assert written["components"]["securitySchemes"] == document()["components"]["securitySchemes"]
    # Client mode guards with the same tokens, and has no endpoints.
    client, auth = FastAPI(), AuthClient(key_uri="https://auth.example.com/auth/keys")
    client.get("/orders", dependencies=[Depends(auth.protect())])(lambda: None)
    written = client.openapi()
    assert written["paths"]["/orders"]["get"]["security"] == [{"accessToken": []}]
    assert list(written["components"]["securitySchemes"]) == ["accessToken"]


def test_g3_the_document_is_valid_and_no_operation_stands_twice() -> None:
    app, auth = application(**every_option())
    app.include_router(auth.router(), prefix="/v2/auth")
    ids = [one["operationId"] for path in app.openapi()["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids)) == 2 * len(SENTRI_ROUTES) + 3
    script = (
        "import { Validator } from '@seriousme/openapi-schema-validator';"
        "let text = ''; for await (const chunk of process.stdin) text += chunk;"
        "const { valid, errors } = await new Validator().validate(JSON.parse(text));"
        "if (!valid) throw new Error(JSON.stringify(errors));"
    )
    checked = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        input=json.dumps(app.openapi()),
        cwd=NODE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr


def test_g3_authorize_works_by_what_the_document_says() -> None:
    """As a page does that knows nothing but the document: it logs in, and sends the token as the scheme says."""
    app, auth = application()
    auth.blocking.migrate()
    assert auth.blocking.register(**user("rizz"))["success"]
    with uvicorn_server(app) as base:
        assert "swagger-ui" in exchange(base, "GET", "/docs", {}).text
        written = json.loads(exchange(base, "GET", "/openapi.json", {}).text)
        login = written["paths"]["/auth/login"]["post"]
        ((media, content),) = login["requestBody"]["content"].items()
        given = {"identifier": "rizz", "password": PASSWORD}
        body = {name: given[name] for name in content["schema"]["required"]}
        answer = json.loads(
            exchange(base, "POST", "/auth/login", {"content-type": media}, json.dumps(body).encode()).text
        )
        for path in ("/orders", "/auth/me"):
            assert exchange(base, "GET", path, {}).status == 401
            (requirement,) = written["paths"][path]["get"]["security"]
            scheme = written["components"]["securitySchemes"][next(iter(requirement))]
            assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
            token = answer["data"]["accessToken"]
            assert exchange(base, "GET", path, {"authorization": f"Bearer {token}"}).status == 200
    auth.blocking.close()


def test_g3_docs_in_a_browser_log_in_authorize_and_call_a_protected_route() -> None:
    app, auth = application()
    auth.blocking.migrate()
    user_id = auth.blocking.register(**user("rizz"))["user"]["id"]
    with uvicorn_server(app) as base:
        script = Path(__file__).parent / "support/docs_browser.mjs"
        seen = subprocess.run(["node", script, base, PASSWORD], capture_output=True, text=True, timeout=180)
    auth.blocking.close()
    assert seen.returncode == 0, seen.stderr
    shown = json.loads(seen.stdout)
    assert (shown["login"], shown["before"], shown["removed"]) == (200, 401, 401)
    assert "accessToken" in shown["schemes"]
    assert shown["after"] == {"status": 200, "data": {"of": user_id}}
    assert (shown["me"]["status"], shown["me"]["data"]["data"]["id"]) == (200, user_id)


def test_endpoints_that_the_options_do_not_make_are_in_no_document() -> None:
    app, _ = application()
    assert not [path for path in app.openapi()["paths"] if "password/" in path or "identifiers/confirm" in path]
    without = AuthServer(**options())
    app = FastAPI()
    without.install(app)
    assert not [path for path in app.openapi()["paths"] if "factors" in path or "mfa" in path or "recovery" in path]
