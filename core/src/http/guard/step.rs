//! The steps between a request and the result of `protect()`.

use super::result::{Principal, ProtectResult};
use crate::access::SessionRoles;
use crate::assurance::Assurance;
use crate::clock::Millis;
use crate::config::plain::Switch;
use crate::error::Error;
use crate::event::EventName;
use crate::http::credential;
use crate::http::token_choice::Candidate;
use crate::service::Realm;
use crate::token::claims::AccessClaims;
use crate::web::cookie::CookieValues;

/// The option by which a refresh cookie replaces an access token that is missing or expired.
pub(super) const SILENT_REFRESH: Switch = Switch::named("silentRefresh");

/// The answer, or the kind of I/O that it takes.
pub(super) enum Step {
    Done(Box<ProtectResult>),
    /// The signature is valid, and the session must be checked.
    Session(Box<Verified>),
    /// The signature is valid and the token has no session. The user must not have been deleted or disabled.
    User(Box<AccessClaims>, String),
    /// Several cookies hold valid tokens of the same user, and their sessions decide which of them counts.
    Several(Vec<Candidate>),
    /// There is no valid access token, but a refresh cookie.
    Silent(Box<Silent>),
}

pub(super) struct Silent {
    /// The values of all cookies that have the name.
    pub refresh_tokens: Vec<String>,
    /// The answer if the refresh cookie is not valid.
    pub otherwise: Error,
    pub sessions: Expired,
}

/// The sessions of the request's expired access tokens, if it brings any. A refresh token of another session must not
/// replace them.
pub(super) type Expired = Option<Vec<Option<String>>>;

pub(super) struct Verified {
    pub claims: AccessClaims,
    pub token: String,
    pub session_id: String,
}

pub(super) fn sessions_of(candidates: Vec<Candidate>) -> Vec<Option<String>> {
    candidates.into_iter().map(|candidate| candidate.claims.session_id).collect()
}

/// Whether a refresh token of `session_id` may replace expired access tokens of the sessions `expired`. Without such
/// tokens, a refresh token of any session may.
pub(super) fn is_of_session(expired: Option<&Vec<Option<String>>>, session_id: &str) -> bool {
    expired.is_none_or(|sessions| sessions.iter().any(|session| session.as_deref() == Some(session_id)))
}

/// The cookie of which a request brings several.
#[derive(Clone, Copy)]
pub(super) enum Cookie {
    Access,
    Refresh,
}

/// Refuses cookies that are valid for different users, and deletes as many of them as the answer can. With the refresh
/// cookie it deletes the access cookie, too, which may come from it.
pub(super) fn conflict(realm: &Realm, which: Cookie) -> ProtectResult {
    let (refresh, access) = (realm.config.cookie.as_ref(), realm.config.access_cookie.as_ref());
    let (option, several, gone) = match which {
        Cookie::Access => ("accessCookie", access, [access, None]),
        Cookie::Refresh => ("cookie", refresh, [refresh, access]),
    };
    let name = several.map_or("", |rules| &rules.name);
    let mut guarded = refused(realm, credential::conflict(name));
    let event = |event| credential::several(event, option, name);
    guarded.events.extend(realm.telemetry.event(EventName::HookFailure, event));
    for rules in gone.into_iter().flatten() {
        let lines = rules.twins(None, &CookieValues::TooMany(Vec::new()), false).into_iter().chain([rules.clear()]);
        guarded.headers.extend(lines.map(|line| ("Set-Cookie".to_owned(), line)));
    }
    guarded.headers.push(("Cache-Control".to_owned(), "no-store".to_owned()));
    guarded
}

pub(super) fn passed_on_signature(realm: &Realm, claims: AccessClaims, token: String) -> ProtectResult {
    let exp = claims.exp.saturating_mul(1000);
    let assurance = presented(realm, claims.assurance);
    let AccessClaims { id, session_id, .. } = claims;
    let SessionRoles { in_effect: roles, mut withheld } =
        realm.config.roles.in_session(claims.roles, assurance.as_ref());
    // Without the option `mfa` no second factor could put withheld roles into effect.
    withheld.extend(claims.withheld.into_iter().filter(|_| realm.config.mfa.is_some()));
    let principal = Principal { id, roles, withheld, session_id, assurance, token, exp };
    passed(realm, principal, exp)
}

/// Returns the assurance that a token claims. `None`: assurance is not recorded.
pub(super) fn presented(realm: &Realm, claimed: Option<Assurance>) -> Option<Assurance> {
    realm.config.keeps_assurance().then(|| claimed.unwrap_or_else(Assurance::none))
}

pub(super) fn passed(realm: &Realm, principal: Principal, fresh_until: Millis) -> ProtectResult {
    ProtectResult::passed("server", &realm.telemetry, principal, fresh_until)
}

pub(crate) fn refused(realm: &Realm, error: Error) -> ProtectResult {
    ProtectResult::refused("server", &realm.telemetry, error)
}

pub(super) fn revoked(realm: &Realm, user_id: &str, error: Error) -> ProtectResult {
    ProtectResult::revoked("server", &realm.telemetry, user_id, error)
}

/// Rounds a length of time down to whole seconds. A negative length is 0.
pub(crate) fn whole_seconds(length: Millis) -> u64 {
    u64::try_from(length.div_euclid(1000)).unwrap_or(0)
}
