"""Middleware that sets the Authorization header of a request: ``protect()`` and the endpoints see the same."""

from __future__ import annotations

from typing import Any

import pytest

from sentri.exchange import seen_by_guard, to_core
from support.apps import configure_django


def exchange(asynchronous: bool, sent: dict[str, str], set_later: dict[str, Any]) -> Any:
    configure_django()
    from django.test import AsyncRequestFactory, RequestFactory

    from sentri.django_messages import DjangoExchange

    if asynchronous:
        request: Any = AsyncRequestFactory().get("/own", **{name: value for name, value in sent.items()})
    else:
        request = RequestFactory().get("/own", **{f"HTTP_{name}": value for name, value in sent.items()})
    for name, value in set_later.items():
        request.META.pop(name, None) if value is None else request.META.update({name: value})
    return DjangoExchange(request)


@pytest.mark.parametrize("asynchronous", (False, True))
@pytest.mark.parametrize(
    ("sent", "set_later", "expect"),
    [
        ({}, {}, None),
        ({"AUTHORIZATION": "Bearer a"}, {}, "Bearer a"),
        ({}, {"HTTP_AUTHORIZATION": "Bearer b"}, "Bearer b"),
        ({"AUTHORIZATION": "Bearer a"}, {"HTTP_AUTHORIZATION": "Bearer b"}, "Bearer b"),
        ({"AUTHORIZATION": "Bearer a"}, {"HTTP_AUTHORIZATION": None}, None),
    ],
)
def test_django_shows_both_what_middleware_has_set(asynchronous: bool, sent: dict[str, str], set_later: dict[str, Any], expect: Any) -> None:
    made = exchange(asynchronous, sent, set_later)
    assert seen_by_guard(made).get("authorization") == expect
    at_endpoint = [value for name, value in to_core(made, "/me", "/auth/me", "")["headers"] if name == "authorization"]
    assert at_endpoint == ([] if expect is None else [expect])
