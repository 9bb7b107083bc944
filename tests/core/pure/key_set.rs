use sentri_core::crypto::to_base64url;
use sentri_core::token::jwks::JwkSet;
use sentri_core::token::weak::check_rsa_public_key;
use sentri_core::token::{Algorithm, SigningKey, VerifyingKey};
use serde_json::{Value, json};

/// A set of one key, as text, and the name of the key.
fn one() -> (String, String) {
    let (key, _) = SigningKey::generate(Algorithm::Es256, 2048).unwrap();
    let kid = key.kid().unwrap().to_owned();
    (json!({ "keys": [key.public_jwk().unwrap()] }).to_string(), kid)
}

#[test]
fn a_set_has_so_many_bytes_and_no_more() {
    let (text, kid) = one();
    let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    assert!(JwkSet::from_json(padded(65_536).as_bytes()).unwrap().knows_kid(&kid));
    assert!(JwkSet::from_json(padded(65_537).as_bytes()).unwrap_err().message.ends_with("longer than 64 KiB"));
}

#[test]
fn a_set_may_miss_the_key_of_an_access_token_that_names_another_or_none() {
    let (text, kid) = one();
    let set = JwkSet::from_json(text.as_bytes()).unwrap();
    let token = |header: Value| format!("{}.{}.AAAA", to_base64url(header.to_string().as_bytes()), to_base64url(b"{}"));
    for (header, expected) in [
        (json!({ "alg": "ES256", "kid": kid }), false),
        (json!({ "alg": "ES256", "kid": "another" }), true),
        (json!({ "alg": "ES256" }), true),
        (json!({ "alg": "ES384", "kid": "another" }), true),
        (json!({ "alg": "RS256", "kid": "another" }), false),
        (json!({ "alg": "RS256" }), false),
        (json!({ "alg": "none" }), false),
        (json!({ "alg": "ES256", "typ": "refresh+jwt" }), false),
    ] {
        let asked = set.may_miss_key_of(&token(header.clone()), &[Algorithm::Es256, Algorithm::Es384]);
        assert_eq!(asked, expected, "{header}");
    }
    assert!(!set.may_miss_key_of("no token", &[Algorithm::Es256]));
}

#[test]
fn an_empty_secret_verifies_nothing() {
    assert!(VerifyingKey::hmac(Algorithm::Hs256, b"").is_err());
    assert!(VerifyingKey::hmac(Algorithm::Hs256, &[7; 32]).is_ok());
}

#[test]
fn the_bounds_of_rsa_are_to_the_bit() {
    let modulus = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= (8 - bits % 8) % 8;
        n
    };
    for (bits, is_taken) in [(2_047, false), (2_048, true), (2_049, true), (8_191, true), (8_192, true), (8_193, false)]
    {
        assert_eq!(check_rsa_public_key(&modulus(bits), &[1, 0, 1]).is_ok(), is_taken, "{bits}");
    }
    for (exponent, is_taken) in [
        (&[3][..], true),
        (&[0xff, 0xff, 0xff, 0xff], true),
        (&[1, 0, 0, 0, 1], false),
        (&[1], false),
        (&[2], false),
        (&[1, 0], false),
        (&[0, 3], false),
        (&[], false),
    ] {
        assert_eq!(check_rsa_public_key(&modulus(2_048), exponent).is_ok(), is_taken, "{exponent:?}");
    }
    let mut even = modulus(2_048);
    even[255] = 0xfe;
    assert!(check_rsa_public_key(&even, &[3]).is_err() && check_rsa_public_key(&[], &[3]).is_err());
}
