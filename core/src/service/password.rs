//! Password changes.

use std::sync::Arc;

use serde_json::Value;

use super::attempt::{Attempts, Guess, WRONG_IN_A_ROW};
use super::input::Input;
use super::{Caller, Realm, Trail, device};
use crate::cache::Revocation;
use crate::crypto::Secret;
use crate::error::ErrorCode;
use crate::failure::Failure;
use crate::limit;
use crate::password::Hasher;

/// `{userId, currentPassword, newPassword}` in. Every session of the user ends, the caller's own included.
///
/// Wrong guesses at the current password share the login's budget, or that of a device that is known for the user: a stolen
/// access token is no way around it.
///
/// # Errors
/// `INVALID_CREDENTIALS`, `VALIDATION_ERROR`, `USER_NOT_FOUND`, `RATE_LIMIT_EXCEEDED`, `SERVICE_UNAVAILABLE`.
pub async fn change(realm: &Arc<Realm>, input: &Value, caller: &Caller, trail: &mut Trail) -> Result<Value, Failure> {
    let input = Input::new(input)?;
    let user_id = input.text("userId")?;
    let current = Secret::new(input.text("currentPassword")?.to_owned());
    let new = Secret::new(input.text("newPassword")?.to_owned());
    realm.config.password.check("newPassword", new.expose())?;
    if realm.config.password.is_too_long(current.expose()) {
        return Err(ErrorCode::InvalidCredentials.into());
    }
    let mut attempts = Attempts::new(realm, "login");
    if !device::begin(&mut attempts, caller, user_id).await {
        let account = limit::login_account(user_id);
        attempts.begin(&account, |limits| limits.login_account, WRONG_IN_A_ROW, trail).await?;
    }
    let hasher = realm.hasher.on_behalf_of(caller.origin());
    let outcome = verify_and_change(realm, &hasher, user_id, current, new, trail).await;
    attempts.settle(Guess::of(&outcome)).await;
    outcome.map(|()| Value::Null)
}

async fn verify_and_change(
    realm: &Realm,
    hasher: &Hasher,
    user_id: &str,
    current: Secret<String>,
    new: Secret<String>,
    trail: &mut Trail,
) -> Result<(), Failure> {
    let credential = realm.store.credential_of(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
    let old_hash = credential.password_hash;
    if !hasher.verify(current, old_hash.clone()).await? {
        return Err(ErrorCode::InvalidCredentials.into());
    }
    let Some(old_hash) = old_hash else { return Err(ErrorCode::InvalidCredentials.into()) };
    let new_hash = hasher.hash(new).await?;
    replace(realm, user_id, Some(old_hash.expose()), &new_hash, trail).await
}

/// Sets a password without knowing the old one; for the host's code and admins.
///
/// # Errors
/// `VALIDATION_ERROR`, `USER_NOT_FOUND`; the store's.
pub async fn set(realm: &Realm, user_id: &str, new: &str, trail: &mut Trail) -> Result<(), Failure> {
    realm.config.password.check("newPassword", new)?;
    let new_hash = realm.hasher.hash(Secret::new(new.to_owned())).await?;
    replace(realm, user_id, None, &new_hash, trail).await
}

async fn replace(
    realm: &Realm,
    user_id: &str,
    expected: Option<&str>,
    new_hash: &Secret<String>,
    trail: &mut Trail,
) -> Result<(), Failure> {
    let now = realm.now();
    let live = realm.store.list_sessions(user_id, now).await?;
    let write = realm.store.change_password(user_id, expected, new_hash.expose(), now);
    let changed = realm.revoking(Revocation::User(user_id.to_owned()), write).await?;
    if !changed {
        // With an expected hash: somebody changed it after it was verified, so the verified password is not the
        // current one any more.
        return Err(if expected.is_some() { ErrorCode::InvalidCredentials } else { ErrorCode::UserNotFound }.into());
    }
    let ids: Vec<String> = live.into_iter().map(|session| session.id).collect();
    trail.sessions_revoked(user_id, &ids);
    Ok(())
}
