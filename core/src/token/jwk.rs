//! Public JWKs (RFC 7517) and their thumbprints (RFC 7638).

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use crate::crypto;

/// The members that make a public key, in the order of their names: what a thumbprint is taken of.
pub type Members = Vec<(&'static str, String)>;

/// An RSA key, from big-endian numbers without leading zeros.
#[must_use]
pub fn rsa(n: &[u8], e: &[u8]) -> Members {
    vec![("e", crypto::to_base64url(e)), ("kty", "RSA".to_owned()), ("n", crypto::to_base64url(n))]
}

/// A key on a NIST curve, from coordinates of full width.
#[must_use]
pub fn ec(curve: &str, x: &[u8], y: &[u8]) -> Members {
    vec![
        ("crv", curve.to_owned()),
        ("kty", "EC".to_owned()),
        ("x", crypto::to_base64url(x)),
        ("y", crypto::to_base64url(y)),
    ]
}

/// An Ed25519 key (RFC 8037, 2).
#[must_use]
pub fn ed25519(x: &[u8]) -> Members {
    vec![("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", crypto::to_base64url(x))]
}

/// SHA-256 thumbprint in base64url (RFC 7638, 3).
#[must_use]
pub fn thumbprint(members: &Members) -> String {
    let text: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    crypto::to_base64url(&crypto::sha256(format!("{{{}}}", text.join(",")).as_bytes()))
}

/// The JWK as published.
#[must_use]
pub fn published(members: &Members, algorithm: Algorithm, kid: &str) -> Value {
    let mut jwk = Map::new();
    for name in ["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"] {
        let value = match name {
            "use" => Some("sig"),
            "alg" => Some(algorithm.as_str()),
            "kid" => Some(kid),
            _ => members.iter().find(|(member, _)| *member == name).map(|(_, value)| value.as_str()),
        };
        if let Some(value) = value {
            jwk.insert(name.to_owned(), value.into());
        }
    }
    Value::Object(jwk)
}
