//! The compact JWS (RFC 7515, 3.1), signed and strictly verified.
//!
//! A header may have the members `alg`, `typ` and `kid`, each at most once and as a string. Any other member is
//! refused. `crit` and `b64` (RFC 7797) would change the meaning of the payload, and `jwk`, `jku`, `x5u` and `x5c`
//! would let the sender choose the key (RFC 8725, 3.10). `kid` only chooses among the given keys; it reaches no file,
//! database or network. Base64url must be canonical, so that a token has a single spelling. A payload is read only
//! after it was verified.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};

use super::algorithm::Algorithm;
use super::header::encode_header;
use super::json::object_text;
use super::key::{MAX_SIGNATURE_BYTES, SigningKey, VerifyingKey};
use super::{Reason, TokenError};

/// The longest token that is read, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The required `typ` (RFC 8725, 3.11). Media types are compared without regard to case (RFC 7515, 4.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedType {
    /// Any type, or none.
    Any,
    /// This type.
    Exactly(&'static str),
    /// This type or none, since tokens of sentri 5 have no `typ`.
    OrAbsent(&'static str),
}

/// A payload, and the key that verified it.
#[derive(Debug)]
pub struct Verified<'k> {
    /// The decoded payload, whose claims are not checked yet.
    pub payload: Vec<u8>,
    /// The key that verified the signature.
    pub key: &'k VerifyingKey,
}

/// Signs `payload` under a header `{"alg", "typ", "kid"}`. `kid` is left out if there is none.
///
/// # Errors
/// `Invalid` if the key can't sign, or if the token would be longer than [`MAX_TOKEN_BYTES`].
pub fn sign(payload: &[u8], typ: &str, kid: Option<&str>, key: &SigningKey) -> Result<String, TokenError> {
    sign_under_header(payload, &encode_header(key.algorithm(), typ, kid), key)
}

/// Signs as [`sign`] does, under a header that is already encoded.
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
/// `kid` is tried with every key of its algorithm, and a token with `kid` only with the keys of that name.
///
/// # Errors
/// `Invalid` if the token is malformed or none of `keys` signed it.
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
        // Tokens that sentri signed have exactly the header that was prepared with the key, so it need not be parsed.
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
    // If there was no key to try, the header was not read yet, and a malformed header takes precedence over an unknown
    // key.
    let _ = parts.header(expected)?;
    Err(TokenError::Invalid(reason))
}

/// Returns the `kid` that a token claims, without verifying it. It must only be used to decide whether to look for
/// newer keys.
#[must_use]
pub fn kid_of(token: &str) -> Option<String> {
    read_header(token, ExpectedType::Any).ok()?.kid
}

/// Returns the algorithm and the `kid` that a token claims, without verifying them. They must only be used as with
/// [`kid_of`].
///
/// # Errors
/// `Invalid` if no key could verify such a token.
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

    /// Parses the header, and checks that the payload is base64url.
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

/// Reads a member that is present as a string. `null` is not accepted as an absent member.
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
