//! The texts between the core and its hosts.

use std::borrow::Cow;

use sentri_core::token::claims::AccessView;
use sentri_core::wire;
use serde_json::{Value, json};

const SEPARATOR: char = '\u{1f}';

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    read(text);
    claims(text);
    round(text);
}

/// Whatever a host sends, something comes of it, and what is written again is read as the same.
fn read(text: &str) {
    let value = wire::parse(text);
    let error = wire::read_error(&value);
    assert!((400..600).contains(&error.status), "{error:?}");
    let written = wire::error_value(&error);
    let again = wire::read_error(&written);
    assert_eq!((&again.code, &again.message, again.status), (&error.code, &error.message, error.status));
    let outcome = wire::read_outcome(text);
    if let Ok(value) = outcome {
        assert_eq!(wire::read_outcome(&wire::outcome(Ok(value.clone()))).ok(), Some(value), "a fixed point");
    }
    let request = wire::read_request(&value, Some(text.as_bytes().to_vec()));
    assert!(request.headers.len() <= text.len());
    let guarded = wire::read_guard_request(&value);
    assert_eq!(guarded.method, value.get("method").and_then(Value::as_str).unwrap_or_default());
    let need = wire::read_requirement(text);
    assert_eq!(wire::read_requirement(&wire::requirement_value(need, 0).to_string()), need, "a fixed point");
    let _ = wire::read_limit_key(text);
}

/// Claims that are to be signed: as many parts as separators and one.
fn claims(text: &str) {
    let read = wire::read_claims_text(text);
    let roles: Vec<&str> = read["roles"].as_array().unwrap().iter().map(|role| role.as_str().unwrap()).collect();
    let mut parts = vec![read["id"].as_str().unwrap(), read["sessionId"].as_str().unwrap_or_default()];
    parts.extend(&roles);
    let joined = parts.join(&SEPARATOR.to_string());
    assert!(joined == text || joined.strip_suffix(SEPARATOR) == Some(text), "{text:?}");
}

/// Claims of a token that was verified: a host reads back what was verified, whatever they hold.
fn round(text: &str) {
    let parts: Vec<&str> = text.split('\n').collect();
    let session = parts.get(1).filter(|session| !session.is_empty());
    let roles: Vec<&str> = parts.iter().skip(2).copied().collect();
    let view = AccessView {
        id: Cow::Borrowed(parts[0]),
        roles: roles.iter().map(|role| Cow::Borrowed(*role)).collect(),
        withheld: Vec::new(),
        session_id: session.map(|session| Cow::Borrowed(*session)),
        assurance: None,
        iat: 0,
        exp: 253_402_300_799,
        iss: None,
        aud: None,
    };
    let expected = json!({ "id": parts[0], "roles": roles, "sessionId": session, "exp": 253_402_300_799_i64 });
    assert_eq!(unpack(&wire::verified_text(view)), expected, "{text:?}");
}

/// As the packages do it.
fn unpack(text: &str) -> Value {
    if text.starts_with('{') {
        let mut outcome: Value = serde_json::from_str(text).unwrap();
        return outcome["value"].take();
    }
    let parts: Vec<&str> = text.split(SEPARATOR).collect();
    let session = Some(parts[2]).filter(|session| !session.is_empty());
    json!({ "id": parts[1], "roles": &parts[3..], "sessionId": session, "exp": parts[0].parse::<i64>().unwrap() })
}
