//! An independent engine agrees: what we sign it verifies, what it signs we verify.

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use sentri_core::token::{AccessClaims, Algorithm, ClaimRules};
use serde_json::Value;

use super::fixtures::{ED25519, NOW, P256_PKCS8, P384_PKCS8, RSA_PKCS8, SECRET, claims, ring, secret_for, signing_key};

fn theirs(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    algorithm.as_str().parse().unwrap()
}

fn encoding_key(algorithm: Algorithm) -> EncodingKey {
    match secret_for(algorithm) {
        SECRET => EncodingKey::from_secret(SECRET.as_bytes()),
        pem @ (P256_PKCS8 | P384_PKCS8) => EncodingKey::from_ec_pem(pem.as_bytes()).unwrap(),
        ED25519 => EncodingKey::from_ed_pem(ED25519.as_bytes()).unwrap(),
        _ => EncodingKey::from_rsa_pem(RSA_PKCS8.as_bytes()).unwrap(),
    }
}

fn decoding_key(algorithm: Algorithm) -> DecodingKey {
    match signing_key(algorithm).public_jwk() {
        None => DecodingKey::from_secret(SECRET.as_bytes()),
        Some(jwk) => DecodingKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap(),
    }
}

#[test]
fn it_verifies_what_we_sign() {
    for algorithm in Algorithm::all() {
        let ring = ring(algorithm);
        let token = ring.sign_access(&claims(), NOW).unwrap();
        let mut validation = Validation::new(theirs(algorithm));
        validation.validate_exp = false;
        let data = decode::<Value>(&token, &decoding_key(algorithm), &validation).unwrap();
        assert_eq!(data.claims, serde_json::to_value(claims()).unwrap(), "{algorithm}");
        assert_eq!(data.header.typ.as_deref(), Some("JWT"));
        assert_eq!(data.header.kid.as_deref(), ring.signing_kid(NOW), "{algorithm}");
    }
}

#[test]
fn we_verify_what_it_signs() {
    for algorithm in Algorithm::all() {
        let ring = ring(algorithm);
        for kid in [None, ring.signing_kid(NOW).map(str::to_owned)] {
            let header = Header { kid, ..Header::new(theirs(algorithm)) };
            let token = encode(&header, &claims(), &encoding_key(algorithm)).unwrap();
            let read: AccessClaims = ring.verify_access(&token, &ClaimRules::default(), NOW).unwrap();
            assert_eq!(read, claims(), "{algorithm}");
        }
    }
}

/// It lets a token choose among the algorithms of a family. We don't, even where the key would do.
#[test]
fn another_algorithm_of_the_same_key_is_refused() {
    for signed in Algorithm::all() {
        let token = encode(&Header::new(theirs(signed)), &claims(), &encoding_key(signed)).unwrap();
        for configured in Algorithm::all() {
            let accepted = ring(configured).verify_access(&token, &ClaimRules::default(), NOW).is_ok();
            assert_eq!(accepted, signed == configured, "{signed} under {configured}");
        }
    }
}
