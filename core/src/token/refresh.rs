//! Refresh tokens: a kind of their own, under a key of their own, for the server alone.

use aws_lc_rs::hmac;
use serde_json::{Map, Value};

use super::claims::{members, seconds};
use super::{TokenError, jws};
use crate::clock::Millis;

/// The `typ` that no access token has (RFC 8725, 3.11).
pub const TYP: &str = "rt+jwt";

/// What a refresh token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshClaims {
    /// Which session.
    pub session_id: String,
    /// Which of its generations.
    pub generation: i64,
    /// Seconds since the epoch.
    pub iat: i64,
    /// Seconds since the epoch.
    pub exp: i64,
}

/// Signs a refresh token.
///
/// # Errors
/// None that a key can cause.
pub fn sign(claims: &RefreshClaims, kid: Option<&str>, key: &hmac::Key) -> Result<String, TokenError> {
    let mut map = Map::new();
    map.insert("sessionId".to_owned(), claims.session_id.as_str().into());
    map.insert("gen".to_owned(), claims.generation.into());
    map.insert("iat".to_owned(), claims.iat.into());
    map.insert("exp".to_owned(), claims.exp.into());
    let header = jws::encode_header("HS256", TYP, kid);
    jws::assemble(&header, Value::Object(map).to_string().as_bytes(), |input| {
        Ok(hmac::sign(key, input).as_ref().to_vec())
    })
}

/// Verifies a refresh token whose header has been read and fits.
///
/// # Errors
/// `Expired`, `Invalid`.
pub fn verify(parts: &jws::Parts<'_>, key: &hmac::Key, now: Millis) -> Result<RefreshClaims, TokenError> {
    let signature = jws::decode(parts.signature)?;
    hmac::verify(key, parts.signing_input.as_bytes(), &signature).map_err(|_| TokenError::Invalid("bad signature"))?;
    let map = members(&jws::decode(parts.payload)?)?;
    let session_id = map.get("sessionId").and_then(Value::as_str).filter(|id| !id.is_empty());
    let generation = map.get("gen").and_then(Value::as_i64).filter(|generation| *generation >= 0);
    let (Some(session_id), Some(generation)) = (session_id, generation) else {
        return Err(TokenError::Invalid("bad claims"));
    };
    let (iat, exp) = (seconds(&map, "iat")?, seconds(&map, "exp")?);
    if now.div_euclid(1000) >= exp {
        return Err(TokenError::Expired);
    }
    Ok(RefreshClaims { session_id: session_id.to_owned(), generation, iat, exp })
}

/// Whether a header is that of a refresh token.
///
/// # Errors
/// `Invalid` when it is not.
pub fn check_header(header: &jws::Header) -> Result<(), TokenError> {
    if header.alg == "HS256" && header.typ.as_deref() == Some(TYP) {
        return Ok(());
    }
    Err(TokenError::Invalid("not a refresh token"))
}
