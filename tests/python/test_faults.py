"""Faults of 6.0.0 by what both versions have, so that the same test runs beside that one: no module, option or name of
later versions is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import sentri
from fastapi import Depends, FastAPI
from sentri.fastapi import AuthServer
from support.servers import options

#: A project of one file, with the admin, templates and REST framework. It says what it saw as JSON.
DJANGO = """
import json, sys
from django.conf import settings

settings.configure(
    SECRET_KEY="of the test's own, not a secret",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib." + name for name in ("admin", "auth", "contenttypes", "sessions", "messages")]
    + ["rest_framework"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }],
)
import django

django.setup()
from django.contrib import admin
from django.http import HttpResponse
from django.template import engines
from django.test import Client
from django.urls import include, path, reverse
from rest_framework.decorators import api_view
from rest_framework.response import Response
from sentri.django import AuthServer

auth = AuthServer(db="sqlite::memory:", secret="a secret of at least thirty-two bytes, for tests",
                  valid_roles=["user"], salt_rounds=10, rate_limit=False)
auth.migrate()


@auth.protect()
def page(request):
    template = engines["django"].from_string("{% if user.is_authenticated %}in{% else %}out{% endif %}")
    return HttpResponse(template.render({}, request))


@auth.protect()
@api_view(["GET"])
def wrapped(request):
    return Response("seen")


@auth.protect()
def changed(request):
    return HttpResponse("changed")


urlpatterns = [path("admin/", admin.site.urls), path("page", page), path("wrapped", wrapped), path("changed", changed)]
if sys.argv[1] == "included":
    urlpatterns.append(path("auth/", include(auth.urls)))
    print(json.dumps([reverse("admin:index")]))
else:
    made = auth.register(identifiers=[{"type": "username", "value": "rizz"}], password="correct horse 1")["user"]
    known = {"HTTP_AUTHORIZATION": "Bearer " + auth.create_session(made["id"])["access_token"]}
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    answer = getattr(client, sys.argv[2])(sys.argv[1], **known)
    print(json.dumps([answer.status_code, answer.content.decode()[:20]]))
"""


def seen_by_django(folder: Path, *words: str) -> Any:
    program = folder / "project.py"
    program.write_text(DJANGO)
    ran = subprocess.run([sys.executable, str(program), *words], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-500:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_g13_include_of_the_urls_leaves_every_name_reversible(tmp_path: Path) -> None:
    assert seen_by_django(tmp_path, "included") == ["/admin/"]


@pytest.mark.parametrize(
    ("path", "method", "seen"),
    [("/page", "get", "in"), ("/wrapped", "get", '"seen"'), ("/changed", "delete", "changed")],
    ids=["a template", "a view of REST framework", "CsrfViewMiddleware"],
)
def test_g14_a_guarded_view_knows_its_user(tmp_path: Path, path: str, method: str, seen: str) -> None:
    assert seen_by_django(tmp_path, path, method) == [200, seen]


def test_g3_the_document_of_fastapi_has_bodies_statuses_and_security() -> None:
    app, auth = FastAPI(), AuthServer(**options())
    auth.install(app, prefix="/auth")

    @app.get("/orders", dependencies=[Depends(auth.protect())])
    async def orders() -> None: ...

    document = app.openapi()
    register = document["paths"]["/auth/register"]["post"]
    assert "requestBody" in register
    # The latter with `verification.required`.
    assert [status for status in register["responses"] if status.startswith("2")] == ["201", "202"]
    assert register["summary"] != "Post /Register"
    assert document["paths"]["/orders"]["get"]["security"]
    assert document["components"]["securitySchemes"]


@pytest.mark.parametrize("secret", ["x", "fifteen bytes.."])
def test_e2_functions_without_a_server_refuse_a_short_secret(secret: str) -> None:
    with pytest.raises(sentri.SentriError) as refused:
        sentri.sign_access_token("u1", secret=secret)
    assert refused.value.code == "CONFIGURATION_ERROR"


def test_e2_functions_without_a_server_warn_of_a_secret_shorter_than_its_hash() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        sentri.sign_access_token("u1", secret="one of sixteen b")
    assert any("secret" in str(one.message) for one in warned)
