//! The keys of the tests: those of the RFCs' examples, and a secret.

use std::sync::LazyLock;

use sentri_core::clock::Millis;
use sentri_core::token::claims::ClaimRules;
use sentri_core::token::jwks::JwkSet;
use sentri_core::token::key::SigningKey;
use sentri_core::token::{AccessClaims, Algorithm, KeyRing, TokenError};
use serde_json::{Value, json};

/// The time of every verdict.
pub const NOW: Millis = 1_700_000_000_000;
pub const SECRET: &str = "a secret that nobody guesses, of more than sixty-four bytes in all, for HS512";
pub const RSA: &str = include_str!("../../../core/token/keys/rsa-pkcs8.pem");
pub const P256: &str = include_str!("../../../core/token/keys/p256-pkcs8.pem");
pub const P384: &str = include_str!("../../../core/token/keys/p384-pkcs8.pem");
pub const ED25519: &str = include_str!("../../../core/token/keys/ed25519-pkcs8.pem");

/// The public keys as a set.
pub static SET: LazyLock<Value> = LazyLock::new(|| {
    // A key that names no algorithm is good for each that it fits.
    let jwk = |pem: &&str| {
        let mut jwk = SigningKey::from_pem(pem, None).unwrap().public_jwk().unwrap();
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    };
    let keys: Vec<Value> = [RSA, P256, P384, ED25519].iter().map(jwk).collect();
    json!({ "keys": keys })
});

pub static KEYS: LazyLock<JwkSet> = LazyLock::new(|| JwkSet::from_json(SET.to_string().as_bytes()).unwrap());
pub static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::from_secret(SECRET, Some(Algorithm::Hs256)).unwrap());
pub static SIGNING: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_secret(SECRET.as_bytes(), Algorithm::Hs256).unwrap());

/// The algorithms of [`SET`] that a token may have.
pub fn algorithms() -> Vec<Algorithm> {
    Algorithm::all().filter(|algorithm| !algorithm.is_symmetric()).collect()
}

/// Rules by the first letter of an input, a digit: 1 asks for an issuer, 2 for an audience, 4 gives a minute of leeway.
pub fn rules(flags: &str) -> ClaimRules {
    let flags: u8 = flags.parse().unwrap_or(0);
    ClaimRules {
        issuer: (flags & 1 != 0).then(|| "https://issuer.example".to_owned()),
        audience: (flags & 2 != 0).then(|| "api".to_owned()),
        leeway_seconds: if flags & 4 != 0 { 60 } else { 0 },
    }
}

/// A verdict as text.
pub fn worded(verdict: Result<AccessClaims, TokenError>) -> String {
    match verdict {
        Ok(claims) => json!({
            "id": claims.id, "roles": claims.roles, "sessionId": claims.session_id, "exp": claims.exp
        })
        .to_string(),
        Err(TokenError::Expired) => "TOKEN_EXPIRED".to_owned(),
        Err(TokenError::Invalid(_)) => "TOKEN_INVALID".to_owned(),
    }
}
