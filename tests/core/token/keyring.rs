//! The ring: which key signs, which verify, which are published; and the two kinds of token.

use sentri_core::clock::Millis;
use sentri_core::crypto::Secret;
use sentri_core::store::model::StoredKey;
use sentri_core::token::jwks::JwkSet;
use sentri_core::token::jws::{ExpectedType, kid_of, sign, verify};
use sentri_core::token::wrap::WrappingKey;
use sentri_core::token::{Algorithm, ClaimRules, KeyRing, Reason, SigningKey, TokenError};
use sentri_core::{Error, ErrorCode};

use super::fixtures::{ED25519, NOW, P256_PKCS8, P384_PKCS8, SECONDS, claims, ring, signing_key};

const DAY: Millis = 24 * 60 * 60 * 1000;
const SESSION: &str = "018bcfe5-6800-7000-8000-0000000000aa";

fn stored(pem: &str, active_from: Millis, retired_at: Option<Millis>) -> StoredKey {
    let key = SigningKey::from_pem(pem, None).unwrap();
    StoredKey {
        kid: key.kid().unwrap().to_owned(),
        algorithm: key.algorithm().to_string(),
        private_key: Secret::new(pem.to_owned()),
        created_at: active_from,
        active_from,
        retired_at,
    }
}

fn kids(set: &serde_json::Value) -> Vec<&str> {
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect()
}

#[test]
fn rotation_overlaps() {
    let old = stored(P256_PKCS8, NOW - DAY, Some(NOW + 1000));
    let new = stored(ED25519, NOW + 1000, None);
    let before = KeyRing::from_stored(std::slice::from_ref(&old), None).unwrap();
    let ring = KeyRing::from_stored(&[old.clone(), new.clone()], None).unwrap();

    assert_eq!(ring.signing_kid(NOW), Some(old.kid.as_str()), "the next key is known before it signs");
    assert_eq!(ring.signing_kid(NOW + 1000), Some(new.kid.as_str()));
    assert_eq!(ring.signing_algorithm(NOW + 1000), Some(Algorithm::EdDsa));
    assert!(ring.knows_kid(&old.kid) && ring.knows_kid(&new.kid) && !ring.knows_kid("other"));

    let rules = ClaimRules::default();
    let (first, second) =
        (before.sign_access(&claims(), NOW).unwrap(), ring.sign_access(&claims(), NOW + 1000).unwrap());
    assert_eq!((kid_of(&first), kid_of(&second)), (Some(old.kid.clone()), Some(new.kid.clone())));
    for token in [&first, &second] {
        assert_eq!(ring.verify_access(token, &rules, NOW + 2000).unwrap(), claims());
    }
    assert!(matches!(before.verify_access(&second, &rules, NOW), Err(TokenError::Invalid(Reason::UnknownKey))));

    let refresh = before.sign_refresh(SESSION, 4, SECONDS, SECONDS + 60, NOW).unwrap();
    assert_eq!(ring.verify_refresh(&refresh, NOW + 2000).unwrap().generation, 4);

    assert_eq!(kids(&ring.jwks(NOW, DAY).unwrap()), [&new.kid, &old.kid], "published before it signs");
    assert_eq!(kids(&ring.jwks(NOW + 1000 + DAY - 1, DAY).unwrap()), [&new.kid, &old.kid]);
    assert_eq!(kids(&ring.jwks(NOW + 1000 + DAY, DAY).unwrap()), [&new.kid]);

    let after = KeyRing::from_stored(&[new], None).unwrap();
    assert!(after.verify_access(&first, &rules, NOW).is_err(), "who deletes a key ends its tokens");
    assert!(after.verify_refresh(&refresh, NOW).is_err());
}

#[test]
fn a_key_made_by_a_clock_that_runs_ahead_signs_at_once() {
    let (sooner, later) = (stored(P256_PKCS8, NOW + 500, None), stored(ED25519, NOW + 900, None));
    let ring = KeyRing::from_stored(&[later, sooner.clone()], None).unwrap();
    assert_eq!(ring.signing_kid(NOW), Some(sooner.kid.as_str()));
}

#[test]
fn the_start_of_the_key_in_use_is_known_of_stored_keys() {
    let (old, new) = (stored(ED25519, NOW - 9_000, None), stored(P256_PKCS8, NOW + 500, None));
    let ring = KeyRing::from_stored(&[old, new], None).unwrap();
    assert_eq!(ring.signing_since(NOW), Some(NOW - 9_000));
    assert_eq!(ring.signing_since(NOW + 500), Some(NOW + 500));
    for secret in ["a shared secret of more than 32 bytes", ED25519] {
        assert_eq!(KeyRing::from_secret(secret, None).unwrap().signing_since(NOW), None);
    }
}

#[test]
fn stored_keys_are_checked() {
    let wrapping = WrappingKey::new(b"thirty-two random bytes, or more").unwrap();
    let other = WrappingKey::new(b"thirty-two other bytes, or more!").unwrap();
    let clear = stored(ED25519, NOW, None);
    let wrapped = StoredKey { private_key: wrapping.wrap(ED25519, &clear.kid).unwrap(), ..clear.clone() };
    for (row, with) in [(&clear, None), (&clear, Some(&wrapping)), (&wrapped, Some(&wrapping))] {
        assert!(KeyRing::from_stored(std::slice::from_ref(row), with).is_ok());
    }
    let swapped = StoredKey { kid: stored(P256_PKCS8, NOW, None).kid, ..clear.clone() };
    let renamed = StoredKey { kid: "../../etc/passwd".to_owned(), ..wrapped.clone() };
    let wrong_algorithm = StoredKey { algorithm: "RS256".to_owned(), ..clear.clone() };
    let unknown_algorithm = StoredKey { algorithm: "none".to_owned(), ..clear.clone() };
    let damaged = StoredKey { private_key: Secret::new("v1.AAAA".to_owned()), ..clear.clone() };
    for (row, with) in [
        (&wrapped, None),
        (&wrapped, Some(&other)),
        (&swapped, None),
        (&renamed, Some(&wrapping)),
        (&wrong_algorithm, None),
        (&unknown_algorithm, None),
        (&damaged, Some(&wrapping)),
    ] {
        let error = KeyRing::from_stored(std::slice::from_ref(row), with).unwrap_err();
        assert!(error.is(ErrorCode::ConfigurationError), "{error}");
        assert!(error.message.starts_with("keys:") && !error.message.contains("MC4CAQ"), "{error}");
    }
    assert!(KeyRing::from_stored(&[], None).is_err());
}

/// P8: kind by kind, with the same secret and with every algorithm, on the server and from its published keys.
#[test]
fn neither_kind_of_token_is_the_other() {
    let rules = ClaimRules::default();
    for algorithm in Algorithm::all() {
        let ring = ring(algorithm);
        let access = ring.sign_access(&claims(), NOW).unwrap();
        let refresh = ring.sign_refresh(SESSION, 0, SECONDS, SECONDS + 60, NOW).unwrap();
        assert!(ring.verify_access(&access, &rules, NOW).is_ok());
        assert!(ring.verify_refresh(&refresh, NOW).is_ok());
        assert!(matches!(ring.verify_access(&refresh, &rules, NOW), Err(TokenError::Invalid(_))), "{algorithm}");
        assert!(matches!(ring.verify_refresh(&access, NOW), Err(TokenError::Invalid(_))), "{algorithm}");
        assert!(ring.verify_access_ignoring_expiry(&refresh, &rules, NOW).is_err(), "{algorithm}");
        match ring.jwks(NOW, DAY) {
            None => assert!(algorithm.is_symmetric()),
            Some(set) => {
                let set = JwkSet::from_remote_json(set.to_string().as_bytes()).unwrap();
                let all: Vec<Algorithm> = Algorithm::all().collect();
                assert_eq!(set.verify_access(&access, &all, &rules, NOW).unwrap(), claims());
                assert!(set.verify_access(&refresh, &all, &rules, NOW).is_err(), "{algorithm}");
                assert!(verify(&refresh, set.keys(), ExpectedType::Any).is_err(), "{algorithm}");
                let no_others: Vec<Algorithm> = all.into_iter().filter(|other| *other != algorithm).collect();
                assert!(set.verify_access(&access, &no_others, &rules, NOW).is_err(), "{algorithm}");
            }
        }
    }
}

/// Even if both kinds were signed by one key, `typ` and claims would keep them apart.
#[test]
fn the_type_is_part_of_the_kind() {
    let key = signing_key(Algorithm::Hs256);
    let verifying = [key.verifying_key().unwrap()];
    for (typ, expected, good) in [
        ("JWT", ExpectedType::Exactly("JWT"), true),
        ("jwt", ExpectedType::Exactly("JWT"), true),
        ("JWT", ExpectedType::OrAbsent("JWT"), true),
        ("rt+jwt", ExpectedType::OrAbsent("JWT"), false),
        ("JWT", ExpectedType::Exactly("rt+jwt"), false),
        ("rt+jwt", ExpectedType::Exactly("rt+jwt"), true),
        ("rt+jwt", ExpectedType::Any, true),
    ] {
        let token = sign(b"{}", typ, None, &key).unwrap();
        assert_eq!(verify(&token, &verifying, expected).is_ok(), good, "{typ} for {expected:?}");
    }
}

#[test]
fn expiry_is_to_the_second_and_without_leeway() {
    let ring = ring(Algorithm::Hs256);
    let token = ring.sign_access(&claims(), NOW).unwrap();
    let rules = ClaimRules::default();
    let exp = claims().exp * 1000;
    assert!(ring.verify_access(&token, &rules, exp - 1).is_ok());
    assert_eq!(ring.verify_access(&token, &rules, exp), Err(TokenError::Expired));
    assert_eq!(ring.verify_access_ignoring_expiry(&token, &rules, exp - 1), Ok((claims(), false)));
    assert_eq!(ring.verify_access_ignoring_expiry(&token, &rules, exp + 90 * DAY), Ok((claims(), true)));
    let patient = ClaimRules { leeway_seconds: 30, ..rules };
    assert!(ring.verify_access(&token, &patient, exp + 29_999).is_ok());
    assert_eq!(ring.verify_access(&token, &patient, exp + 30_000), Err(TokenError::Expired));
    let refresh = ring.sign_refresh(SESSION, 0, SECONDS, SECONDS + 60, NOW).unwrap();
    assert!(ring.verify_refresh(&refresh, NOW + 59_999).is_ok());
    assert_eq!(ring.verify_refresh(&refresh, NOW + 60_000), Err(TokenError::Expired));
}

#[test]
fn issuer_and_audience_travel() {
    let ring = ring(Algorithm::Es256);
    let mut signed = claims();
    signed.iss = Some("https://auth.example".to_owned());
    signed.aud = Some("shop".to_owned());
    let token = ring.sign_access(&signed, NOW).unwrap();
    let rules = |issuer: &str, audience: &str| ClaimRules {
        issuer: Some(issuer.to_owned()),
        audience: Some(audience.to_owned()),
        leeway_seconds: 0,
    };
    assert_eq!(ring.verify_access(&token, &rules("https://auth.example", "shop"), NOW).unwrap(), signed);
    assert!(ring.verify_access(&token, &rules("https://auth.example", "blog"), NOW).is_err());
    assert!(ring.verify_access(&token, &rules("https://other.example", "shop"), NOW).is_err());
    let bare = ring.sign_access(&claims(), NOW).unwrap();
    assert!(ring.verify_access(&bare, &rules("https://auth.example", "shop"), NOW).is_err());
}

#[test]
fn claims_that_make_a_token_too_long_are_not_signed() {
    let ring = ring(Algorithm::Hs256);
    let mut long = claims();
    long.roles = (0..2000).map(|i| format!("role-{i}")).collect();
    assert!(ring.sign_access(&long, NOW).is_err());
    // Names and payloads of all lengths, so that some token has exactly the greatest.
    let key = signing_key(Algorithm::Hs256);
    let lengths = (0..4).flat_map(|kid| (5_900..6_200).map(move |payload| (kid, payload)));
    let signed =
        lengths.filter_map(|(kid, payload)| sign(&vec![b' '; payload], "JWT", Some(&"k".repeat(kid)), &key).ok());
    assert_eq!(signed.map(|token| token.len()).max(), Some(8_192));
}

#[test]
fn an_unverified_kid_is_read_from_well_formed_tokens_alone() {
    let key = signing_key(Algorithm::Hs256);
    for kid in ["x", "../../../etc/passwd", "' OR 1=1 --", ""] {
        let token = sign(b"{}", "JWT", Some(kid), &key).unwrap();
        assert_eq!((kid_of(&token).as_deref(), KeyRing::kid_of(&token).as_deref()), (Some(kid), Some(kid)));
    }
    assert_eq!(kid_of(&sign(b"{}", "JWT", None, &key).unwrap()), None);
    for bad in ["", "a", "a.b.c", "..", "e30.e30.AA", &"a".repeat(9000)] {
        assert_eq!(kid_of(bad), None, "{bad}");
    }
}

#[test]
fn the_public_form_of_a_refusal_does_not_say_why() {
    for reason in [Reason::Signature, Reason::Type, Reason::Malformed] {
        let error = Error::from(TokenError::Invalid(reason));
        assert!(error.is(ErrorCode::TokenInvalid));
        assert_eq!((error.message.as_str(), error.status, error.details), ("Token is invalid", 401, None));
    }
    let error = Error::from(TokenError::Expired);
    assert!(error.is(ErrorCode::TokenExpired));
    assert_eq!((error.message.as_str(), error.status), ("Token has expired", 401));
}

/// The thumbprint names the key; the algorithm is part of the row, so that a rotation may change it.
#[test]
fn one_ring_holds_keys_of_several_algorithms() {
    let rows = [stored(P256_PKCS8, 1, Some(2)), stored(P384_PKCS8, 2, Some(3)), stored(ED25519, 3, None)];
    let ring = KeyRing::from_stored(&rows, None).unwrap();
    for row in &rows {
        let alone = KeyRing::from_stored(std::slice::from_ref(row), None).unwrap();
        let token = alone.sign_access(&claims(), NOW).unwrap();
        assert!(ring.verify_access(&token, &ClaimRules::default(), NOW).is_ok(), "{}", row.algorithm);
    }
}

#[test]
fn a_set_is_searched_by_kid_and_algorithm() {
    let rows = [stored(P256_PKCS8, 1, Some(2)), stored(P384_PKCS8, 2, Some(3)), stored(ED25519, 3, None)];
    let published = KeyRing::from_stored(&rows, None).unwrap().jwks(3, DAY).unwrap();
    let set = JwkSet::from_remote_json(published.to_string().as_bytes()).unwrap();
    let [es256, es384, eddsa] = rows.map(|row| row.kid);
    let found = |kid: Option<&str>, algorithm| -> Vec<String> {
        set.find(kid, algorithm).map(|key| key.kid().unwrap().to_owned()).collect()
    };
    assert_eq!(found(Some(&es256), Algorithm::Es256), [es256.as_str()]);
    assert_eq!(found(None, Algorithm::Es384), [es384.as_str()]);
    assert!(found(Some(&es256), Algorithm::EdDsa).is_empty());
    assert!(found(Some("other"), Algorithm::Es256).is_empty());
    assert!(set.knows_kid(&eddsa) && !set.knows_kid("other"));
}

#[test]
fn each_reason_has_its_word() {
    for (reason, word) in [
        (Reason::Malformed, "malformed"),
        (Reason::Type, "type"),
        (Reason::Algorithm, "algorithm"),
        (Reason::UnknownKey, "unknown_key"),
        (Reason::Signature, "signature"),
        (Reason::NotYetValid, "not_yet_valid"),
        (Reason::Issuer, "issuer"),
        (Reason::Audience, "audience"),
        (Reason::TooLong, "too_long"),
        (Reason::Unsignable, "unsignable"),
    ] {
        let error = TokenError::Invalid(reason);
        assert_eq!((error.reason(), error.to_string()), (word, format!("the token is invalid: {word}")));
    }
    let expired = TokenError::Expired;
    assert_eq!((expired.reason(), expired.to_string().as_str()), ("expired", "the token has expired"));
}
