//! Reads JSON objects without duplicate member names.
//!
//! If two readers pick different members of the same name, checks can be bypassed (RFC 7515, 4; RFC 7517, 4).

use serde_json::{Map, Value};

use crate::json;

/// Reads a JSON object in UTF-8. `None`: it is malformed, text follows it, or a member name occurs twice at any depth.
#[must_use]
pub fn parse_object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match json::parse_strict(object_text(bytes)?.as_bytes()) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

/// Returns `bytes` as text if they can be a JSON object. Derived readers accept arrays for structs too, which this
/// prevents.
pub(super) fn object_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{').then_some(text)
}
