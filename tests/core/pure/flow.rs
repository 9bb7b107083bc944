use std::collections::HashSet;

use sentri_core::crypto::{Secret, derive_key, to_base64url};
use sentri_core::flow::{
    address_digest, code_digest, is_same_digest, make_code, make_flow_id, make_token, normalize_code, spelling_digest,
    token_digest,
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
