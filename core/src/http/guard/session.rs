//! Checks the session of a token, or the user of a token without a session.

use std::sync::Arc;

use super::result::{Principal, ProtectResult};
use super::step::{Verified, passed, passed_on_signature, presented, refused, revoked};
use crate::access::SessionRoles;
use crate::assurance::{Acr, Assurance};
use crate::clock::Millis;
use crate::config::SessionCheck;
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::service::refresh::check_host_revocation;
use crate::service::revocation::{Refusal, ended};
use crate::service::{Realm, reauthenticate};
use crate::session::{Liveness, liveness};
use crate::store::model::{SessionState, Standing};
use crate::token::claims::AccessClaims;

/// Returns the session from the cache of recent reads. `None`: the cached read is too old, or the token claims a later
/// or a stronger authentication than the row did, since another process has renewed the session meanwhile.
pub(super) fn session_in_memory(realm: &Realm, verified: &Verified) -> Option<(SessionState, Millis)> {
    let SessionCheck::MaxAge(max_age) = realm.config.session_check else { return None };
    if max_age == 0 {
        return None;
    }
    let now = realm.now();
    let known = realm.freshness.get(&verified.session_id, now - max_age..=now)?;
    if realm.config.keeps_assurance() {
        let known = known.state.session.assurance.as_ref();
        let (claimed, known) = (Rank::of(verified.claims.assurance.as_ref()), Rank::of(known));
        if claimed.auth_time > known.auth_time || claimed.acr > known.acr {
            return None;
        }
    }
    Some((known.state, known.read_at))
}

/// The time and the level of an authentication. A renewal raises at least one of them.
struct Rank {
    auth_time: Option<i64>,
    acr: Option<Acr>,
}

impl Rank {
    fn of(assurance: Option<&Assurance>) -> Self {
        Self { auth_time: assurance.and_then(|one| one.auth_time), acr: assurance.map(|one| one.acr) }
    }
}

pub(super) fn standing_in_memory(realm: &Realm, user_id: &str) -> Option<Millis> {
    let SessionCheck::MaxAge(max_age @ 1..) = realm.config.session_check else { return None };
    let now = realm.now();
    realm.freshness.standing_at(user_id, now - max_age..=now)
}

/// Checks the user of a token without a session. The token is valid until it expires, unless its user is deleted or
/// disabled. An id without a row passes, since the host may sign tokens for users of its own.
pub(super) async fn check_user(realm: &Realm, claims: AccessClaims, token: String) -> ProtectResult {
    if let Some(read_at) = standing_in_memory(realm, &claims.id) {
        return passed_without_session(realm, claims, token, read_at);
    }
    let (epoch, now) = (realm.freshness.epoch(), realm.now());
    match realm.store.standing(&claims.id, now).await {
        Ok(Standing::Good) => {
            realm.freshness.put_standing(&claims.id, now, epoch);
            passed_without_session(realm, claims, token, now)
        }
        Ok(Standing::Deleted) => gone(realm, &claims, "The user of this token has been deleted"),
        Ok(Standing::Disabled) => gone(realm, &claims, "The user of this token is disabled"),
        Err(error) => refused(realm, Failure::from(error).into_public().0),
    }
}

fn gone(realm: &Realm, claims: &AccessClaims, message: &str) -> ProtectResult {
    revoked(realm, &claims.id, Error::new(ErrorCode::Unauthorized, message))
}

pub(super) fn passed_without_session(
    realm: &Realm,
    claims: AccessClaims,
    token: String,
    read_at: Millis,
) -> ProtectResult {
    let guarded = passed_on_signature(realm, claims, token);
    let fresh_until = match realm.config.session_check {
        SessionCheck::MaxAge(max_age) if max_age > 0 => (read_at + max_age).min(guarded.fresh_until),
        _ => 0,
    };
    ProtectResult { fresh_until, ..guarded }
}

pub(super) async fn check_session(realm: &Arc<Realm>, verified: Verified) -> ProtectResult {
    if let Err(Refusal { error, event }) = check_host_revocation(realm, &verified.session_id).await {
        return revoked(realm, &verified.claims.id, error).because(&realm.telemetry, event);
    }
    if realm.config.session_check == SessionCheck::Off {
        return ProtectResult { fresh_until: 0, ..passed_on_signature(realm, verified.claims, verified.token) };
    }
    if let Some((state, read_at)) = session_in_memory(realm, &verified) {
        return judge_session(realm, verified, Some(&state), read_at);
    }
    let (epoch, now) = (realm.freshness.epoch(), realm.now());
    match realm.store.find_session(&verified.session_id).await {
        Ok(state) => {
            if let Some(state) = &state {
                realm.freshness.put(state.clone(), now, epoch);
            }
            judge_session(realm, verified, state.as_ref(), now)
        }
        // An outage says nothing about the session, so it is a 503 and never a 401.
        Err(error) => refused(realm, Failure::from(error).into_public().0),
    }
}

pub(super) fn judge_session(
    realm: &Realm,
    verified: Verified,
    state: Option<&SessionState>,
    read_at: Millis,
) -> ProtectResult {
    let Verified { claims, token, session_id } = verified;
    let live = state.filter(|state| {
        liveness(&state.session, &realm.config.session, realm.now()) == Liveness::Live
            && state.session.user_id == claims.id
    });
    let Some(state) = live else { return revoked(realm, &claims.id, ended()) };
    let exp = claims.exp.saturating_mul(1000);
    let fresh_until = match (realm.config.session_check, &realm.revocation) {
        (SessionCheck::MaxAge(max_age), None) if max_age > 0 => {
            (read_at + max_age).min(exp).min(state.session.expires_at)
        }
        _ => 0,
    };
    let (assurance, SessionRoles { in_effect: roles, withheld }) = in_session(realm, state, claims.assurance);
    let (id, session_id) = (claims.id, Some(session_id));
    let principal = Principal { id, roles, withheld, session_id, assurance, token, exp };
    passed(realm, principal, fresh_until)
}

/// Returns the assurance and the roles of a user in a session. The token's assurance counts, and the row can only lower
/// it.
fn in_session(
    realm: &Realm,
    state: &SessionState,
    claimed: Option<Assurance>,
) -> (Option<Assurance>, SessionRoles<String>) {
    let of_row = || state.session.assurance.clone().unwrap_or_else(Assurance::none);
    let assurance = presented(realm, claimed).map(|claimed| claimed.lowered_by(&of_row()));
    let roles = realm.config.roles.in_session(state.roles.clone(), assurance.as_ref());
    (assurance, roles)
}

/// Updates an admitted user from the store, whatever is cached and whatever `sessionCheck` says. Changes of credentials
/// and the work of admins depend on the present state of the session and of the roles.
///
/// # Errors
/// `UNAUTHORIZED` if the session has ended, or if the user of a token without a session is deleted or disabled;
/// an error of the store.
pub(in crate::http) async fn bring_up_to_date(realm: &Realm, principal: &mut Principal) -> Result<(), Failure> {
    let Some(session_id) = &principal.session_id else {
        return match realm.store.standing(&principal.id, realm.now()).await? {
            Standing::Good => Ok(()),
            Standing::Deleted | Standing::Disabled => Err(ended().into()),
        };
    };
    let state = reauthenticate::find(realm, session_id, &principal.id).await?;
    let (assurance, roles) = in_session(realm, &state, principal.assurance.take());
    principal.assurance = assurance;
    SessionRoles { in_effect: principal.roles, withheld: principal.withheld } = roles;
    Ok(())
}
