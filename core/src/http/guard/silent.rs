//! Silent refresh: mints a new access token for a request without a valid one, by a valid refresh cookie.

use std::sync::Arc;

use super::result::{Principal, ProtectResult};
use super::step::{Cookie, Silent, conflict, is_of_session, passed, presented, refused, revoked, whole_seconds};
use crate::access::SessionRoles;
use crate::clock::Millis;
use crate::event::EventName;
use crate::failure::Failure;
use crate::http::credential;
use crate::service::presented::{self, PresentedTokens};
use crate::service::refresh::check_host_revocation;
use crate::service::revocation::Refusal;
use crate::service::{Realm, Trail, refresh, sessions};
use crate::session::{RefreshVerdict, judge_refresh};
use crate::store::model::SessionState;

/// Mints a new access token for a valid refresh cookie. The refresh token is not rotated, so parallel requests do not
/// disturb each other. `None`: the refresh cookie is not valid either.
pub(super) async fn silent_refresh(realm: &Arc<Realm>, silent: &Silent) -> Result<Option<ProtectResult>, Failure> {
    let fits = |session_id: &str| is_of_session(silent.sessions.as_ref(), session_id);
    let claims = match presented::choose(realm, &silent.refresh_tokens, fits).await? {
        PresentedTokens::One(_, claims) if fits(&claims.session_id) => claims,
        PresentedTokens::One(..) | PresentedTokens::None(_) => return Ok(None),
        PresentedTokens::Conflict => return Ok(Some(conflict(realm, Cookie::Refresh))),
    };
    if let Err(Refusal { error, event }) = check_host_revocation(realm, &claims.session_id).await {
        return Ok(Some(refused(realm, error).because(&realm.telemetry, event)));
    }
    let (epoch, read_at) = (realm.freshness.epoch(), realm.now());
    let Some(state) = realm.store.find_session(&claims.session_id).await? else { return Ok(None) };
    // Read after the row: an instant before it could lie before a rotation that happened meanwhile.
    let now = realm.now();
    let verdict = judge_refresh(&state.session, claims.generation, claims.iat, &realm.config.session, now);
    match verdict {
        RefreshVerdict::Rotate | RefreshVerdict::Reissue => {}
        RefreshVerdict::Reuse => return end_reused_silently(realm, &state).await.map(Some),
        RefreshVerdict::Revoked | RefreshVerdict::Expired => return Ok(None),
    }
    if verdict == RefreshVerdict::Rotate && wants_touch(&state, now) {
        realm.store.touch_session(&claims.session_id, claims.generation, now).await?;
    }
    let token = sessions::issue_access(realm, &state.session, &state.roles, now)?;
    realm.freshness.put(state.clone(), read_at, epoch);
    let ends_at = realm.config.session.ends_at(state.session.created_at);
    let exp = (now + realm.config.access_ttl).min(ends_at);
    let mut oversize = None;
    let header = match &realm.config.access_cookie {
        Some(rules) => {
            let (line, size) = rules.write_if_it_fits(&token, whole_seconds(exp - now));
            oversize = size.map(|size| (size, rules.name.as_str()));
            ("Set-Cookie".to_owned(), line)
        }
        None => ("X-Access-Token".to_owned(), token.clone()),
    };
    let assurance = presented(realm, state.session.assurance.clone());
    let SessionRoles { in_effect: roles, withheld } =
        realm.config.roles.in_session(state.roles.clone(), assurance.as_ref());
    let principal = Principal {
        id: state.session.user_id.clone(),
        roles,
        withheld,
        session_id: Some(claims.session_id),
        assurance,
        token,
        exp,
    };
    let mut guarded = passed(realm, principal, 0);
    guarded.headers = vec![header, ("Cache-Control".to_owned(), "no-store".to_owned())];
    let user_id = state.session.user_id.as_str();
    let event =
        realm.telemetry.event(EventName::ProtectAutoRefresh, |e| e.with("userId", user_id).with("mode", "server"));
    guarded.events.splice(0..0, event);
    if let Some((size, name)) = oversize {
        let fill = |event| credential::oversized(event, "accessCookie", name, size);
        guarded.events.extend(realm.telemetry.event(EventName::HookFailure, fill));
    }
    Ok(Some(guarded))
}

/// Ends the session of a reused refresh token, as `POST /refresh` does, and deletes its cookies. Both parties that hold
/// tokens of the session lose it (RFC 9700, 4.14.2).
async fn end_reused_silently(realm: &Arc<Realm>, state: &SessionState) -> Result<ProtectResult, Failure> {
    let mut trail = Trail::new(&realm.telemetry);
    let failure = refresh::end_reused(realm, state, &mut trail).await?;
    let mut guarded = revoked(realm, &state.session.user_id, failure.into_public().0);
    guarded.events.splice(0..0, trail.events);
    let cookies = [&realm.config.cookie, &realm.config.access_cookie].into_iter().flatten();
    guarded.headers = cookies.map(|rules| ("Set-Cookie".to_owned(), rules.clear())).collect();
    guarded.headers.push(("Cache-Control".to_owned(), "no-store".to_owned()));
    Ok(guarded)
}

/// Whether this use must be written to the session's row. The first use of a generation must, since it ends the life of
/// the previous generation. Later uses are written at most once a minute, for the list of sessions.
fn wants_touch(state: &SessionState, now: Millis) -> bool {
    let used = state.session.last_used_at.unwrap_or(0);
    used <= state.session.rotated_at.unwrap_or(0) || now - used >= 60_000
}
