//! Refresh tokens. They are always HS256, under a key that is derived from the private part of a signing key.
//!
//! A party that has only the public keys, or uses the shared secret directly, can neither make nor verify a refresh
//! token. The `typ` separates access and refresh tokens even if their keys were equal (RFC 8725, 3.11).

use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::claims::{NonEmpty, NumericDate, is_over};
use super::json::object_text;
use super::key::{KeyError, SigningKey};
use super::{Reason, TokenError};
use crate::clock::Millis;
use crate::crypto::derive_key;

/// The `typ` of refresh tokens.
pub const TYPE: &str = "rt+jwt";

const PURPOSE: &[u8] = b"sentri refresh token v1";

/// The claims of a refresh token. Times are in whole seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefreshClaims {
    /// The id of the session.
    #[serde(rename = "sessionId")]
    pub session_id: String,
    /// The number of rotations before this token, which is not negative.
    #[serde(rename = "gen")]
    pub generation: i64,
    /// The time of the signature.
    pub iat: i64,
    /// The instant from which the token is expired.
    pub exp: i64,
}

/// Derives the key for refresh tokens from the key for access tokens. It has the same `kid`.
///
/// # Errors
/// None in practice, since a derived key is never empty.
pub fn derive_refresh_key(key: &SigningKey) -> Result<SigningKey, KeyError> {
    let derived = derive_key(key.private_bytes().expose(), PURPOSE);
    Ok(SigningKey::from_secret(derived.expose(), Algorithm::Hs256)?.with_kid(key.kid().map(str::to_owned)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw<'p> {
    #[serde(rename = "sessionId", borrow)]
    session_id: NonEmpty<'p>,
    #[serde(rename = "gen")]
    generation: i64,
    iat: NumericDate,
    exp: NumericDate,
}

/// Reads a verified payload, which must have exactly the four members, each once.
///
/// # Errors
/// `Expired` if only `exp` has passed, else `Invalid`.
pub fn parse_refresh(payload: &[u8], now: Millis) -> Result<RefreshClaims, TokenError> {
    const MALFORMED: TokenError = TokenError::Invalid(Reason::Malformed);
    let raw: Raw<'_> = serde_json::from_str(object_text(payload).ok_or(MALFORMED)?).map_err(|_| MALFORMED)?;
    if raw.generation < 0 {
        return Err(TokenError::Invalid(Reason::Malformed));
    }
    if is_over(raw.exp.0, 0, now) {
        return Err(TokenError::Expired);
    }
    let session_id = raw.session_id.0.into_owned();
    Ok(RefreshClaims { session_id, generation: raw.generation, iat: raw.iat.0, exp: raw.exp.0 })
}
