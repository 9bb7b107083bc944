"""What users of the wheel write, for the type checkers alone: test_types.py has mypy --strict and pyright read it. A
wrong call has a `type: ignore` behind it, which is an error itself where there is nothing to ignore."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

import asyncio
from datetime import timedelta
from typing import Any, Optional

import sentri
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from fastapi import Depends, FastAPI, Request
from flask import Flask, g
from sentri import (
    Access,
    Auth,
    AuthClient,
    AuthServer,
    BlockingAuthServer,
    SentriError,
    User,
    django as for_django,
    fastapi as for_fastapi,
    flask as for_flask,
)
from sentri.testing import Clock
from sentri.types import AccountChange, AuditEntry, HookContext, IssuedSession, UserRoles

# Without a framework.


async def on_login(user: UserRoles, context: HookContext) -> None:
    print(user["id"], user["roles"], context["ip"])


def is_token_revoked(session_id: str) -> bool:
    return session_id == "s1"


auth = AuthServer(
    db={"connection_string": "postgres://localhost/app", "max": 5},
    valid_roles=["user", "admin"],
    access_expires_in=timedelta(minutes=5),
    refresh_expires_in="7d",
    rate_limit={"max_login_attempts": 5},
    cookie={"same_site": "strict"},
    hooks={"on_login": on_login},
    is_token_revoked=is_token_revoked,
    clock=Clock(),
)
blocking: BlockingAuthServer = auth.blocking
same: AuthServer = blocking.asynchronous
tls = AuthServer(
    db={
        "type": "mysql",
        "host": "db",
        "database": "app",
        "user": "app",
        "password": "secret",
        "ssl": {"ca": "pem", "cert": "pem", "key": "pem", "reject_unauthorized": True},
    },
    valid_roles=["user"],
    known_devices=True,
)
in_schema = AuthServer(
    db={"connection_string": "postgres://db/app", "schema": "auth", "ssl": True}, valid_roles=["user"]
)


def access_of(session: IssuedSession) -> Access:
    return auth.verify_access_token(session["access_token"])


async def calls() -> tuple[Access, Optional[str]]:
    await auth.migrate()
    result = await auth.register(
        identifiers=[{"type": "email", "value": "rizz@example.com"}], password="correct horse", roles=["user"]
    )
    if result["success"] is False:
        raise SentriError(result["error"]["code"], result["error"]["message"])
    result["error"]  # type: ignore[typeddict-item]
    session = await auth.create_session(result["user"]["id"])
    await auth.assign_roles(result["user"]["id"], ["admin"])
    found = await auth.find_user("RIZZ@example.com")
    deleted = await auth.bulk_delete_identifiers(access_of(session).id, ["1"])
    deleted["identifiers"]  # type: ignore[typeddict-item]
    names: list[str] = [one["value"] for one in found["identifiers"]] if found else []
    print(names)
    account = await auth.export_user(result["user"]["id"])
    changes: list[AccountChange] = account.get("audit", []) if account else []
    entries: list[AuditEntry] = (await auth.list_audit())["entries"]
    print([(change["event"], change["actor"]) for change in changes], [entry["subject"] for entry in entries])
    changes[0]["session"]  # type: ignore[typeddict-item]
    return auth.verify_access_token(session["access_token"]), auth.get_current_access_token(
        {"authorization": "Bearer x"}
    )


access, _ = asyncio.run(calls())
roles: tuple[str, ...] = access.roles

AuthServer(db="sqlite::memory:", valid_roles=["user"], acess_expires_in="15m")  # type: ignore[call-arg]
AuthServer(db="sqlite::memory:")  # type: ignore[call-arg]
auth.verify_access_token(7)  # type: ignore[arg-type]
blocking.register(identifiers=[{"type": "email"}], password="correct horse")  # type: ignore[typeddict-item]
access.id = "u2"  # type: ignore[misc]

# Client mode.

client = AuthClient(
    key_uri="https://auth.example.com/auth/keys", algorithms=["RS256"], cache_max_age="1h", clock_tolerance=30
)
verified: Access = client.verify_access_token_blocking("a.b.c")
AuthClient(db="sqlite::memory:")  # type: ignore[call-arg]

# By themselves.

token: str = sentri.sign_access_token("u1", ["user"], secret="of at least thirty-two bytes, say", expires_in="5m")
ids: str = sentri.verify_access_token(token, jwks={"keys": []}, issuer="me").id
hashed: str = sentri.hash_password("correct horse", salt_rounds=12, algorithm="argon2id")
sentri.hash_password(None)  # type: ignore[arg-type]

# FastAPI.

app = FastAPI()
fast = for_fastapi.AuthServer(db="sqlite::memory:", valid_roles=["user", "admin"])
fast.install(app, prefix="/auth")
for_fastapi.AuthClient(key_uri="https://auth.example.com/auth/keys").attach(app)


async def is_own(request: Request) -> bool:
    return bool(request.path_params["id"] == request.state.user.id)


@app.get("/me", dependencies=[Depends(fast.rate_limiter(max_attempts=5, duration_seconds=60))])
async def me(user: User = Depends(fast.protect())) -> User:
    return user


@app.get("/own/{id}", dependencies=[Depends(fast.protect()), Depends(fast.permit(is_own, roles=["admin"]))])
async def own(request: Request) -> Optional[str]:
    info: Auth = request.state.auth
    return info.session_id


fast.authorize(7)  # type: ignore[arg-type]
for_fastapi.AuthClient(key_uri="https://auth.example.com/auth/keys").install(app)  # type: ignore[attr-defined]

# Flask.

site = Flask(__name__)
flasks = for_flask.AuthServer(db="sqlite::memory:", valid_roles=["user", "admin"], trust_proxy=1)
flasks.init_app(site, url_prefix="/auth")
flasks.migrate()
for_flask.AuthClient(key_uri="https://auth.example.com/auth/keys").attach(site)


@site.get("/me")
@flasks.protect()
@flasks.authorize("user", "admin")
def flask_me() -> Any:
    return {"id": g.user.id}


flasks.init_app(app)  # type: ignore[arg-type]

# Django.

djangos = for_django.AuthServer(db="sqlite::memory:", valid_roles=["user", "admin"])
away = for_django.AuthClient(key_uri="https://auth.example.com/auth/keys")
SentriMiddleware: type = djangos.middleware


@djangos.protect()
def django_me(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"path": request.path})


@away.protect()
@away.authorize("admin")
async def django_admin(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"path": request.path})


urlpatterns = [path("auth/", include(djangos.urls)), path("me", django_me), path("admin", django_admin)]
away.urls  # type: ignore[attr-defined]
