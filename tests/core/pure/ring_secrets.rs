use sentri_core::audit::identifier_digest;
use sentri_core::crypto::{Secret, derive_key};
use sentri_core::flow;
use sentri_core::store::model::{Flow, StoredCode, StoredKey};
use sentri_core::token::device::{self, DeviceUser, MAX_TOKEN_BYTES};
use sentri_core::token::{Algorithm, KeyRing, SigningKey};

const SECRET: &str = "a-plain-secret-of-at-least-32-bytes!!";
const CODES: &[u8] = b"sentri message code v1";

/// A ring of two keys, of which the first signs from 50,000 on, and their names.
fn two() -> (KeyRing, [String; 2]) {
    let stored = [50_000, 1_000].map(|active_from| {
        let (key, pem) = SigningKey::generate(Algorithm::Es256, 2048).unwrap();
        let kid = key.kid().unwrap().to_owned();
        let algorithm = "ES256".to_owned();
        StoredKey { kid, algorithm, private_key: pem, created_at: 1_000, active_from, retired_at: None }
    });
    let kids = stored.each_ref().map(|key| key.kid.clone());
    (KeyRing::from_stored(&stored, None).unwrap(), kids)
}

fn flow(code: Option<StoredCode>) -> Flow {
    Flow {
        id: "AAAAAAAAAAAAAAAAAAAAAA".into(),
        purpose: "reset".into(),
        user_id: None,
        subject: "mona".into(),
        token_digest: String::new(),
        code,
        attempts: 0,
        max_attempts: 5,
        identifier_id: String::new(),
        address_digest: String::new(),
        payload: Secret::new(String::new()),
        created_at: 0,
        expires_at: 1,
    }
}

#[test]
fn digests_are_of_the_key_that_signs() {
    let ring = KeyRing::from_secret(SECRET, None).unwrap();
    let key = derive_key(SECRET.as_bytes(), CODES);
    let key = key.expose();
    let digest = flow::code_digest(key, "reset", "AAAAAAAAAAAAAAAAAAAAAA", "mona", "123456");
    assert_eq!(ring.digest_code(&flow(None), "123456", 0).unwrap(), (digest, String::new()));
    assert_eq!(ring.digest_spelling("mona", 0).unwrap(), flow::spelling_digest(key, "mona"));
    assert_eq!(ring.make_setup_token("nonce", 0).unwrap(), (flow::setup_token(key, "nonce"), String::new()));
    let audit = ring.audit_digests(0).unwrap();
    assert_eq!((audit.kid(), audit.digest("mona")), ("", identifier_digest(key, "mona")));
    let (ring, [new, old]) = two();
    for (now, kid) in [(1_000, &old), (49_999, &old), (50_000, &new)] {
        assert_eq!(&ring.digest_code(&flow(None), "123456", now).unwrap().1, kid);
        assert_eq!(&ring.make_setup_token("nonce", now).unwrap().1, kid);
        assert_eq!(ring.audit_digests(now).unwrap().kid(), kid);
    }
}

#[test]
fn a_code_is_that_of_its_flow_under_the_key_that_made_it() {
    let (ring, [new, old]) = two();
    let (digest, kid) = ring.digest_code(&flow(None), "123456", 1_000).unwrap();
    assert_eq!(kid, old);
    let kept = |kid: &str| flow(Some(StoredCode { digest: digest.clone(), kid: kid.to_owned(), expires_at: 1 }));
    assert!(ring.is_code_of(&kept(&old), "123456"));
    assert!(!ring.is_code_of(&kept(&old), "123457") && !ring.is_code_of(&kept(&new), "123456"));
    assert!(!ring.is_code_of(&kept("gone"), "123456") && !ring.is_code_of(&flow(None), "123456"));
    assert!(!ring.is_code_of(&Flow { subject: "rizz".into(), ..kept(&old) }, "123456"));
}

#[test]
fn the_token_of_the_first_admin_is_derived_anew_by_its_key() {
    let (ring, [new, old]) = two();
    let (token, kid) = ring.make_setup_token("nonce", 1_000).unwrap();
    assert_eq!(ring.setup_token("nonce", &kid), Some(token.clone()));
    assert_ne!(ring.setup_token("nonce", &new), Some(token.clone()));
    assert_ne!(ring.setup_token("another", &old), Some(token));
    assert_eq!(ring.setup_token("nonce", "gone"), None);
}

#[test]
fn the_longest_device_token_that_is_signed_verifies() {
    let rings = [KeyRing::from_secret(SECRET, None).unwrap(), two().0];
    let mut longest = 0;
    for ring in &rings {
        for length in 1_200..1_500 {
            let nonce = device::encode_nonce([7; 16]);
            let users = [DeviceUser { id: "a".repeat(length), nonce, iat: 60, epoch: None }];
            let Ok(token) = ring.sign_device(&users, None, 60_000) else { continue };
            longest = longest.max(token.len());
            assert_eq!(ring.verify_device(&token, None, 60_000).unwrap(), users);
        }
    }
    assert_eq!(longest, MAX_TOKEN_BYTES);
}
