//! Compact JWS (RFC 7515, 3.1), read strictly.
//!
//! The only header members are `alg`, `typ` and `kid`, each once and a string. All others are refused, known or not:
//! with `crit` and `b64` (RFC 7797) the payload would mean something else, and `jwk`, `jku`, `x5u` and `x5c` let the
//! sender choose the key (RFC 8725, 3.10). `kid` only picks among the keys at hand; it reaches no file, database or
//! network. Base64url must be canonical, so a token has one spelling. Only a verified payload is read.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};

use super::algorithm::Algorithm;
use super::header::encode_header;
use super::json::object_text;
use super::key::{MAX_SIGNATURE_BYTES, SigningKey, VerifyingKey};
use super::{Reason, TokenError};

/// Longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The required `typ` (RFC 8725, 3.11). Media types are compared without regard to case (RFC 7515, 4.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedType {
    /// Anything, or nothing.
    Any,
    /// This one.
    Exactly(&'static str),
    /// This one, or nothing: what sentri 5 signed carries none.
    OrAbsent(&'static str),
}

/// A payload, and the key that vouches for it.
#[derive(Debug)]
pub struct Verified<'k> {
    /// The decoded payload, not yet looked at.
    pub payload: Vec<u8>,
    /// The key that verified it.
    pub key: &'k VerifyingKey,
}

/// Signs `payload` under a header `{"alg", "typ", "kid"}`; `kid` is left out when there is none.
///
/// # Errors
/// `Invalid` when the key can't sign, or when the token would be longer than any reader of ours takes.
pub fn sign(payload: &[u8], typ: &str, kid: Option<&str>, key: &SigningKey) -> Result<String, TokenError> {
    sign_under_header(payload, &encode_header(key.algorithm(), typ, kid), key)
}

/// [`sign`] under a header that is already encoded.
///
/// # Errors
/// As [`sign`].
pub fn sign_under_header(payload: &[u8], header: &str, key: &SigningKey) -> Result<String, TokenError> {
    let mut token = String::with_capacity(header.len() + payload.len() * 4 / 3 + MAX_SIGNATURE_BYTES / 2);
    token.push_str(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let mut signature = [0; MAX_SIGNATURE_BYTES];
    let length = key.sign(token.as_bytes(), &mut signature)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature[..length], &mut token);
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Invalid(Reason::TooLong));
    }
    Ok(token)
}

/// Verifies `token` with the first of `keys` that fits its `alg` and `kid` and made its signature. A token without
/// `kid` is tried against every key of its algorithm; a token with one against the keys of that name alone.
///
/// # Errors
/// `Invalid` for everything that is not a well-formed token signed by one of `keys`.
pub fn verify<'k>(
    token: &str,
    keys: impl IntoIterator<Item = &'k VerifyingKey>,
    expected: ExpectedType,
) -> Result<Verified<'k>, TokenError> {
    let parts = Parts::split(token)?;
    let mut buffer = [0; MAX_SIGNATURE_BYTES + 2];
    let length = URL_SAFE_NO_PAD
        .decode_slice(parts.signature, &mut buffer)
        .map_err(|_| TokenError::Invalid(Reason::Malformed))?;
    let mut parsed = None;
    let mut reason = Reason::UnknownKey;
    for key in keys {
        // Our own tokens carry the header prepared with the key, letter by letter: nothing to parse then.
        let fits = if parts.header == key.header() && expected.admits(Some(key.typ())) {
            true
        } else {
            if parsed.is_none() {
                parsed = Some(parts.header(expected)?);
            }
            parsed.as_ref().is_some_and(|header| header.fits(key))
        };
        if !fits {
            continue;
        }
        if key.verify_signature(parts.signing_input.as_bytes(), &buffer[..length]).is_ok() {
            let payload = decode(parts.payload)?;
            return Ok(Verified { payload, key });
        }
        reason = Reason::Signature;
    }
    // Without a key to try, the header was not read yet; an unreadable header is malformed in every part.
    let _ = parts.header(expected)?;
    Err(TokenError::Invalid(reason))
}

/// The `kid` that a token claims, unverified: good for deciding whether to look for newer keys, for nothing else.
#[must_use]
pub fn kid_of(token: &str) -> Option<String> {
    read_header(token, ExpectedType::Any).ok()?.kid
}

/// The hint of a token's header at its key, unverified, as [`kid_of`].
///
/// # Errors
/// `Invalid` when no key at all could verify such a token.
pub fn read_header(token: &str, expected: ExpectedType) -> Result<Sought, TokenError> {
    Parts::split(token)?.header(expected)
}

impl ExpectedType {
    fn admits(self, typ: Option<&str>) -> bool {
        match (self, typ) {
            (Self::Any, _) | (Self::OrAbsent(_), None) => true,
            (Self::Exactly(wanted) | Self::OrAbsent(wanted), Some(typ)) => typ.eq_ignore_ascii_case(wanted),
            (Self::Exactly(_), None) => false,
        }
    }
}

struct Parts<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    signing_input: &'t str,
}

impl<'t> Parts<'t> {
    fn split(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid(Reason::Malformed));
        }
        let malformed = TokenError::Invalid(Reason::Malformed);
        let (signing_input, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(malformed)?;
        if payload.contains('.') {
            return Err(malformed);
        }
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(TokenError::Invalid(Reason::Malformed));
        }
        Ok(Self { header, payload, signature, signing_input })
    }

    /// The header of a token that is well-formed as far as this can be seen without a key.
    fn header(&self, expected: ExpectedType) -> Result<Sought, TokenError> {
        decode(self.payload)?;
        Header::parse(self.header, expected)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'h> {
    #[serde(borrow)]
    alg: Cow<'h, str>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    kid: Option<String>,
}

/// A member that is there is a string; `null` is not the same as nothing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// The members of a header that decide which keys are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// `alg`
    pub algorithm: Algorithm,
    /// `kid`, if present.
    pub kid: Option<String>,
}

impl Header<'_> {
    fn parse(encoded: &str, expected: ExpectedType) -> Result<Sought, TokenError> {
        const MALFORMED: TokenError = TokenError::Invalid(Reason::Malformed);
        let bytes = decode(encoded)?;
        let header: Header<'_> = serde_json::from_str(object_text(&bytes).ok_or(MALFORMED)?).map_err(|_| MALFORMED)?;
        if !expected.admits(header.typ.as_deref()) {
            return Err(TokenError::Invalid(Reason::Type));
        }
        let algorithm = Algorithm::from_name(&header.alg).ok_or(TokenError::Invalid(Reason::Algorithm))?;
        Ok(Sought { algorithm, kid: header.kid })
    }
}

impl Sought {
    fn fits(&self, key: &VerifyingKey) -> bool {
        self.algorithm == key.algorithm() && (self.kid.is_none() || self.kid.as_deref() == key.kid())
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Invalid(Reason::Malformed))
}
