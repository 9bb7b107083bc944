use proptest::prelude::*;
use sentri_core::store::model::StoredKey;
use sentri_core::token::device::{self, DeviceUser, MAX_AGE_SECONDS, MAX_TOKEN_BYTES, MAX_USERS};
use sentri_core::token::{KeyRing, SigningKey};
use serde_json::{Value, json};

use crate::vectors::{self, shown, text, texts};

const SECRET: &str = "a-plain-secret-of-at-least-32-bytes!!";

/// The rings of keys, one each: a ring of several is made of stored keys, of which a shared secret is none.
fn rings(given: &Value) -> Vec<KeyRing> {
    texts(given, "keys").iter().map(|secret| KeyRing::from_secret(secret, None).unwrap()).collect()
}

fn users(value: &Value) -> Vec<DeviceUser> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn vectors() {
    vectors::run("device", |given| match text(given, "op") {
        "verify" => {
            let (token, now) = (text(given, "token"), given["now"].as_i64().unwrap());
            let mut results =
                rings(given).into_iter().map(|ring| ring.verify_device(token, given["issuer"].as_str(), now));
            let first = results.next().unwrap();
            let any = results.fold(first, |before, next| before.or(next));
            any.map(|users| json!(users)).map_err(|error| shown(error.into()))
        }
        "nonces" => {
            let users = users(&given["users"]);
            Ok(device::nonces_of(&users, text(given, "userId")).collect())
        }
        "ids" => Ok(json!(device::ids_of(&users(&given["users"])))),
        "merge" => Ok(json!(device::merge(given["tokens"].as_array().unwrap().iter().map(users)))),
        _ => {
            let mut random = [0; 16];
            for (byte, given) in random.iter_mut().zip(given["nonce"].as_array().unwrap()) {
                *byte = u8::try_from(given.as_u64().unwrap()).unwrap();
            }
            let iat = given["iat"].as_i64().unwrap();
            let nonce = device::encode_nonce(random);
            let latest =
                DeviceUser { id: text(given, "userId").to_owned(), nonce, iat, epoch: given["epoch"].as_i64() };
            let renewed = device::renew(&users(&given["users"]), latest);
            let token = rings(given)[0].sign_device(&renewed, given["issuer"].as_str(), iat * 1000);
            let token = token.map_err(|error| shown(error.into()))?;
            Ok(json!({ "users": renewed, "token": token }))
        }
    });
}

/// Keys of the database: what the one before signed verifies as long as it is kept, and the newest one signs.
#[test]
fn old_keys_verify_while_they_are_kept() {
    let stored = |active_from, retired_at| {
        let (key, pem) = SigningKey::generate(sentri_core::token::Algorithm::Es256, 2048).unwrap();
        StoredKey {
            kid: key.kid().unwrap().to_owned(),
            algorithm: "ES256".to_owned(),
            private_key: pem,
            created_at: active_from,
            active_from,
            retired_at,
        }
    };
    let (old, new) = (stored(1_000, Some(50_000)), stored(50_000, None));
    let user = DeviceUser { id: "rizz".to_owned(), nonce: device::encode_nonce([7; 16]), iat: 2, epoch: None };
    let before = KeyRing::from_stored(std::slice::from_ref(&old), None).unwrap();
    let token = before.sign_device(std::slice::from_ref(&user), None, 2_000).unwrap();
    let both = KeyRing::from_stored(&[new.clone(), old], None).unwrap();
    assert_eq!(both.verify_device(&token, None, 60_000).unwrap(), std::slice::from_ref(&user));
    let renewed = both.sign_device(&[user], None, 60_000).unwrap();
    let after = KeyRing::from_stored(&[new], None).unwrap();
    assert!(after.verify_device(&token, None, 60_000).is_err());
    assert!(after.verify_device(&renewed, None, 60_000).is_ok());
}

#[test]
fn a_login_counts_for_a_year_to_the_second() {
    let ring = KeyRing::from_secret(SECRET, None).unwrap();
    let user = DeviceUser { id: "a".to_owned(), nonce: device::encode_nonce([3; 16]), iat: 1_000, epoch: None };
    let token = ring.sign_device(std::slice::from_ref(&user), None, 1_000_000).unwrap();
    let end = (1_000 + 365 * 86_400) * 1000;
    assert_eq!(MAX_AGE_SECONDS, 31_536_000);
    assert_eq!(ring.verify_device(&token, None, end - 1).unwrap(), [user]);
    assert!(ring.verify_device(&token, None, end).is_err());
}

#[test]
fn the_longest_token_is_read() {
    let ring = KeyRing::from_secret(SECRET, None).unwrap();
    let users: Vec<DeviceUser> = (0..MAX_USERS)
        .map(|at| DeviceUser {
            id: format!("018bcfe5-6800-7000-8000-00000000000{at}"),
            nonce: device::encode_nonce([255; 16]),
            iat: 9_999_999_999,
            epoch: Some(9_999_999),
        })
        .collect();
    let token = ring.sign_device(&users, None, 0).unwrap();
    // A key of the database adds a kid of 43 characters.
    assert!(token.len() + 100 < MAX_TOKEN_BYTES, "{}", token.len());
    assert_eq!(ring.verify_device(&token, None, 9_999_999_999_000).unwrap(), users);
}

fn any_user() -> impl Strategy<Value = DeviceUser> {
    (0_u8..8, any::<[u8; 16]>(), 1_000_i64..2_000).prop_map(|(id, nonce, iat)| DeviceUser {
        id: id.to_string(),
        nonce: device::encode_nonce(nonce),
        iat,
        epoch: (iat % 2 == 0).then_some(iat),
    })
}

proptest! {
    #[test]
    fn what_is_issued_is_read(before in proptest::collection::vec(any_user(), 0..20), id in 0_u8..8) {
        let ring = KeyRing::from_secret(SECRET, None).unwrap();
        let known = device::merge([before].into_iter());
        let id = id.to_string();
        let latest = DeviceUser { id: id.clone(), nonce: device::encode_nonce([1; 16]), iat: 2_000, epoch: None };
        let renewed = device::renew(&known, latest);
        prop_assert!(renewed.len() <= MAX_USERS);
        prop_assert_eq!(device::nonces_of(&renewed, &id).count(), 1);
        for other in &renewed[1..] {
            prop_assert!(known.contains(other), "others stay as they are");
        }
        let token = ring.sign_device(&renewed, None, 2_000_000).unwrap();
        prop_assert!(token.len() <= MAX_TOKEN_BYTES);
        prop_assert_eq!(ring.verify_device(&token, None, 2_000_000).unwrap(), renewed);
    }

    #[test]
    fn no_change_of_a_token_verifies(at in any::<prop::sample::Index>(), byte in any::<char>()) {
        let ring = KeyRing::from_secret(SECRET, None).unwrap();
        let user = DeviceUser { id: "a".to_owned(), nonce: device::encode_nonce([3; 16]), iat: 1_000, epoch: None };
        let token = ring.sign_device(&[user], None, 1_000_000).unwrap();
        let mut changed: Vec<char> = token.chars().collect();
        let at = at.index(changed.len());
        changed[at] = byte;
        let changed: String = changed.into_iter().collect();
        prop_assert_eq!(ring.verify_device(&changed, None, 1_000_000).is_ok(), changed == token);
    }

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        let ring = KeyRing::from_secret(SECRET, None).unwrap();
        prop_assert!(ring.verify_device(&text, None, 0).is_err());
    }
}
