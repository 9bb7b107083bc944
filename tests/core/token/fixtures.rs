//! Keys and claims that the tests share. The RSA key is that of RFC 7520, 3.4, the P-256 one of RFC 7515, A.3, the
//! Ed25519 one of RFC 8037, A.1.

use sentri_core::clock::Millis;
use sentri_core::token::{AccessClaims, Algorithm, KeyRing, SigningKey};

pub const NOW: Millis = 1_700_000_000_000;
pub const SECONDS: i64 = NOW / 1000;

pub const RSA_PKCS1: &str = include_str!("keys/rsa-pkcs1.pem");
pub const RSA_PKCS8: &str = include_str!("keys/rsa-pkcs8.pem");
pub const P256_SEC1: &str = include_str!("keys/p256-sec1.pem");
pub const P256_PKCS8: &str = include_str!("keys/p256-pkcs8.pem");
pub const P384_SEC1: &str = include_str!("keys/p384-sec1.pem");
pub const P384_PKCS8: &str = include_str!("keys/p384-pkcs8.pem");
pub const ED25519: &str = include_str!("keys/ed25519-pkcs8.pem");
pub const SECRET: &str = "a secret that nobody guesses, of more than sixty-four bytes in all, for HS512";

pub fn claims() -> AccessClaims {
    AccessClaims {
        id: "018bcfe5-6800-7000-8000-000000000001".to_owned(),
        roles: vec!["user".to_owned(), "admin".to_owned()],
        session_id: Some("018bcfe5-6800-7000-8000-0000000000aa".to_owned()),
        withheld: Vec::new(),
        assurance: None,
        iat: SECONDS,
        exp: SECONDS + 900,
        iss: None,
        aud: None,
    }
}

/// The text that `algorithm` takes as `secret`.
pub fn secret_for(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => SECRET,
        Algorithm::Es256 => P256_PKCS8,
        Algorithm::Es384 => P384_PKCS8,
        Algorithm::EdDsa => ED25519,
        _ => RSA_PKCS8,
    }
}

pub fn ring(algorithm: Algorithm) -> KeyRing {
    KeyRing::from_secret(secret_for(algorithm), Some(algorithm)).unwrap()
}

pub fn signing_key(algorithm: Algorithm) -> SigningKey {
    if algorithm.is_symmetric() {
        SigningKey::from_secret(SECRET.as_bytes(), algorithm).unwrap()
    } else {
        SigningKey::from_pem(secret_for(algorithm), Some(algorithm)).unwrap()
    }
}
