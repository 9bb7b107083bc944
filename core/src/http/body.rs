//! Request bodies: bounded, strict, and tolerant of an empty one.

use serde_json::{Map, Value};

use super::{Body, MAX_BODY};
use crate::error::{Error, ErrorCode};
use crate::json;

/// The body as JSON; an empty one is an empty object, so that an empty body with a JSON content type works.
///
/// # Errors
/// `VALIDATION_ERROR` for more than [`MAX_BODY`] bytes, bad JSON, a member name that occurs twice.
pub fn read(body: &Body) -> Result<Value, Error> {
    let bytes = match body {
        Body::Empty => b"".as_slice(),
        Body::Raw(bytes) => bytes,
        Body::Parsed(text) => text.as_bytes(),
        Body::TooLarge => return Err(too_large()),
    };
    if bytes.len() > MAX_BODY {
        return Err(too_large());
    }
    // Some clients put a byte order mark in front; readers may skip it (RFC 8259, 8.1).
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    json::parse_strict(bytes)
        .map_err(|what| Error::new(ErrorCode::ValidationError, format!("The request body is not valid JSON: {what}")))
}

fn too_large() -> Error {
    Error::new(ErrorCode::ValidationError, format!("The request body is larger than {} KiB", MAX_BODY / 1024))
}
