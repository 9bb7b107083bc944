//! Key sets. A set that is taken has no private member, no name twice, and no weak key by an independent look.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sentri_core::token::jwks::{JwkSet, MAX_SET_BYTES, MAX_SET_KEYS};
use serde_json::{Value, json};

use crate::reading::Node;

const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"];

pub fn check(data: &[u8]) {
    let (set, remote) = (JwkSet::from_json(data), JwkSet::from_remote_json(data));
    match &set {
        Ok(set) => taken(data, set),
        Err(error) => {
            assert!(error.code == "CONFIGURATION_ERROR" && remote.is_err());
            let Ok(Value::Object(read)) = serde_json::from_slice(data) else { return };
            let secrets =
                read.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(|key| key["k"].as_str());
            for secret in secrets.filter(|secret| secret.len() > 8) {
                assert!(!format!("{error:?}").contains(secret), "{error:?}");
            }
        }
    }
    let Ok(remote) = remote else { return };
    assert!(remote.is_same(&set.unwrap()));
    assert!(remote.keys().iter().all(|key| !key.algorithm().is_symmetric()), "a shared secret from the network");
}

fn taken(data: &[u8], set: &JwkSet) {
    assert!(data.len() <= MAX_SET_BYTES && !set.keys().is_empty());
    let node = Node::read(data).expect("what is taken is JSON");
    assert!(!node.repeats(), "a name stands twice");
    let Some(Node::List(entries)) = node.get("keys") else { panic!("keys is no list") };
    assert!(entries.len() <= MAX_SET_KEYS);
    let kids: Vec<&str> = entries.iter().filter_map(|entry| entry.get("kid")?.text()).collect();
    assert!(kids.iter().enumerate().all(|(at, kid)| !kids[..at].contains(kid)), "a kid stands twice");
    for entry in entries {
        assert!(PRIVATE.iter().all(|name| entry.get(name).is_none()), "a private member");
        strong(entry);
    }
    for key in set.keys() {
        assert!(key.kid().is_none_or(|kid| kids.contains(&kid) && set.knows_kid(kid)));
        assert!(set.find(key.kid(), key.algorithm()).next().is_some());
    }
}

/// Sizes, as the members have them.
fn strong(entry: &Node) {
    let bytes = |name: &str| entry.get(name).and_then(Node::text).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    match entry.get("kty").and_then(Node::text) {
        Some("RSA") => {
            let modulus = bytes("n").expect("a modulus");
            let leading = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
            assert!((2048..=8192).contains(&(modulus.len() * 8 - leading)), "{} bytes", modulus.len());
            assert!(modulus.last().is_some_and(|byte| byte % 2 == 1));
            assert!(bytes("e").is_some_and(|exponent| exponent.last().is_some_and(|byte| byte % 2 == 1)));
        }
        Some("OKP") if entry.get("crv").and_then(Node::text) == Some("Ed25519") => {
            assert!(bytes("x").is_some_and(|point| point.len() == 32 && point.iter().any(|byte| *byte != 0)));
        }
        _ => {}
    }
}

pub fn verdict(data: &[u8]) -> Option<String> {
    let set = JwkSet::from_remote_json(data);
    Some(set.map_or_else(
        |_| "CONFIGURATION_ERROR".to_owned(),
        |set| {
            let key = |key: &sentri_core::token::key::VerifyingKey| json!([key.kid(), key.algorithm().as_str()]);
            set.keys().iter().map(key).collect::<Value>().to_string()
        },
    ))
}
