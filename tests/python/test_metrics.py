"""Metrics: what is counted, and the text that Prometheus scrapes, read by Prometheus' own parser."""

from __future__ import annotations

import json
import logging
import types
from typing import Any, Optional
from urllib.request import urlopen

import django.urls
import pytest
from fastapi import FastAPI
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sentri import AuthServer, BlockingAuthServer
from sentri.prometheus import CONTENT_TYPE, asgi_metrics, django_metrics, flask_metrics
from support.apps import configure_django, django_wsgi, uvicorn_server, wsgi_server
from support.servers import login, options, user


def read(auth: Any, sample: str, **labels: str) -> Optional[float]:
    samples = [one for metric in auth.metrics() for one in metric["samples"] if one["name"] == sample]
    return next((one["value"] for one in samples if labels.items() <= one["labels"].items()), None)


@pytest.mark.parametrize("logger", [None, logging.getLogger("metrics")])
def test_every_request_is_counted_once(logger: Optional[logging.Logger]) -> None:
    auth = BlockingAuthServer(**options(**({"logger": logger} if logger else {})))
    auth.migrate()
    auth.register(**user("rizz", roles=["user"]))
    assert auth.handle(*login("rizz", "wrong password")).status == 401
    answer = auth.handle(*login("rizz"))
    token = json.loads(answer.body)["data"]["accessToken"]
    for _ in range(20):
        assert auth.guard_blocking({"method": "GET", "authorization": f"Bearer {token}"}).user is not None
    assert auth.guard_blocking({"method": "GET", "authorization": "Bearer nonsense"}).user is None
    check = auth.role_check(["user"])
    for _ in range(5):
        assert check(auth.guard_blocking({"method": "GET", "authorization": f"Bearer {token}"}).user, None) is None
    count = {
        name: read(auth, "sentri_events_total", event=f"auth.{name}")
        for name in ("login.success", "login.failure", "logout")
    }
    assert count == {"login.success": 1, "login.failure": 1, "logout": 0}
    assert read(auth, "sentri_events_total", event="auth.protect.success") == 25
    assert read(auth, "sentri_events_total", event="auth.protect.failure") == 1
    assert read(auth, "sentri_events_total", event="auth.authorize.passed") == 5
    assert read(auth, "sentri_requests_total", endpoint="POST /login", status="401") == 1


def test_prometheus_reads_the_text() -> None:
    auth = BlockingAuthServer(**options())
    auth.migrate()
    auth.handle(*login("nobody"))
    families = {family.name: family for family in text_string_to_metric_families(auth.metrics_text())}
    for metric in auth.metrics():
        family = families[metric["name"].removesuffix("_total")]
        assert family.type == metric["type"]
        assert family.documentation == metric["help"]
        assert [(one.name, one.labels, one.value) for one in family.samples] == [
            (one["name"], one["labels"], one["value"]) for one in metric["samples"]
        ]
    assert families["sentri_request_duration_seconds"].type == "histogram"


def test_a_route_for_each_framework() -> None:
    auth = AuthServer(**options())
    fastapi = FastAPI()
    fastapi.add_route("/metrics", asgi_metrics(auth))
    flask = Flask("metrics")
    flask.add_url_rule("/metrics", "metrics", flask_metrics(auth))
    configure_django()
    urlconf: Any = types.ModuleType("urls")
    urlconf.urlpatterns = [django.urls.path("metrics", django_metrics(auth))]
    django_app = django_wsgi(urlconf)
    for server in (uvicorn_server(fastapi), wsgi_server(flask), wsgi_server(django_app)):
        with server as base, urlopen(f"{base}/metrics") as answer:
            assert answer.headers["content-type"] == CONTENT_TYPE
            assert answer.read().decode() == auth.metrics_text()
