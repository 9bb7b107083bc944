"""The start of a server before its database (faults A4 and A9)."""

from __future__ import annotations

import asyncio
import os
import warnings
from typing import Any
from urllib.parse import urlsplit

import pytest
from sentri import AuthServer, BlockingAuthServer, SentriError
from support.servers import options


def absent() -> str:
    """A database that the server does not have."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path="/sentri_absent").geturl()


def start(form: str, wait: Any) -> None:
    if form == "threads":
        BlockingAuthServer(**options(db=absent())).migrate(wait=wait)
    else:
        asyncio.run(AuthServer(**options(db=absent())).migrate(wait=wait))


@pytest.mark.parametrize("form", ["threads", "loops"])
def test_the_wait_tells_of_what_is_refused_and_ends(form: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(SentriError, match="database that does not exist") as caught:
            start(form, "600ms")
    assert caught.value.code == "CONFIGURATION_ERROR"
    lines = [str(warning.message) for warning in told]
    assert any(line.startswith("waiting for the database") and "does not exist" in line for line in lines), lines


@pytest.mark.parametrize("form", ["threads", "loops"])
def test_no_wait_is_one_attempt(form: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SentriError, match="database that does not exist"):
            start(form, 0)
