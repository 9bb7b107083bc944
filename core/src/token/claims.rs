//! The claims of an access token, and the rules by which they are accepted.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::json::object_text;
use super::{Reason, TokenError};
use crate::assurance::Assurance;
use crate::clock::Millis;

mod raw;

pub use raw::MAX_SECONDS;
pub(super) use raw::{NonEmpty, NumericDate};
use raw::{Raw, Text};

/// The most seconds by which `iat` may be ahead, since the signer's clock may be fast. A later `iat` is refused.
pub const MAX_IAT_AHEAD_SECONDS: i64 = 24 * 60 * 60;

/// The claims of an access token. Times are in whole seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessClaims {
    /// The user's id, which is not empty.
    pub id: String,
    /// The user's roles that were in effect when the token was signed.
    pub roles: Vec<String>,
    /// The user's other roles, which are not in effect until a second factor is presented. None of them is among
    /// `roles`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
    /// The id of the session that the token belongs to. `None`: it was signed without a session.
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// `acr`, `amr` and `auth_time`. `None`: the token has none of them.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<Assurance>,
    /// The time of the signature. It is 0, the oldest possible time, if the token has no `iat`.
    pub iat: i64,
    /// The instant from which the token is expired.
    pub exp: i64,
    /// The issuer, which signed the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The audience. It is the configured audience, or else the only audience that the token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
}

/// The claims of an access token as in [`AccessClaims`], borrowed from the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessView<'p> {
    /// The user's id, which is not empty.
    pub id: Cow<'p, str>,
    /// The user's roles that were in effect when the token was signed.
    pub roles: Vec<Cow<'p, str>>,
    /// The user's other roles, which are not in effect until a second factor is presented.
    pub withheld: Vec<Cow<'p, str>>,
    /// The id of the session that the token belongs to.
    pub session_id: Option<Cow<'p, str>>,
    /// `acr`, `amr` and `auth_time`.
    pub assurance: Option<Assurance>,
    /// The time of the signature.
    pub iat: i64,
    /// The instant from which the token is expired.
    pub exp: i64,
    /// The issuer, which signed the token.
    pub iss: Option<Cow<'p, str>>,
    /// The audience.
    pub aud: Option<Cow<'p, str>>,
}

impl From<AccessView<'_>> for AccessClaims {
    fn from(view: AccessView<'_>) -> Self {
        let AccessView { id, roles, withheld, session_id, assurance, iat, exp, iss, aud } = view;
        Self {
            id: id.into_owned(),
            roles: roles.into_iter().map(Cow::into_owned).collect(),
            withheld: withheld.into_iter().map(Cow::into_owned).collect(),
            session_id: session_id.map(Cow::into_owned),
            assurance,
            iat,
            exp,
            iss: iss.map(Cow::into_owned),
            aud: aud.map(Cow::into_owned),
        }
    }
}

/// The rules that a token must meet beside its signature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimRules {
    /// The required `iss`. A token without it is refused. `None`: any `iss` is accepted.
    pub issuer: Option<String>,
    /// The required `aud`, which the claim must be or contain (RFC 7519, 4.1.3). A token without it is refused. `None`:
    /// any `aud` is accepted.
    pub audience: Option<String>,
    /// The tolerance for the signer's clock, for `exp`, `nbf` and `iat`. It is 0 on the server that signed the token.
    pub leeway_seconds: i64,
}

/// Reads verified `payload` and applies `rules` at `now`.
///
/// It refuses duplicate names, times that are not JSON integers from 0 to the year 9999, a missing `exp`, an `nbf` in
/// the future, an `iat` more than a day in the future, an empty or missing `id`, and roles that are not an array of
/// strings.
///
/// # Errors
/// `Expired` if only `exp` has passed, else `Invalid`.
pub fn view_access<'p>(payload: &'p [u8], rules: &ClaimRules, now: Millis) -> Result<AccessView<'p>, TokenError> {
    match view_ignoring_expiry(payload, rules, now)? {
        (claims, false) => Ok(claims),
        (_, true) => Err(TokenError::Expired),
    }
}

/// Reads a payload as [`view_access`] does, and returns owned claims.
///
/// # Errors
/// As [`view_access`].
pub fn parse_access(payload: &[u8], rules: &ClaimRules, now: Millis) -> Result<AccessClaims, TokenError> {
    view_access(payload, rules, now).map(Into::into)
}

/// Reads a payload as [`parse_access`] does, and returns whether the token is expired instead of an error for that.
///
/// # Errors
/// `Invalid`.
pub fn parse_access_ignoring_expiry(
    payload: &[u8],
    rules: &ClaimRules,
    now: Millis,
) -> Result<(AccessClaims, bool), TokenError> {
    view_ignoring_expiry(payload, rules, now).map(|(view, expired)| (view.into(), expired))
}

fn view_ignoring_expiry<'p>(
    payload: &'p [u8],
    rules: &ClaimRules,
    now: Millis,
) -> Result<(AccessView<'p>, bool), TokenError> {
    const MALFORMED: TokenError = TokenError::Invalid(Reason::Malformed);
    let raw: Raw<'p> = serde_json::from_str(object_text(payload).ok_or(MALFORMED)?).map_err(|_| MALFORMED)?;
    let exp = raw.exp.ok_or(MALFORMED)?;
    let id = raw.id.filter(|id| !id.is_empty()).ok_or(MALFORMED)?;
    let roles: Vec<_> = raw.roles.ok_or(MALFORMED)?.into_iter().map(|Text(role)| role).collect();
    let withheld = raw.withheld.map_or_else(Vec::new, |named| withheld(named, &roles));
    let iat = raw.iat.unwrap_or(0);
    let leeway = rules.leeway_seconds;
    if raw.nbf.is_some_and(|nbf| is_ahead(nbf, leeway, now)) {
        return Err(TokenError::Invalid(Reason::NotYetValid));
    }
    if is_ahead(iat, leeway.saturating_add(MAX_IAT_AHEAD_SECONDS), now) {
        return Err(TokenError::Invalid(Reason::NotYetValid));
    }
    if rules.issuer.is_some() && raw.iss.as_deref() != rules.issuer.as_deref() {
        return Err(TokenError::Invalid(Reason::Issuer));
    }
    let aud = audience(raw.aud, rules)?;
    let assurance = Assurance::from_claims(raw.acr.as_ref(), raw.amr.as_ref(), raw.auth_time.as_ref());
    let session_id = raw.session_id;
    let claims = AccessView { id, roles, withheld, session_id, assurance, iat, exp, iss: raw.iss, aud };
    Ok((claims, is_over(exp, leeway, now)))
}

/// Returns the roles that the claim `withheld` names, except those in effect. A malformed claim names none.
fn withheld<'p>(named: Value, roles: &[Cow<'p, str>]) -> Vec<Cow<'p, str>> {
    let Value::Array(named) = named else { return Vec::new() };
    let texts = named.into_iter().map(|one| if let Value::String(role) = one { Some(role) } else { None });
    let texts: Option<Vec<String>> = texts.collect();
    texts.unwrap_or_default().into_iter().map(Cow::Owned).filter(|role| !roles.contains(role)).collect()
}

/// Returns the configured audience if it is among `named`, or else an error. Without a configured audience it returns
/// the only named audience, if there is exactly one.
fn audience<'p>(mut named: Vec<Text<'p>>, rules: &ClaimRules) -> Result<Option<Cow<'p, str>>, TokenError> {
    let place = match &rules.audience {
        Some(wanted) => {
            Some(named.iter().position(|Text(aud)| aud == wanted).ok_or(TokenError::Invalid(Reason::Audience))?)
        }
        None => (named.len() == 1).then_some(0),
    };
    Ok(place.map(|place| named.swap_remove(place).0))
}

/// Whether the instant `seconds` has passed at `now`, with a tolerance of `leeway` seconds.
pub(super) fn is_over(seconds: i64, leeway: i64, now: Millis) -> bool {
    seconds.saturating_add(leeway).saturating_mul(1000) <= now
}

fn is_ahead(seconds: i64, leeway: i64, now: Millis) -> bool {
    seconds.saturating_sub(leeway).saturating_mul(1000) > now
}
