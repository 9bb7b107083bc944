//! Request bodies: bounded, strict, and tolerant of an empty body.

use serde_json::{Map, Value};

use super::{Body, MAX_BODY};
use crate::error::{Error, ErrorCode};
use crate::json;

/// The body as JSON; an empty one is an empty object, so that an empty body with a JSON content type works. `encoding`
/// is `Content-Encoding`. It counts only if the bytes are no JSON undecoded: a body parser of the host may have decoded
/// the body and left the header. Nothing is decoded here, so that no small body becomes a large one.
///
/// # Errors
/// `VALIDATION_ERROR` for more than [`MAX_BODY`] bytes, bad JSON, a member name that occurs twice; with the status 415
/// for an encoded body (RFC 9110, 15.5.16).
pub fn read(body: &Body, encoding: Option<&str>) -> Result<Value, Error> {
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
    json::parse_strict(bytes).map_err(|what| match encoding.map(str::trim) {
        None | Some("") => not_json(&what),
        Some(name) if name.eq_ignore_ascii_case("identity") => not_json(&what),
        Some(_) => encoded(),
    })
}

fn not_json(what: &impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::ValidationError, format!("The request body is not valid JSON: {what}"))
}

fn encoded() -> Error {
    let message = "The request body has a Content-Encoding, which is not supported here: send it as it is";
    Error { status: 415, ..Error::new(ErrorCode::ValidationError, message) }
}

/// Whether an error says that a body is encoded, so that the answer names the accepted codings.
#[must_use]
pub fn is_about_encoding(error: &Error) -> bool {
    error.status == 415 && error.is(ErrorCode::ValidationError)
}

fn too_large() -> Error {
    Error::new(ErrorCode::ValidationError, format!("The request body is larger than {} KiB", MAX_BODY / 1024))
}
