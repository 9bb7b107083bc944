use std::collections::HashSet;

use sentri_core::crypto::{Secret, derive_key, hmac_sha256, to_base64url};
use sentri_core::flow::{
    CODE_LIFE, DAY, FlowPurpose, MFA_LIFE, SETUP_LIFE, address_digest, code_digest, code_of, is_same_digest, make_code,
    make_flow_id, make_token, normalize_code, setup_token, spelling_digest, token_digest,
};
use serde_json::{Value, json};

use crate::vectors::{run, text};

fn code_key(given: &Value) -> Secret<[u8; 32]> {
    derive_key(text(given, "secret").as_bytes(), b"sentri message code v1")
}

#[test]
fn vectors() {
    run("flow", |given| {
        Ok(match text(given, "of") {
            "token" => token_digest(text(given, "token")).into(),
            "typed" => normalize_code(text(given, "typed")).map_or(Value::Null, Value::from),
            "address" => {
                let [flow, kind, value] = ["flow", "type", "value"].map(|name| text(given, name));
                address_digest(flow, kind, value).into()
            }
            "spelling" => spelling_digest(code_key(given).expose(), text(given, "normalized")).into(),
            "code" => {
                let key = code_key(given);
                let [purpose, flow, subject, code] =
                    ["purpose", "flow", "subject", "code"].map(|name| text(given, name));
                code_digest(key.expose(), purpose, flow, subject, code).into()
            }
            other => json!({ "unknown": other }),
        })
    });
}

#[test]
fn secrets_are_random_and_of_one_form() {
    let codes: HashSet<String> = (0..2000).map(|_| make_code()).collect();
    assert!(codes.len() > 1900, "{} different codes of 2000", codes.len());
    assert!(codes.iter().all(|code| normalize_code(code).as_ref() == Some(code)));
    assert!(codes.iter().any(|code| code.starts_with('0')) && codes.iter().any(|code| code.starts_with('9')));
    assert_eq!((make_token().len(), make_flow_id().len()), (43, 22));
    assert_ne!(make_token(), make_token());
    assert!(is_same_digest("a", "a") && !is_same_digest("a", "b") && !is_same_digest("a", "ab"));
    assert_eq!(token_digest("x"), to_base64url(&sentri_core::crypto::sha256(b"x")));
}

#[test]
fn every_code_stands_for_as_many_numbers() {
    for (number, code) in [
        (0, Some("000000")),
        (7, Some("000007")),
        (999_999, Some("999999")),
        (1_000_000, Some("000000")),
        (4_293_999_999, Some("999999")),
        (4_294_000_000, None),
        (4_294_000_001, None),
        (u32::MAX, None),
    ] {
        assert_eq!(code_of(number).as_deref(), code, "{number}");
    }
}

#[test]
fn each_purpose_has_its_name_and_its_life() {
    const MINUTE: i64 = 60_000;
    for (purpose, name, life) in [
        (FlowPurpose::Reset, "reset", 30 * MINUTE),
        (FlowPurpose::Verify, "verify", 1_440 * MINUTE),
        (FlowPurpose::Change, "change", 1_440 * MINUTE),
        (FlowPurpose::Invite, "invite", 4_320 * MINUTE),
        (FlowPurpose::LoginCode, "login-code", 10 * MINUTE),
    ] {
        assert_eq!((purpose.as_str(), purpose.life()), (name, life));
    }
    assert_eq!([CODE_LIFE, MFA_LIFE, SETUP_LIFE, DAY], [10, 5, 60, 1_440].map(|minutes| minutes * MINUTE));
}

#[test]
fn the_token_of_the_first_admin_is_of_its_key_and_nonce() {
    let [key, other] =
        [&b"a secret"[..], b"another secret"].map(|secret| derive_key(secret, b"sentri message code v1"));
    let token = setup_token(key.expose(), "nonce");
    assert_eq!(token, to_base64url(&hmac_sha256(key.expose(), b"setup|nonce")));
    assert_ne!(token, setup_token(other.expose(), "nonce"));
    assert_ne!(token, setup_token(key.expose(), "nonces"));
    assert_ne!(token, spelling_digest(key.expose(), "nonce"));
}
