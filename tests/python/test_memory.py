"""What Python remembers of tokens ends with the key that vouched for it, though every request is answered from memory.
What Python signs it signs by the present key, whoever made that."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sentri import BlockingAuthServer, SentriError
from sentri.testing import Clock
from support.servers import options

DELETE_OLDEST = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    (oldest,) = db.execute("SELECT kid FROM sentri_keys ORDER BY created_at LIMIT 1").fetchone()
    assert db.execute("DELETE FROM sentri_keys WHERE kid = ?", [oldest]).rowcount == 1
"""
START = 1_767_225_600_000


def verified(auth: BlockingAuthServer, token: str) -> bool:
    try:
        return bool(auth.verify_access_token(token).id)
    except SentriError as error:
        assert error.code == "TOKEN_INVALID"
        return False


def guarded(auth: BlockingAuthServer, token: str) -> bool:
    return auth.guard_blocking({"method": "GET", "authorization": f"Bearer {token}"}).user is not None


@pytest.mark.parametrize("good", [verified, guarded])
def test_a_key_that_is_taken_out_of_the_database_vouches_for_nothing_more(good: Any, tmp_path: Path) -> None:
    clock, file = Clock(START), tmp_path / "sentri.db"
    auth = BlockingAuthServer(
        **options(db={"filename": file}, secret=None, algorithm="ES256", clock=clock, session_check=False)
    )
    auth.migrate()
    token = auth.sign_access_token("u-1")
    auth.rotate_keys()
    clock.advance(36_000)
    for _ in range(5):
        assert good(auth, token), "retired, and still good"
    # By another process: two SQLite libraries in one destroy a file.
    subprocess.run([sys.executable, "-c", DELETE_OLDEST, str(file)], check=True)
    assert good(auth, token), "nobody has looked yet"
    # From here on every call is answered from memory until that is forgotten.
    clock.advance(16_000)
    until = time.monotonic() + 30
    while good(auth, token):
        assert time.monotonic() < until, "still good"
        time.sleep(0.01)
    auth.close()


def kid_of(token: str) -> str:
    header = token.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"])


SIGNED: dict[str, Callable[[BlockingAuthServer], str]] = {
    "access tokens": lambda auth: auth.sign_access_token("u-1", ["user"]),
    # Separators in the id, so that the claims can't cross in the flat form.
    "access tokens by JSON": lambda auth: auth.sign_access_token("u\x1f1", ["user"]),
    "refresh tokens": lambda auth: auth.sign_refresh_token("s-1"),
}


def pair(folder: Path, clock: Clock) -> tuple[BlockingAuthServer, BlockingAuthServer]:
    """Two servers over one database, as two processes have them."""
    given = options(db={"filename": folder / "sentri.db"}, secret=None, algorithm="ES256", clock=clock)
    one, other = BlockingAuthServer(**given), BlockingAuthServer(**given)
    one.migrate()
    other.ready()
    return one, other


@pytest.mark.parametrize("sign", SIGNED.values(), ids=SIGNED)
def test_a_process_that_only_signs_signs_by_the_key_that_another_made(
    sign: Callable[[BlockingAuthServer], str], tmp_path: Path
) -> None:
    clock = Clock(START)
    signing, other = pair(tmp_path, clock)
    assert kid_of(sign(signing))
    rotated = other.rotate_keys()["kid"]
    clock.advance(36_000)
    until = time.monotonic() + 30
    while kid_of(sign(signing)) != rotated:
        assert time.monotonic() < until, "still the old key"
        time.sleep(0.01)
    # Signing waits for no look; whoever has signed nothing for long calls this before.
    rotated = other.rotate_keys()["kid"]
    clock.advance(3_600_000)
    signing.ready()
    assert kid_of(sign(signing)) == rotated
    signing.close()
    other.close()


def test_a_process_that_only_verifies_refresh_tokens_knows_the_key_that_another_made(tmp_path: Path) -> None:
    clock = Clock(START)
    verifying, other = pair(tmp_path, clock)
    other.rotate_keys()
    clock.advance(36_000)
    token, until = other.sign_refresh_token("s-1"), time.monotonic() + 30
    while True:
        try:
            assert verifying.verify_refresh_token(token) == "s-1"
            break
        except SentriError as error:
            assert error.code == "TOKEN_INVALID" and time.monotonic() < until, error
            time.sleep(0.01)
    verifying.close()
    other.close()
