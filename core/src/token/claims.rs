//! What an access token says, and which of it is believed when.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::TokenError;
use super::json::object_text;
use crate::clock::Millis;

/// `9999-12-31T23:59:59Z`. A later instant is a unit mixed up or an attack, never a date.
pub const MAX_SECONDS: i64 = 253_402_300_799;
/// An `iat` further ahead than this is nonsense; a little ahead is a clock that runs fast.
pub const MAX_IAT_AHEAD_SECONDS: i64 = 24 * 60 * 60;

const MAX_MEMBERS: usize = 64;

/// The claims of an access token. Times are in whole seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessClaims {
    /// The user's id; not empty.
    pub id: String,
    /// The user's roles when it was signed.
    pub roles: Vec<String>,
    /// The session it belongs to; `None` when it was signed without one.
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// When it was signed; 0, the oldest possible, when the token doesn't say.
    pub iat: i64,
    /// From when on it is expired.
    pub exp: i64,
    /// Who signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// For whom: the configured audience, or the only one named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
}

/// What a token has to satisfy beside its signature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimRules {
    /// `iss` must be exactly this; a token without it is refused.
    pub issuer: Option<String>,
    /// `aud` must be or contain exactly this; a token without it is refused. Not configured: any `aud` is accepted.
    pub audience: Option<String>,
    /// How far the signer's clock may be off, for `exp`, `nbf` and `iat`. 0 on the server that signed it.
    pub leeway_seconds: i64,
}

/// Reads verified `payload` and applies `rules` at `now`.
///
/// Refused: duplicate names; times that are not whole numbers from 0 to the year 9999 (a number is a number: no strings,
/// fractions or nulls); `exp` missing; `nbf` to come; `iat` more than a day ahead; an empty `id`; roles that are not an
/// array of strings.
///
/// # Errors
/// `Expired` when `exp <= now` and all else is right, else `Invalid`.
pub fn parse_access(payload: &[u8], rules: &ClaimRules, now: Millis) -> Result<AccessClaims, TokenError> {
    match parse_access_ignoring_expiry(payload, rules, now)? {
        (claims, false) => Ok(claims),
        (_, true) => Err(TokenError::Expired),
    }
}

/// [`parse_access`], but an expired token is answered with `true` instead of an error.
///
/// # Errors
/// `Invalid`.
pub fn parse_access_ignoring_expiry(
    payload: &[u8],
    rules: &ClaimRules,
    now: Millis,
) -> Result<(AccessClaims, bool), TokenError> {
    const MALFORMED: TokenError = TokenError::Invalid("claims");
    let raw: Raw = serde_json::from_str(object_text(payload).ok_or(MALFORMED)?).map_err(|_| MALFORMED)?;
    let exp = raw.exp.ok_or(TokenError::Invalid("exp is missing"))?;
    let iat = raw.iat.unwrap_or(0);
    let leeway = rules.leeway_seconds;
    if raw.nbf.is_some_and(|nbf| is_ahead(nbf, leeway, now)) {
        return Err(TokenError::Invalid("nbf is to come"));
    }
    if is_ahead(iat, leeway.saturating_add(MAX_IAT_AHEAD_SECONDS), now) {
        return Err(TokenError::Invalid("iat is to come"));
    }
    if rules.issuer.is_some() && raw.iss != rules.issuer {
        return Err(TokenError::Invalid("iss"));
    }
    let aud = match &rules.audience {
        Some(wanted) if raw.aud.contains(wanted) => Some(wanted.clone()),
        Some(_) => return Err(TokenError::Invalid("aud")),
        None if raw.aud.len() == 1 => raw.aud.into_iter().next(),
        None => None,
    };
    let id = raw.id.filter(|id| !id.is_empty()).ok_or(TokenError::Invalid("id"))?;
    let roles = raw.roles.ok_or(TokenError::Invalid("roles"))?;
    let claims = AccessClaims { id, roles, session_id: raw.session_id, iat, exp, iss: raw.iss, aud };
    Ok((claims, is_over(exp, leeway, now)))
}

/// Whether the instant `seconds` is reached at `now`, `leeway` seconds generously.
pub(super) fn is_over(seconds: i64, leeway: i64, now: Millis) -> bool {
    seconds.saturating_add(leeway).saturating_mul(1000) <= now
}

fn is_ahead(seconds: i64, leeway: i64, now: Millis) -> bool {
    seconds.saturating_sub(leeway).saturating_mul(1000) > now
}

/// The members as they stand.
#[derive(Default)]
struct Raw {
    id: Option<String>,
    roles: Option<Vec<String>>,
    session_id: Option<String>,
    iat: Option<i64>,
    exp: Option<i64>,
    nbf: Option<i64>,
    iss: Option<String>,
    aud: Vec<String>,
}

// Read by hand, since derived readers let unknown members stand twice.
impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Raw, A::Error> {
        let mut raw = Raw::default();
        let mut seen: Vec<Name> = Vec::with_capacity(8);
        while let Some(name) = members.next_key::<Name>()? {
            if seen.contains(&name) || seen.len() == MAX_MEMBERS {
                return Err(A::Error::custom("a name twice, or too many"));
            }
            match &name {
                Name::Id => raw.id = Some(members.next_value()?),
                Name::Roles => raw.roles = Some(members.next_value()?),
                Name::SessionId => raw.session_id = Some(members.next_value::<NonEmpty>()?.0),
                Name::Iat => raw.iat = Some(members.next_value::<NumericDate>()?.0),
                Name::Exp => raw.exp = Some(members.next_value::<NumericDate>()?.0),
                Name::Nbf => raw.nbf = Some(members.next_value::<NumericDate>()?.0),
                Name::Iss => raw.iss = Some(members.next_value()?),
                Name::Aud => raw.aud = members.next_value::<Audience>()?.0,
                Name::Other(_) => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
            seen.push(name);
        }
        Ok(raw)
    }
}

#[derive(PartialEq)]
enum Name {
    Id,
    Roles,
    SessionId,
    Iat,
    Exp,
    Nbf,
    Iss,
    Aud,
    Other(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            "id" => Name::Id,
            "roles" => Name::Roles,
            "sessionId" => Name::SessionId,
            "iat" => Name::Iat,
            "exp" => Name::Exp,
            "nbf" => Name::Nbf,
            "iss" => Name::Iss,
            "aud" => Name::Aud,
            other => Name::Other(other.to_owned()),
        })
    }
}

/// Whole seconds from 1970 to 9999 (RFC 7519, 2, without the fractions that nobody signs).
pub(super) struct NumericDate(pub i64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = i64::deserialize(deserializer)?;
        if (0..=MAX_SECONDS).contains(&seconds) { Ok(Self(seconds)) } else { Err(D::Error::custom("not a date")) }
    }
}

/// A string with something in it.
pub(super) struct NonEmpty(pub String);

impl<'de> Deserialize<'de> for NonEmpty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Err(D::Error::custom("empty")) } else { Ok(Self(text)) }
    }
}

/// One string or an array of strings (RFC 7519, 4.1.3).
struct Audience(Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudienceVisitor).map(Self)
    }
}

struct AudienceVisitor;

impl<'de> Visitor<'de> for AudienceVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E>(self, value: &str) -> Result<Vec<String>, E> {
        Ok(vec![value.to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<String>, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = seq.next_element()? {
            all.push(one);
        }
        Ok(all)
    }
}
