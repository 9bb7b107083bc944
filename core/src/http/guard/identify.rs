//! Identifies the user that a request's tokens name, without reading sessions.

use std::sync::Arc;

use serde_json::json;

use super::request::GuardRequest;
use super::step::{Expired, SILENT_REFRESH, is_of_session, sessions_of};
use crate::config::SessionCheck;
use crate::http::credential;
use crate::http::token_choice::{self, Choice};
use crate::service::{Realm, keys};
use crate::token::claims::AccessClaims;
use crate::web::cookie::{CookieRules, CookieValues};

/// Returns the identity that a request's tokens name, by their signatures alone, as JSON text. It stays the same when a
/// token is renewed or a cookie is changed. With a session it is `{session}`, or `{user, session}` if sessions are not
/// checked; for a token without a session it is `{user, roles}`. The text is empty if the tokens name no user. `None`:
/// the answer takes I/O.
#[must_use]
pub fn identify_now(realm: &Realm, request: &GuardRequest) -> Option<String> {
    let ring = realm.keys.get()?;
    if keys::are_behind(realm) {
        return None;
    }
    let now = realm.now();
    let cookie_name = |rules: &Option<CookieRules>| rules.as_ref().map(|rules| rules.name.clone());
    let access_name = cookie_name(&realm.config.access_cookie);
    let Ok(found) = credential::read(request, access_name.as_deref(), &realm.config.trusted_origins) else {
        return Some(String::new());
    };
    let read = |token: &str| ring.verify_access_ignoring_expiry(token, &realm.config.claims, now);
    let (claims, expired): (Option<AccessClaims>, Expired) = match found {
        CookieValues::None => (None, None),
        CookieValues::One(token) => match read(&token) {
            Ok((claims, false)) => (Some(claims), None),
            Ok((claims, true)) => (None, Some(vec![claims.session_id])),
            Err(_) => return Some(String::new()),
        },
        CookieValues::Several(tokens) => match token_choice::choose(tokens, read) {
            Choice::Good(mut candidates) => (Some(candidates.swap_remove(0).claims), None),
            Choice::Expired(candidates) => (None, Some(sessions_of(candidates))),
            Choice::Bad(_) | Choice::Conflict => return Some(String::new()),
        },
        CookieValues::TooMany(_) => return Some(String::new()),
    };
    if let Some(AccessClaims { id, mut roles, session_id, .. }) = claims {
        roles.sort_unstable();
        return Some(match session_id {
            None => json!({ "user": id, "roles": roles }).to_string(),
            Some(session) if realm.config.session_check == SessionCheck::Off => {
                json!({ "user": id, "session": session }).to_string()
            }
            Some(session) => json!({ "session": session }).to_string(),
        });
    }
    // A silent refresh would let this caller in, so its session is the identity.
    let refresh_name = cookie_name(&realm.config.cookie).filter(|_| realm.config.plain.is_on(SILENT_REFRESH));
    let Some(name) = refresh_name else { return Some(String::new()) };
    let tokens = match credential::read_cookie(request, &name, &realm.config.trusted_origins) {
        Ok(CookieValues::One(token)) => vec![token],
        Ok(CookieValues::Several(tokens)) => tokens,
        Ok(CookieValues::None | CookieValues::TooMany(_)) | Err(_) => return Some(String::new()),
    };
    let claims = tokens.iter().filter_map(|token| ring.verify_refresh(token, now).ok());
    let mut sessions: Vec<String> = claims.map(|claims| claims.session_id).collect();
    sessions.retain(|session| is_of_session(expired.as_ref(), session));
    sessions.sort_unstable();
    sessions.dedup();
    Some(match &sessions[..] {
        [] => String::new(),
        [session] => json!({ "session": session }).to_string(),
        // To find out which session is live takes I/O, so all of them together are the identity.
        _ => json!({ "sessions": sessions }).to_string(),
    })
}

/// Identifies the user as [`identify_now`] does, and loads keys first where needed.
pub async fn identify(realm: &Arc<Realm>, request: &GuardRequest) -> String {
    keys::catch_up(realm).await;
    identify_now(realm, request).unwrap_or_default()
}
