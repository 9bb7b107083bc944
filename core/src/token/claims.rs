//! The claims of access tokens (RFC 7519).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::TokenError;
use super::jws;
use crate::clock::Millis;

/// 9999-12-31T23:59:59Z: later instants are nonsense.
const MAX_SECONDS: i64 = 253_402_300_799;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// User id.
    pub id: String,
    /// Roles at the time of signing.
    pub roles: Vec<String>,
    /// Session, unless signed without one.
    pub session_id: Option<String>,
    /// Seconds since the epoch.
    pub iat: i64,
    /// Seconds since the epoch.
    pub exp: i64,
    /// Issuer.
    pub iss: Option<String>,
    /// Audience.
    pub aud: Option<String>,
}

/// What the claims must be beside being signed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClaimRules<'a> {
    /// Exactly this issuer.
    pub issuer: Option<&'a str>,
    /// This audience, alone or in a list.
    pub audience: Option<&'a str>,
    /// Tolerance for clocks that differ; 0 where the issuer verifies its own tokens.
    pub leeway_seconds: i64,
}

impl AccessClaims {
    /// The payload: `{id, roles, sessionId?, iat, exp, iss?, aud?}`.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        let mut map = Map::new();
        map.insert("id".to_owned(), self.id.as_str().into());
        map.insert("roles".to_owned(), self.roles.clone().into());
        if let Some(session_id) = &self.session_id {
            map.insert("sessionId".to_owned(), session_id.as_str().into());
        }
        map.insert("iat".to_owned(), self.iat.into());
        map.insert("exp".to_owned(), self.exp.into());
        for (name, value) in [("iss", &self.iss), ("aud", &self.aud)] {
            if let Some(value) = value {
                map.insert(name.to_owned(), value.as_str().into());
            }
        }
        Value::Object(map).to_string().into_bytes()
    }
}

/// A string, or a list of them (RFC 7519, 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The payload as serde reads it: straight into its types, wrong ones and repeated members refused.
#[derive(Deserialize)]
struct Payload {
    id: String,
    roles: Vec<String>,
    #[serde(rename = "sessionId", default)]
    session_id: Option<String>,
    iat: Option<i64>,
    exp: i64,
    nbf: Option<i64>,
    iss: Option<String>,
    aud: Option<Audience>,
}

/// Reads and judges the claims of a verified payload.
///
/// # Errors
/// `Expired` when `exp` is `now` or earlier and all else is right, `Invalid` otherwise: for a missing, wrong-typed or
/// absurd claim, `nbf` in the future, an issuer or audience that is not the configured one.
pub fn read_access(payload: &[u8], rules: &ClaimRules<'_>, now: Millis) -> Result<AccessClaims, TokenError> {
    let claims: Payload = serde_json::from_slice(payload).map_err(|_| TokenError::Invalid("bad claims"))?;
    let bad_time = |at: i64| !(0..=MAX_SECONDS).contains(&at);
    if claims.id.is_empty() || claims.session_id.as_deref() == Some("") {
        return Err(TokenError::Invalid("empty id"));
    }
    if bad_time(claims.exp) || claims.iat.is_some_and(bad_time) || claims.nbf.is_some_and(bad_time) {
        return Err(TokenError::Invalid("absurd time"));
    }
    if rules.issuer.is_some() && claims.iss.as_deref() != rules.issuer {
        return Err(TokenError::Invalid("wrong issuer"));
    }
    let aud = match claims.aud {
        None => Vec::new(),
        Some(Audience::One(one)) => vec![one],
        Some(Audience::Many(many)) => many,
    };
    if rules.audience.is_some_and(|audience| !aud.iter().any(|one| one == audience)) {
        return Err(TokenError::Invalid("wrong audience"));
    }
    let now = now.div_euclid(1000);
    if claims.nbf.is_some_and(|nbf| nbf > now + rules.leeway_seconds) {
        return Err(TokenError::Invalid("not valid yet"));
    }
    if now >= claims.exp + rules.leeway_seconds {
        return Err(TokenError::Expired);
    }
    Ok(AccessClaims {
        id: claims.id,
        roles: claims.roles,
        session_id: claims.session_id,
        iat: claims.iat.unwrap_or(0),
        exp: claims.exp,
        iss: claims.iss,
        aud: aud.into_iter().next(),
    })
}

/// A whole number of seconds out of a claim.
///
/// # Errors
/// `Invalid` when it is missing, of another type or absurd.
pub(super) fn seconds(map: &Map<String, Value>, name: &str) -> Result<i64, TokenError> {
    let value = map.get(name).and_then(Value::as_i64).filter(|at| (0..=MAX_SECONDS).contains(at));
    value.ok_or(TokenError::Invalid("missing or absurd time"))
}

/// Reads a payload into members, for kinds of tokens that are not hot.
pub(super) fn members(payload: &[u8]) -> Result<Map<String, Value>, TokenError> {
    jws::object(payload, "payload")
}
