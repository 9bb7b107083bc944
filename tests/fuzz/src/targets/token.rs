//! Raw tokens against public keys. What is taken is taken by another implementation too, and has no second spelling.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, Validation};
use sentri_core::token::claims::ClaimRules;
use sentri_core::token::jws::{ExpectedType, MAX_TOKEN_BYTES, kid_of, verify};
use sentri_core::token::{AccessClaims, TokenError};
use serde_json::Value;

use super::claims::model;
use super::keys::{KEYS, NOW, RING, SET, algorithms, worded};

fn decide(token: &str) -> Result<AccessClaims, TokenError> {
    KEYS.verify_access(token, &algorithms(), &ClaimRules::default(), NOW)
}

pub fn check(data: &[u8]) {
    let Some(token) = super::text(data) else { return };
    let found = decide(token);
    assert!(RING.verify_access(token, &ClaimRules::default(), NOW).is_err(), "a secret that signed nothing of it");
    let kid = kid_of(token);
    let Ok(verified) = verify(token, KEYS.keys(), ExpectedType::OrAbsent("JWT")) else {
        assert_ne!(found.as_ref().err(), Some(&TokenError::Expired), "expired is said of what a key has signed");
        assert!(found.is_err());
        return;
    };
    assert!(token.len() <= MAX_TOKEN_BYTES && token.split('.').count() == 3);
    let payload = token.split('.').nth(1).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(&verified.payload), payload, "one spelling");
    assert!(kid.is_none() || kid.as_deref() == verified.key.kid());
    assert!(also_verified(token), "{token} is taken here alone");
    assert_eq!(worded(found), model(&verified.payload, &ClaimRules::default(), NOW), "{token}");
    for other in [format!("{token}="), format!("{token}."), format!(" {token}"), format!("{token}\n")] {
        assert!(decide(&other).is_err(), "{other:?}");
    }
}

pub fn verdict(data: &[u8]) -> Option<String> {
    Some(worded(decide(super::text(data)?)))
}

/// Whether jsonwebtoken finds a key of the set that made the signature under the header's algorithm.
fn also_verified(token: &str) -> bool {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let keys: JwkSet = serde_json::from_value(SET.clone()).unwrap();
    let verifies = |key: &Jwk| {
        let mut rules = Validation::new(header.alg);
        rules.required_spec_claims.clear();
        (rules.validate_exp, rules.validate_nbf, rules.validate_aud) = (false, false, false);
        let Ok(key) = DecodingKey::from_jwk(key) else { return false };
        match jsonwebtoken::decode::<Value>(token, &key, &rules) {
            Ok(_) => true,
            // It reads the payload too, which may be anything; the signature comes first.
            Err(error) => matches!(error.kind(), jsonwebtoken::errors::ErrorKind::Json(_)),
        }
    };
    keys.keys.iter().any(verifies)
}
