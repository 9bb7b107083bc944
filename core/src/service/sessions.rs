//! Sessions: made at a login, carried by a pair of tokens, listed, revoked.

use serde_json::{Value, json};

use super::{Caller, Realm, Trail};
use crate::cache::Revocation;
use crate::clock::{Millis, to_iso};
use crate::crypto;
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::store::model::Session;
use crate::token::claims::AccessClaims;

/// A new session of `user_id`, not written yet.
#[must_use]
pub fn new_session(realm: &Realm, user_id: &str, caller: &Caller, now: Millis) -> Session {
    Session {
        id: crypto::make_id(),
        user_id: user_id.to_owned(),
        expires_at: realm.config.session.expires_at(now, now),
        created_at: now,
        generation: 0,
        rotated_at: None,
        last_used_at: Some(now),
        revoked_at: None,
        ip_address: caller.ip.clone(),
        user_agent: caller.user_agent.clone(),
    }
}

/// The two tokens of a session in its present generation, as `{accessToken, refreshToken, user: {id, roles}}`.
///
/// # Errors
/// `SERVICE_UNAVAILABLE` while the keys are not there.
pub fn issue(realm: &Realm, session: &Session, roles: &[String], now: Millis) -> Result<Value, Failure> {
    let ring = realm.keys.require()?;
    let refresh_token = ring
        .sign_refresh(&session.id, session.generation, seconds(now), seconds(session.expires_at), now)
        .map_err(Error::from)?;
    Ok(json!({
        "accessToken": issue_access(realm, session, roles, now)?,
        "refreshToken": refresh_token,
        "user": { "id": session.user_id, "roles": roles },
    }))
}

/// An access token of a session; it never outlives the session's absolute limit.
///
/// # Errors
/// `SERVICE_UNAVAILABLE` while the keys are not there.
pub fn issue_access(realm: &Realm, session: &Session, roles: &[String], now: Millis) -> Result<String, Failure> {
    let expires_at = (now + realm.config.access_ttl).min(realm.config.session.ends_at(session.created_at));
    sign_access(realm, &session.user_id, roles, Some(&session.id), now, expires_at)
}

/// Signs an access token for whom the caller says.
///
/// # Errors
/// `SERVICE_UNAVAILABLE` while the keys are not there.
pub fn sign_access(
    realm: &Realm,
    user_id: &str,
    roles: &[String],
    session_id: Option<&str>,
    now: Millis,
    expires_at: Millis,
) -> Result<String, Failure> {
    let claims = AccessClaims {
        id: user_id.to_owned(),
        roles: roles.to_vec(),
        session_id: session_id.map(str::to_owned),
        iat: seconds(now),
        exp: seconds(expires_at),
        iss: realm.config.claims.issuer.clone(),
        aud: realm.config.claims.audience.clone(),
    };
    Ok(realm.keys.require()?.sign_access(&claims, now).map_err(Error::from)?)
}

/// Opens a session for a user whom the host has authenticated by other means.
///
/// # Errors
/// `USER_NOT_FOUND`; the store's.
pub async fn create(realm: &Realm, user_id: &str, caller: &Caller) -> Result<Value, Failure> {
    let now = realm.now();
    let session = new_session(realm, user_id, caller, now);
    let roles = realm.store.create_session(&session, None).await?.ok_or(ErrorCode::UserNotFound)?;
    let mut issued = issue(realm, &session, &roles, now)?;
    issued["sessionId"] = session.id.into();
    Ok(issued)
}

/// The live sessions of a user, newest first; `current` marks the caller's own.
///
/// # Errors
/// The store's.
pub async fn list(realm: &Realm, user_id: &str, current: Option<&str>) -> Result<Value, Failure> {
    let sessions = realm.store.list_sessions(user_id, realm.now()).await?;
    let rows = sessions.into_iter().map(|session| {
        json!({
            "id": session.id,
            "createdAt": to_iso(session.created_at),
            "lastUsedAt": to_iso(session.last_used_at.unwrap_or(session.created_at)),
            "expiresAt": to_iso(session.expires_at.min(realm.config.session.ends_at(session.created_at))),
            "ip": session.ip_address,
            "userAgent": session.user_agent,
            "current": current == Some(session.id.as_str()),
        })
    });
    Ok(rows.collect())
}

/// Ends one session; only `user_id`'s when given. `false`: there was no live one.
///
/// # Errors
/// The store's.
pub async fn revoke(
    realm: &Realm,
    session_id: &str,
    user_id: Option<&str>,
    trail: &mut Trail,
) -> Result<bool, Failure> {
    let owner = match user_id {
        Some(user_id) => Some(user_id.to_owned()),
        None if realm.config.logging => realm.store.find_session(session_id).await?.map(|state| state.session.user_id),
        None => None,
    };
    let write = realm.store.revoke_session(session_id, user_id, realm.now());
    let revoked = realm.revoking(Revocation::Sessions(vec![session_id.to_owned()]), write).await?;
    if let (true, Some(owner)) = (revoked, owner) {
        trail.sessions_revoked(&owner, &[session_id.to_owned()]);
    }
    Ok(revoked)
}

/// Ends every session of a user; how many there were.
///
/// # Errors
/// The store's.
pub async fn revoke_all(realm: &Realm, user_id: &str, trail: &mut Trail) -> Result<usize, Failure> {
    let write = realm.store.revoke_sessions(user_id, realm.now());
    let ids = realm.revoking(Revocation::User(user_id.to_owned()), write).await?;
    trail.sessions_revoked(user_id, &ids);
    Ok(ids.len())
}

/// Whole seconds since the epoch (RFC 7519, `NumericDate`).
#[must_use]
pub const fn seconds(at: Millis) -> i64 {
    at.div_euclid(1000)
}
