//! Tokens without a server: which secrets they take.

use sentri_core::ErrorCode;
use sentri_core::standalone::Tokens;
use serde_json::json;

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
