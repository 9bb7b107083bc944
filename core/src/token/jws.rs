//! Compact JWS (RFC 7515, 7.1), strictly: one spelling for every token, one algorithm for every key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::TokenError;
use super::key::{SigningKey, VerifyingKey};
use crate::crypto;
use crate::json;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;

/// A token taken apart; nothing of it is verified.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What the signature is over: header, dot, payload.
    pub signing_input: &'a str,
    /// The first part, as it stands.
    pub header: &'a str,
    /// The second part, as it stands.
    pub payload: &'a str,
    /// The third part, as it stands.
    pub signature: &'a str,
}

/// Takes a token apart.
///
/// # Errors
/// `Invalid` unless it is three non-empty parts within [`MAX_TOKEN`].
pub fn split(token: &str) -> Result<Parts<'_>, TokenError> {
    if token.len() > MAX_TOKEN {
        return Err(TokenError::Invalid("longer than 8 KiB"));
    }
    let wrong = TokenError::Invalid("not three parts");
    let (signing_input, signature) = token.rsplit_once('.').ok_or(wrong)?;
    let (header, payload) = signing_input.split_once('.').ok_or(wrong)?;
    if header.is_empty() || payload.is_empty() || signature.is_empty() || payload.contains('.') {
        return Err(wrong);
    }
    Ok(Parts { signing_input, header, payload, signature })
}

/// Decodes base64url without padding. Every byte string has one encoding: padding, white space and set trailing bits
/// are refused (RFC 4648, 3.5).
///
/// # Errors
/// `Invalid`.
pub fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Invalid("not canonical base64url"))
}

/// The header members that count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// `alg`
    pub alg: String,
    /// `typ`
    pub typ: Option<String>,
    /// `kid`
    pub kid: Option<String>,
}

/// Reads a header. `jwk`, `jku`, `x5u`, `x5c` and the like are not read at all: a token does not bring its own key
/// (RFC 8725, 3.10). Any `crit` and `b64` are refused, because no extension is understood (RFC 7515, 4.1.11).
///
/// # Errors
/// `Invalid`, also for a member name that occurs twice or a member of the wrong type.
pub fn read_header(part: &str) -> Result<Header, TokenError> {
    let map = object(&decode(part)?, "header")?;
    if map.contains_key("crit") || map.contains_key("b64") {
        return Err(TokenError::Invalid("critical extension"));
    }
    let text = |name: &str| match map.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(TokenError::Invalid("header member of the wrong type")),
    };
    let alg = text("alg")?.ok_or(TokenError::Invalid("no alg"))?;
    Ok(Header { alg, typ: text("typ")?, kid: text("kid")? })
}

/// Reads a payload as a JSON object without repeated member names.
///
/// # Errors
/// `Invalid`.
pub fn object(bytes: &[u8], _what: &'static str) -> Result<Map<String, Value>, TokenError> {
    match json::parse_strict(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(TokenError::Invalid("not a JSON object with unique member names")),
    }
}

/// The encoded header of a key's tokens, made once.
#[must_use]
pub fn encode_header(alg: &str, typ: &str, kid: Option<&str>) -> String {
    let mut header = Map::new();
    header.insert("alg".to_owned(), alg.into());
    header.insert("typ".to_owned(), typ.into());
    if let Some(kid) = kid {
        header.insert("kid".to_owned(), kid.into());
    }
    crypto::to_base64url(Value::Object(header).to_string().as_bytes())
}

/// Puts a token together out of an encoded header, payload bytes and whatever signs.
///
/// # Errors
/// The signer's.
pub fn assemble(
    header: &str,
    payload: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, TokenError>,
) -> Result<String, TokenError> {
    let mut token = String::with_capacity(header.len() + payload.len() * 4 / 3 + 400);
    token.push_str(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// Signs payload bytes. The header is `{alg, typ, kid?}`.
///
/// # Errors
/// `Invalid` when the library refuses.
pub fn sign(payload: &[u8], typ: &str, key: &SigningKey) -> Result<String, TokenError> {
    let header = encode_header(key.algorithm().as_str(), typ, key.kid());
    assemble(&header, payload, |input| key.sign(input))
}

/// Verifies a token under one key and answers its header and payload bytes.
///
/// # Errors
/// `Invalid` for anything but a token in its one spelling, of the key's own algorithm, with a good signature.
pub fn verify(token: &str, key: &VerifyingKey) -> Result<(Header, Vec<u8>), TokenError> {
    let parts = split(token)?;
    let header = read_header(parts.header)?;
    if header.alg != key.algorithm().as_str() {
        return Err(TokenError::Invalid("alg is not the key's"));
    }
    Ok((header, verify_parts(&parts, key)?))
}

/// Verifies the signature of a token whose header has been judged, and decodes its payload.
///
/// # Errors
/// `Invalid`.
pub fn verify_parts(parts: &Parts<'_>, key: &VerifyingKey) -> Result<Vec<u8>, TokenError> {
    // The largest signature, RSA of 8192 bits, has 1024 bytes: no allocation for it.
    let mut signature = [0; 1026];
    let length = URL_SAFE_NO_PAD
        .decode_slice(parts.signature, &mut signature)
        .map_err(|_| TokenError::Invalid("not canonical base64url"))?;
    if !key.verifies(parts.signing_input.as_bytes(), &signature[..length]) {
        return Err(TokenError::Invalid("bad signature"));
    }
    decode(parts.payload)
}
