//! Private keys in PEM. A key that is read signs what its public half verifies, and no text of a key becomes a secret.

use sentri_core::token::jws::{ExpectedType, sign, verify};
use sentri_core::token::key::{SigningKey, thumbprint};
use sentri_core::token::pem::looks_like_pem;
use sentri_core::token::{Algorithm, KeyRing};

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    if looks_like_pem(text) {
        let secret = KeyRing::from_secret(text, Some(Algorithm::Hs256));
        assert!(secret.is_err(), "a PEM text as a shared secret");
        assert!(quiet(text, &format!("{:?}", secret.unwrap_err())));
    }
    match SigningKey::from_pem(text, None) {
        Ok(key) => signs(text, &key),
        Err(why) => assert!(quiet(text, &format!("{why} {why:?}")), "{why}"),
    }
}

fn signs(text: &str, key: &SigningKey) {
    assert!(looks_like_pem(text) && !key.algorithm().is_symmetric());
    assert!(quiet(text, &format!("{key:?}")), "{key:?}");
    let jwk = key.public_jwk().expect("a public half");
    assert!(jwk.get("d").is_none() && jwk.get("p").is_none() && jwk.get("k").is_none());
    assert_eq!(key.kid(), thumbprint(jwk.as_object().unwrap()).as_deref());
    // A key whose halves don't fit each other signs nothing that anybody would take.
    let Ok(token) = sign(b"{}", "JWT", key.kid(), key) else { return };
    let verifying = key.verifying_key().unwrap();
    assert!(verify(&token, [&verifying], ExpectedType::Exactly("JWT")).is_ok(), "{text}");
}

/// Whether no line of the key's body stands in what is said.
fn quiet(text: &str, said: &str) -> bool {
    text.lines().filter(|line| line.len() >= 32 && !line.contains("---")).all(|line| !said.contains(line))
}
