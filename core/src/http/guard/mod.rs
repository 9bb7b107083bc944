//! `protect()`: finds the user of a request, from memory if possible and with I/O if not.
//!
//! `step` holds the answer or the kind of I/O that it takes, `session` checks sessions, `silent` refreshes silently,
//! and `identify` names the user for the application's own limits and caches.

use std::sync::Arc;

use super::credential;
use super::token_choice::{self, Candidate, Choice};
use crate::config::SessionCheck;
use crate::config::plain::Switch;
use crate::error::{Error, ErrorCode};
use crate::service::{Realm, keys};
use crate::token::TokenError;
use crate::token::claims::AccessClaims;
use crate::web::cookie::CookieValues;

mod identify;
pub(super) mod request;
mod result;
mod session;
mod silent;
mod step;

pub use identify::{identify, identify_now};
pub use request::GuardRequest;
pub use result::{Principal, ProtectResult};

pub(super) use session::bring_up_to_date;
pub(crate) use step::refused;
pub(super) use step::whole_seconds;

use session::{
    check_session, check_user, judge_session, passed_without_session, session_in_memory, standing_in_memory,
};
use silent::silent_refresh;
use step::{Cookie, Expired, SILENT_REFRESH, Silent, Step, Verified, conflict, passed_on_signature, sessions_of};

const REQUIRE_SESSION: Switch = Switch::named("requireSession");

/// Runs `protect()` without waiting. Returns `None` if the answer takes I/O.
#[must_use]
pub fn guard_now(realm: &Arc<Realm>, request: &GuardRequest) -> Option<ProtectResult> {
    realm.keys.get()?;
    if keys::are_behind(realm) {
        return None;
    }
    keys::reload_if_old(realm);
    match first_step(realm, request) {
        Step::Done(guarded) => Some(*guarded),
        Step::Silent(_) | Step::Several(_) => None,
        Step::User(claims, token) => {
            let read_at = standing_in_memory(realm, &claims.id)?;
            Some(passed_without_session(realm, *claims, token, read_at))
        }
        Step::Session(verified) => {
            if realm.revocation.is_some() {
                return None;
            }
            let (state, read_at) = session_in_memory(realm, &verified).or_else(|| {
                let (epoch, now) = (realm.freshness.epoch(), realm.now());
                let state = realm.store.find_session_now(&verified.session_id)?.ok()??;
                realm.freshness.put(state.clone(), now, epoch);
                Some((state, now))
            })?;
            Some(judge_session(realm, *verified, Some(&state), read_at))
        }
    }
}

/// Runs `protect()`, and reads the session's row if the cached state is too old.
pub async fn guard(realm: &Arc<Realm>, request: &GuardRequest) -> ProtectResult {
    keys::catch_up(realm).await;
    finish(realm, first_step(realm, request)).await
}

async fn finish(realm: &Arc<Realm>, step: Step) -> ProtectResult {
    match step {
        Step::Done(guarded) => *guarded,
        Step::Several(candidates) => check_several(realm, candidates).await,
        Step::Silent(silent) => match silent_refresh(realm, &silent).await {
            Ok(Some(guarded)) => guarded,
            Ok(None) => refused(realm, silent.otherwise),
            Err(failure) => refused(realm, failure.into_public().0),
        },
        Step::Session(verified) => check_session(realm, *verified).await,
        Step::User(claims, token) => check_user(realm, *claims, token).await,
    }
}

fn first_step(realm: &Realm, request: &GuardRequest) -> Step {
    let done = |error: Error| Step::Done(Box::new(refused(realm, error)));
    let cookie_name = realm.config.access_cookie.as_ref().map(|rules| rules.name.as_str());
    let token = match credential::read(request, cookie_name, &realm.config.trusted_origins) {
        Ok(CookieValues::One(token)) => token,
        Ok(CookieValues::None) => return silent_step(realm, request, credential::missing(), None),
        Ok(CookieValues::Several(tokens)) => return several_step(realm, request, tokens),
        Ok(CookieValues::TooMany(_)) => return Step::Done(Box::new(conflict(realm, Cookie::Access))),
        Err(error) => return done(error),
    };
    let now = realm.now();
    let ring = match realm.keys.require() {
        Ok(ring) => ring,
        Err(error) => return done(error),
    };
    match ring.verify_access(&token, &realm.config.claims, now) {
        Ok(claims) => with_claims(realm, claims, token),
        Err(TokenError::Expired) => {
            let claims = ring.verify_access_ignoring_expiry(&token, &realm.config.claims, now);
            let session = claims.ok().and_then(|(claims, _)| claims.session_id);
            silent_step(realm, request, ErrorCode::TokenExpired.into(), Some(vec![session]))
        }
        Err(error) => done(error.into()),
    }
}

/// Judges several cookies of one name. The tokens that verify count, if all of them are of the same user.
fn several_step(realm: &Realm, request: &GuardRequest, tokens: Vec<String>) -> Step {
    let ring = match realm.keys.require() {
        Ok(ring) => ring,
        Err(error) => return Step::Done(Box::new(refused(realm, error))),
    };
    let now = realm.now();
    let read = |token: &str| ring.verify_access_ignoring_expiry(token, &realm.config.claims, now);
    match token_choice::choose(tokens, read) {
        Choice::Good(candidates) => Step::Several(candidates),
        Choice::Expired(candidates) => {
            silent_step(realm, request, ErrorCode::TokenExpired.into(), Some(sessions_of(candidates)))
        }
        Choice::Conflict => Step::Done(Box::new(conflict(realm, Cookie::Access))),
        Choice::Bad(error) => Step::Done(Box::new(refused(realm, error.into()))),
    }
}

fn with_claims(realm: &Realm, claims: AccessClaims, token: String) -> Step {
    let Some(session_id) = claims.session_id.clone() else {
        if realm.config.plain.is_on(REQUIRE_SESSION) {
            let error = Error::new(ErrorCode::Unauthorized, "The access token belongs to no session");
            return Step::Done(Box::new(refused(realm, error)));
        }
        return match realm.config.session_check {
            SessionCheck::Off => Step::Done(Box::new(passed_on_signature(realm, claims, token))),
            SessionCheck::MaxAge(_) => Step::User(Box::new(claims), token),
        };
    };
    if realm.config.session_check == SessionCheck::Off && realm.revocation.is_none() {
        return Step::Done(Box::new(passed_on_signature(realm, claims, token)));
    }
    Step::Session(Box::new(Verified { claims, token, session_id }))
}

fn silent_step(realm: &Realm, request: &GuardRequest, otherwise: Error, sessions: Expired) -> Step {
    let refused_with = |error: Error| Step::Done(Box::new(refused(realm, error)));
    let (true, Some(rules)) = (realm.config.plain.is_on(SILENT_REFRESH), &realm.config.cookie) else {
        return refused_with(otherwise);
    };
    match credential::read_cookie(request, &rules.name, &realm.config.trusted_origins) {
        Ok(CookieValues::One(token)) => {
            Step::Silent(Box::new(Silent { refresh_tokens: vec![token], otherwise, sessions }))
        }
        Ok(CookieValues::Several(refresh_tokens)) => {
            Step::Silent(Box::new(Silent { refresh_tokens, otherwise, sessions }))
        }
        Ok(CookieValues::TooMany(_)) => Step::Done(Box::new(conflict(realm, Cookie::Refresh))),
        Ok(CookieValues::None) => refused_with(otherwise),
        Err(error) => refused_with(error),
    }
}

/// Admits the request by the first token whose session is live. An outage ends the search, since it says nothing about
/// the session.
async fn check_several(realm: &Arc<Realm>, candidates: Vec<Candidate>) -> ProtectResult {
    let mut first = None;
    for Candidate { claims, token } in candidates {
        let guarded = match with_claims(realm, claims, token) {
            Step::Session(verified) => check_session(realm, *verified).await,
            Step::User(claims, token) => check_user(realm, *claims, token).await,
            Step::Done(guarded) => *guarded,
            Step::Several(_) | Step::Silent(_) => continue,
        };
        match &guarded.result {
            Err(error) if error.status < 500 => first = first.or(Some(guarded)),
            _ => return guarded,
        }
    }
    first.unwrap_or_else(|| refused(realm, credential::missing()))
}
