//! Refresh tokens, device tokens and key wraps: a payload signed as one kind is never another.

use std::sync::LazyLock;

use sentri_core::token::TokenError;
use sentri_core::token::claims::ClaimRules;
use sentri_core::token::device::{MAX_USERS, derive_device_key, parse_device};
use sentri_core::token::jws::sign;
use sentri_core::token::key::SigningKey;
use sentri_core::token::refresh::derive_refresh_key;

use super::keys::{NOW, RING, SIGNING};
use crate::reading::Node;

static REFRESH: LazyLock<SigningKey> = LazyLock::new(|| derive_refresh_key(&SIGNING).unwrap());
static DEVICE: LazyLock<SigningKey> = LazyLock::new(|| derive_device_key(&SIGNING).unwrap());

pub fn check(data: &[u8]) {
    let rules = ClaimRules::default();
    for (key, typ) in [(&*SIGNING, "JWT"), (&*REFRESH, "rt+jwt"), (&*DEVICE, "device+jwt")] {
        let Ok(token) = sign(data, typ, RING.signing_kid(NOW), key) else { return };
        let refresh = RING.verify_refresh(&token, NOW);
        let device = RING.verify_device(&token, None, NOW);
        if typ != "JWT" {
            assert!(RING.verify_access(&token, &rules, NOW).is_err(), "{typ} as an access token");
        }
        if typ != "rt+jwt" {
            assert!(matches!(refresh, Err(TokenError::Invalid(_))), "{typ} as a refresh token");
        }
        if typ != "device+jwt" {
            assert!(matches!(device, Err(TokenError::Invalid(_))), "{typ} as a device token");
        }
        if let Ok(claims) = refresh {
            strict(data, &["sessionId", "gen", "iat", "exp"]);
            assert!(claims.generation >= 0 && claims.exp * 1000 > NOW && !claims.session_id.is_empty());
            let written = serde_json::to_vec(&claims).unwrap();
            let again = sign(&written, typ, RING.signing_kid(NOW), key).unwrap();
            assert_eq!(RING.verify_refresh(&again, NOW), Ok(claims), "a fixed point");
        }
    }
    if let Ok(users) = parse_device(data, None, NOW) {
        strict(data, &["iss", "users"]);
        assert!((1..=MAX_USERS).contains(&users.len()) && users.iter().all(|user| !user.id.is_empty()));
        let token = RING.sign_device(&users, None, NOW).unwrap();
        assert_eq!(RING.verify_device(&token, None, NOW), Ok(users), "a fixed point");
    }
}

/// Holds a payload that was taken to these members alone, each once.
fn strict(payload: &[u8], names: &[&str]) {
    let node = Node::read(payload).expect("what is taken is JSON");
    let Node::Members(members) = &node else { panic!("what is taken is an object") };
    assert!(!node.repeats() && members.iter().all(|(name, _)| names.contains(&name.as_str())), "{members:?}");
}
