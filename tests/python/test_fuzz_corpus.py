"""The inputs that fuzzing keeps of what the hosts decide too: the package comes to the core's verdict over each of them, by the
calls that a user would make. tests/fuzz has the targets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from sentri import BlockingAuthServer, SentriError, verify_access_token
from sentri.errors import unwrap
from sentri.native import make_tokens
from sentri.options import describe
from support.servers import options

TESTS = Path(__file__).parent.parent
NOW = 1_700_000_000_000
SECRET = "a secret that nobody guesses, of more than sixty-four bytes in all, for HS512"
PEMS = {"rsa-pkcs8": RSAAlgorithm, "p256-pkcs8": ECAlgorithm, "p384-pkcs8": ECAlgorithm, "ed25519-pkcs8": OKPAlgorithm}
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]


def corpus(name: str) -> list[tuple[bytes, str]]:
    """Inputs with their verdicts."""
    entries = json.loads((TESTS / "fuzz/corpus" / f"{name}.json").read_text())
    found = [
        (entry["text"].encode() if "text" in entry else base64.b64decode(entry["base64"]), entry["verdict"])
        for entry in entries
        if "verdict" in entry
    ]
    assert len(found) >= 10, f"{name}: next to nothing"
    return found


def to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def verdict_of(given: dict[str, Any], token: str) -> str:
    tokens = make_tokens(describe(given))
    unwrap(tokens.configuration())
    try:
        return json.dumps(unwrap(tokens.verify_access(token, NOW)), ensure_ascii=False, separators=(",", ":"))
    except SentriError as error:
        return error.code


def same(found: str, verdict: str) -> bool:
    """Members may have another order."""
    return found == verdict or (verdict.startswith("{") and json.loads(found) == json.loads(verdict))


def key_of(name: str) -> dict[str, Any]:
    """The public half of a key, with the name that the core gives it (RFC 7638)."""
    private = load_pem_private_key((TESTS / f"core/token/keys/{name}.pem").read_bytes(), None)
    jwk: dict[str, Any] = PEMS[name].to_jwk(private.public_key(), as_dict=True)
    required = {member: jwk[member] for member in sorted(jwk) if member in ("crv", "e", "kty", "n", "x", "y")}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    return {**required, "kid": to_base64url(digest)}


def test_tokens() -> None:
    given = {"jwks": {"keys": [key_of(name) for name in PEMS]}, "algorithms": ALGORITHMS}
    wrong = [
        (token, verdict) for token, verdict in corpus("token") if not same(verdict_of(given, token.decode()), verdict)
    ]
    assert wrong == []


def test_signed_claims() -> None:
    wrong = []
    for data, verdict in corpus("claims"):
        flags = int(data[:1]) if data[:1].isdigit() else 0
        parts = data[1:].split(b"\n", 1)
        signed = ".".join(to_base64url(part) for part in parts)
        signature = to_base64url(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest())
        given: dict[str, Any] = {"secret": SECRET, "algorithm": "HS256"}
        given |= {"issuer": "https://issuer.example"} if flags & 1 else {}
        given |= {"audience": "api"} if flags & 2 else {}
        given |= {"clock_tolerance": 60} if flags & 4 else {}
        found = verdict_of(given, f"{signed}.{signature}")
        if not same(found, verdict):
            wrong.append((data, verdict, found))
    assert wrong == []


def test_key_sets() -> None:
    """A set that is taken finds no key for the token; one that is refused is an error of configuration. A set with a shared
    secret is taken from one's own options, though not from the network, and is left out here."""
    wrong = []
    for data, verdict in corpus("jwks"):
        try:
            given = data.decode()
        except UnicodeDecodeError:
            assert verdict == "CONFIGURATION_ERROR"
            continue
        if "oct" in given:
            continue
        try:
            verify_access_token("no.token.at-all", jwks=given)
            found = "verified"
        except SentriError as error:
            found = error.code
        if (found == "CONFIGURATION_ERROR") != (verdict == "CONFIGURATION_ERROR"):
            wrong.append((given, verdict, found))
    assert wrong == []


def test_cookies_and_authorization_headers() -> None:
    """The call hands out the one value that counts, or nothing."""
    auth = BlockingAuthServer(
        **options(cookie={"name": "other"}, access_cookie={"name": "refresh_token", "secure": True})
    )
    wrong = []
    for name, header in (("cookie", "Cookie"), ("authorization", "Authorization")):
        for data, verdict in corpus(name):
            text = ";".join(data.decode().split("\n")) if name == "cookie" else data.decode()
            one = (
                next(iter(json.loads(verdict).values()))
                if verdict.startswith('{"one"') or "bearer" in verdict[:9]
                else None
            )
            found = auth.get_current_access_token({header: text})
            if found != one:
                wrong.append((text, verdict, found))
    auth.close()
    assert wrong == []
