"""What Python remembers of tokens ends with the key that vouched for it, though every request is answered from memory."""

from __future__ import annotations

import subprocess
import sys
import time
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
