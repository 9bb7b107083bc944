//! JSON without duplicate member names.
//!
//! Two readers that pick different ones of two equal names are how checks get bypassed (RFC 7515, 4; RFC 7517, 4).

use serde_json::{Map, Value};

use crate::json;

/// Reads a JSON object: UTF-8, nothing after it, no name twice at any depth.
#[must_use]
pub fn parse_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match json::parse_strict(object_text(bytes)?.as_bytes()) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

/// `bytes` as text when they can be a JSON object. Derived readers take arrays for structs, too; this stops them.
pub(super) fn object_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{').then_some(text)
}
