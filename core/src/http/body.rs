//! Reads request bodies: of bounded length, as strict JSON, and empty ones as an empty object.

use serde_json::{Map, Value};

use super::{Body, MAX_BODY};
use crate::error::{Error, ErrorCode};
use crate::json;

/// Reads the body as JSON. An empty body is an empty object, so that requests with a JSON content type need no body.
/// `encoding` is the header `Content-Encoding`, which counts only if the bytes are no JSON, since a body parser of the
/// host may have decoded the body and left the header. Nothing is decoded here, so that no small body expands to a
/// large one.
///
/// # Errors
/// `VALIDATION_ERROR` for more than [`MAX_BODY`] bytes, bad JSON, or a member name that occurs twice, and with the
/// status 415 for an encoded body (RFC 9110, 15.5.16).
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

/// Whether an error says that a body is encoded. Its answer then names the accepted codings.
#[must_use]
pub fn is_about_encoding(error: &Error) -> bool {
    error.status == 415 && error.is(ErrorCode::ValidationError)
}

fn too_large() -> Error {
    Error::new(ErrorCode::ValidationError, format!("The request body is larger than {} KiB", MAX_BODY / 1024))
}
