//! Tokens and passwords without a server: the secrets and the passwords that they accept.

use sentri_core::ErrorCode;
use sentri_core::standalone::{Tokens, passwords};
use serde_json::{Value, json};

#[test]
fn a_secret_has_at_least_16_bytes_and_is_warned_of_below_its_hash() {
    for (length, algorithm, warned) in
        [(16, "HS256", true), (31, "HS256", true), (32, "HS256", false), (47, "HS384", true), (64, "HS512", false)]
    {
        let options = json!({ "secret": "x".repeat(length), "algorithm": algorithm });
        assert_eq!(Tokens::from_options(&options).unwrap().warning().is_some(), warned, "{length} {algorithm}");
    }
    for length in [1, 15] {
        let error = Tokens::from_options(&json!({ "secret": "x".repeat(length) })).unwrap_err();
        assert!(error.is(ErrorCode::ConfigurationError));
        assert!(error.message.starts_with("secret has") && error.message.contains("openssl rand"), "{}", error.message);
    }
}

#[test]
fn a_file_may_hold_the_secret() {
    let path = std::env::temp_dir().join(format!("sentri-secret-{}", std::process::id()));
    let options = json!({ "secretFile": path });
    let refused = || Tokens::from_options(&options).unwrap_err().message;
    assert!(refused().starts_with("secretFile can't be read"));
    for (content, why) in
        [(" \n".to_owned(), "empty"), ("x".repeat(70_000), "64 KiB"), ("short\n".to_owned(), "5 bytes")]
    {
        std::fs::write(&path, content).unwrap();
        assert!(refused().contains(why), "{}", refused());
    }
    let secret = "a secret of at least thirty-two bytes";
    std::fs::write(&path, format!("{secret}\n")).unwrap();
    let token = Tokens::from_options(&options).unwrap().sign_access(&json!({ "id": "rizz" }), 0).unwrap();
    let verified = Tokens::from_options(&json!({ "secret": secret })).unwrap().verify_access(&token, 0).unwrap();
    assert_eq!(verified.id, "rizz", "the line's end is none of it");
    let both = Tokens::from_options(&json!({ "secret": secret, "secretFile": path })).unwrap_err();
    assert!(both.message.starts_with("secretFile and secret exclude each other"));
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_password_is_hashed_by_the_rules_that_are_given() {
    let hash = |password: String, options: Value| async move { passwords(&options).unwrap().hash(password).await };
    for (password, options, rule) in [
        ("", json!({}), "at least 1 "),
        ("short", json!({ "minLength": 15 }), "at least 15 "),
        ("correct horse", json!({ "maxLength": 10 }), "longer than 10 "),
        ("password", json!({ "preset": "nist", "minLength": 8 }), "too well known"),
        ("seven chars", json!({ "preset": "nist" }), "at least 15 "),
    ] {
        let refused = hash(password.to_owned(), options).await.unwrap_err();
        assert!(refused.is(ErrorCode::ValidationError) && refused.message.contains(rule), "{}", refused.message);
    }
    let long = hash("x".repeat(1025), json!({ "algorithm": "argon2id" })).await.unwrap_err();
    assert!(long.message.contains("longer than 1024 "), "{}", long.message);
    let dear = passwords(&json!({ "saltRounds": 17 })).unwrap_err();
    assert!(dear.message.starts_with("saltRounds must be at most 16"), "{}", dear.message);
}

#[tokio::test]
async fn every_hash_that_is_made_verifies() {
    for (length, options) in [
        (1, json!({ "saltRounds": 10 })),
        (72, json!({ "saltRounds": 10 })),
        (1024, json!({ "algorithm": "argon2id" })),
        (4096, json!({ "algorithm": "argon2id", "maxLength": 4096 })),
    ] {
        let letter = if length == 72 { "x" } else { "\u{1f40e}" };
        let password = letter.repeat(length);
        let hash = passwords(&options).unwrap().hash(password.clone()).await.unwrap();
        let anywhere = passwords(&json!({})).unwrap();
        assert_eq!(anywhere.verify(password, hash.as_str().unwrap().to_owned()).await.unwrap(), true, "{length}");
    }
}

#[test]
fn no_clock_tolerance_is_the_default_and_may_be_said() {
    let secret = "a secret of at least thirty-two bytes";
    let is_good_late = |tolerance: Value, late: i64| {
        let options = json!({ "secret": secret, "expiresIn": "5m", "clockTolerance": tolerance });
        let tokens = Tokens::from_options(&options).unwrap();
        let token = tokens.sign_access(&json!({ "id": "u1", "roles": ["user"] }), 0).unwrap();
        tokens.verify_access(&token, 300_000 + late).is_ok()
    };
    for none in [json!(null), json!(0)] {
        assert!(is_good_late(none.clone(), -1) && !is_good_late(none, 0));
    }
    assert!(is_good_late(json!("10s"), 9_000) && !is_good_late(json!("10s"), 11_000));
}
