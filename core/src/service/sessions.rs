//! Opens, lists and revokes sessions, and issues their tokens.

use super::access_token::{seconds, sign};
use super::issued::Issued;
use super::security_messages::NewSignIn;
use super::shown::UserRoles;
use super::{Caller, Realm, Trail};
use crate::assurance::Assurance;
use crate::audit::{AuditLevel, Change};
use crate::authentication::{Authenticated, HostWord, Next, Proof, Seen, next};
use crate::cache::Revocation;
use crate::clock::Millis;
use crate::config::plain::Number;
use crate::crypto;
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};
use crate::failure::Failure;
use crate::store::SURPLUS;
use crate::store::model::Session;

mod listing;

pub use listing::{SessionList, ShownSession, list, page};

const MAX_SESSIONS: Number = Number::named("maxSessions");

/// The most batches of surplus sessions that a login ends. Many sessions may be surplus after an upgrade, or after
/// `maxSessions` was lowered.
const MOST_ROUNDS: usize = 10;

/// A user may exceed `maxSessions` by one part in this many before the surplus sessions end, all at once. So a client
/// that logs in often pays for that write at few logins.
const SLACK: u32 = 10;

/// Issues the two tokens of a session in its present generation. The result names the roles that are in effect.
///
/// # Errors
/// `SERVICE_UNAVAILABLE` while the signing keys are not loaded.
pub fn issue(realm: &Realm, session: &Session, roles: Vec<String>, now: Millis) -> Result<Issued, Failure> {
    let ring = realm.keys.require()?;
    // The first token is as old as its session, which distinguishes it from tokens that the host signs later.
    let iat = seconds(if session.generation == 0 { session.created_at } else { now });
    let expires_at = seconds(session.expires_at);
    let refresh_token =
        ring.sign_refresh(&session.id, session.generation, iat, expires_at, now).map_err(Error::from)?;
    Ok(Issued {
        access_token: issue_access(realm, session, &roles, now)?,
        refresh_token,
        user: UserRoles {
            id: session.user_id.clone(),
            roles: realm.config.roles.in_session(roles, session.assurance.as_ref()).in_effect,
        },
        session_id: Some(session.id.clone()),
        refresh_expires_at: Some(expires_at.saturating_mul(1000)),
    })
}

/// Issues an access token of a session, which never outlives the session's absolute limit.
///
/// # Errors
/// `SERVICE_UNAVAILABLE` while the signing keys are not loaded.
pub fn issue_access(realm: &Realm, session: &Session, roles: &[String], now: Millis) -> Result<String, Failure> {
    let expires_at = (now + realm.config.access_ttl).min(realm.config.session.ends_at(session.created_at));
    let signed = |roles: &[String]| {
        let assurance = Some(session.assurance.clone().unwrap_or_else(Assurance::none));
        sign(realm, &session.user_id, roles, Some(&session.id), assurance, now, expires_at)
    };
    match signed(roles) {
        // Too many roles, which were not given by sentri, must not lock the user out. A token without roles is safe,
        // since it only grants less.
        Err(Failure::Refused(error)) if error.is(ErrorCode::ValidationError) => {
            let cause = format!("{}; the token was issued without roles", error.message);
            let event = Event::new(EventName::HookFailure).with("hook", "roles").with("cause", cause);
            realm.note_in_background(event);
            signed(&[])
        }
        other => other,
    }
}

/// Opens a session for an authenticated user, and returns it with the user's roles. No other function opens sessions.
/// Returns `None` if the user is disabled or gone, the hash or `auth_epoch` has changed, or a code is spent; the proof
/// must then be judged again. If the user has a tenth more sessions than `maxSessions`, the surplus sessions end.
///
/// # Errors
/// The store's failures.
pub async fn open(
    realm: &Realm,
    user: &Authenticated,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<Option<(Session, Vec<String>)>, Failure> {
    let (session, new_sign_in) = (make(realm, user, caller), NewSignIn::before(realm, caller, user).await?);
    let most = realm.config.plain.number(MAX_SESSIONS);
    let store = realm.opening(&session, user, trail).await?;
    let write = store.create_session(&session, user.expected(), most + most / SLACK);
    let written = if user.takes_over() {
        realm.revoking(Revocation::User(session.user_id.clone()), write).await?
    } else {
        write.await?
    };
    let Some(opened) = written else { return Ok(None) };
    new_sign_in.leave(realm, caller, trail).await;
    let methods = |assurance: &Assurance| assurance.amr.iter().map(|method| method.as_str()).collect();
    trail.facts.amr = session.assurance.as_ref().map(methods);
    // The session exists by now, so a failure here must not fail the login. The next login tries again.
    if opened.is_surplus
        && let Err(error) = end_surplus(realm, &session, trail).await
    {
        trail.note(EventName::HookFailure, |event| {
            let cause = format!("the oldest sessions of {} could not be ended: {error}", session.user_id);
            event.with("hook", "maxSessions").with("cause", cause)
        });
    }
    Ok(Some((session, opened.roles)))
}

/// Makes a session, without writing it.
fn make(realm: &Realm, user: &Authenticated, caller: &Caller) -> Session {
    let now = realm.now();
    Session {
        id: crypto::make_id(),
        user_id: user.user_id().to_owned(),
        expires_at: realm.config.session.expires_at(now, now),
        created_at: now,
        generation: 0,
        rotated_at: None,
        last_used_at: Some(now),
        revoked_at: None,
        ip_address: caller.ip.clone(),
        user_agent: caller.user_agent.clone(),
        assurance: realm.config.keeps_assurance().then(|| Assurance::of(&user.methods(), Some(seconds(now)))),
    }
}

/// Ends the surplus sessions of a user. This runs after the new session is written, so the last of several concurrent
/// logins sees all sessions. One login of a process does it at a time, since others would wait for the same rows.
async fn end_surplus(realm: &Realm, newest: &Session, trail: &mut Trail) -> Result<(), Failure> {
    let (user_id, most) = (newest.user_id.as_str(), realm.config.plain.number(MAX_SESSIONS));
    let Some(_turn) = Turn::take(realm, user_id) else { return Ok(()) };
    for _ in 0..MOST_ROUNDS {
        let now = realm.now();
        let write = realm.store.revoke_surplus(user_id, &newest.id, most, now);
        let ids = realm.revoking(Revocation::User(user_id.to_owned()), write).await?;
        trail.sessions_revoked(user_id, &ids);
        if ids.len() < SURPLUS as usize {
            break;
        }
    }
    Ok(())
}

/// The right to end a user's surplus sessions. Dropping it gives the right back.
struct Turn<'a> {
    realm: &'a Realm,
    user_id: &'a str,
}

impl<'a> Turn<'a> {
    fn take(realm: &'a Realm, user_id: &'a str) -> Option<Self> {
        let is_first = realm.ending_surplus.lock().insert(user_id.to_owned());
        // The value is not made for a second caller, since dropping it would end the turn of the first.
        is_first.then(|| Self { realm, user_id })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.realm.ending_surplus.lock().remove(self.user_id);
    }
}

/// Opens a session for a user whom the host has authenticated by other means.
///
/// # Errors
/// `USER_NOT_FOUND`, `ACCOUNT_DISABLED`; the store's failures.
pub async fn create(
    realm: &Realm,
    user_id: &str,
    word: HostWord,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<Issued, Failure> {
    let Next::Complete(user) = next(user_id, Seen::default(), vec![Proof::Host(word)]) else {
        return Err(ErrorCode::Unauthorized.into());
    };
    let Some((session, roles)) = open(realm, &user, caller, trail).await? else {
        let is_there = realm.store.credential_of(user_id).await?.is_some();
        return Err(if is_there { ErrorCode::AccountDisabled } else { ErrorCode::UserNotFound }.into());
    };
    issue(realm, &session, roles, realm.now())
}

/// Ends a session, if `user_id` is `None` or its user. Returns whether a live session ended.
///
/// # Errors
/// The store's failures.
pub async fn revoke(
    realm: &Realm,
    session_id: &str,
    user_id: Option<&str>,
    trail: &mut Trail,
) -> Result<bool, Failure> {
    let owner = match user_id {
        Some(user_id) => Some(user_id.to_owned()),
        None if realm.telemetry.is_logging() || realm.audit_level() > AuditLevel::Off => {
            realm.store.find_session(session_id).await?.map(|state| state.session.user_id)
        }
        None => None,
    };
    let store = realm.noting(&trail.author, || {
        let change = match user_id.or(owner.as_deref()) {
            Some(owner) => Change::of(EventName::SessionRevoked, owner),
            None => Change::of_nobody(EventName::SessionRevoked),
        };
        Ok([change.with("session", session_id)])
    })?;
    let write = store.revoke_session(session_id, user_id, realm.now());
    let revoked = realm.revoking(Revocation::Sessions(vec![session_id.to_owned()]), write).await?;
    if let (true, Some(owner)) = (revoked, owner) {
        trail.sessions_revoked(&owner, &[session_id.to_owned()]);
    }
    Ok(revoked)
}

/// Ends every session of a user, and returns their number.
///
/// # Errors
/// The store's failures.
pub async fn revoke_all(realm: &Realm, user_id: &str, trail: &mut Trail) -> Result<usize, Failure> {
    let store = realm.noting(&trail.author, || Ok([Change::of(EventName::LogoutAll, user_id)]))?;
    let write = store.revoke_sessions(user_id, realm.now());
    let ids = realm.revoking(Revocation::User(user_id.to_owned()), write).await?;
    trail.sessions_revoked(user_id, &ids);
    Ok(ids.len())
}
