//! Reads, lists and deletes users, for the host and admins.

use serde::Serialize;

use super::shown::ShownUser;
use super::story::Story;
use super::{Realm, Trail};
use crate::assurance::Assurance;
use crate::cache::Revocation;
use crate::clock::Millis;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::identifier;
use crate::store::ADOPTED_MARKER;

/// The largest page.
const MAX_PAGE: u32 = 100;

/// Returns a user, or `None` if there is no user of this id.
///
/// # Errors
/// The store's failures.
pub async fn get(realm: &Realm, user_id: &str) -> Result<Option<ShownUser>, Failure> {
    let user = realm.store.find_user(user_id).await?;
    Ok(user.map(|user| ShownUser::at(realm.now(), user)))
}

/// Returns a user as the user sees their own account, with the roles that the request's authentication puts in effect.
///
/// # Errors
/// `USER_NOT_FOUND`; the store's failures.
pub async fn get_own(realm: &Realm, user_id: &str, assurance: Option<&Assurance>) -> Result<ShownUser, Failure> {
    let mut user = realm.store.find_user(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
    user.user.roles = realm.config.roles.in_session(user.user.roles, assurance).in_effect;
    // The reason of a disabling is for admins alone.
    user.user.disabled = None;
    Ok(ShownUser::at(realm.now(), user))
}

/// Fails if there is no user of this id.
///
/// # Errors
/// `USER_NOT_FOUND`; the store's failures.
pub async fn require(realm: &Realm, user_id: &str) -> Result<(), Failure> {
    realm.store.credential_of(user_id).await?.map(drop).ok_or_else(|| ErrorCode::UserNotFound.into())
}

/// Returns the user who has an identifier, or `None` if nobody has it.
///
/// # Errors
/// The store's failures.
pub async fn find(realm: &Realm, given: &str) -> Result<Option<ShownUser>, Failure> {
    let Ok(lookup) = identifier::lookup(given) else { return Ok(None) };
    match realm.store.find_credential(&lookup.normalized, &lookup.exact, &lookup.others).await? {
        Some(owner) => get(realm, &owner.user_id).await,
        None => Ok(None),
    }
}

/// The page of users to list.
#[derive(Debug, Default)]
pub struct Page<'a> {
    /// The most users of the page, from 1 to 100; 50 by default.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before; `None` for the first page.
    pub cursor: Option<&'a str>,
    /// Lists only the user who has this identifier.
    pub identifier: Option<&'a str>,
    /// Lists only users with an identifier that begins with this text, in any spelling. An empty text lists all users.
    pub search: Option<&'a str>,
}

/// A page of users, oldest first: `{users, nextCursor}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserList {
    /// The users of this page.
    pub users: Vec<ShownUser>,
    /// The [`Page::cursor`] of the next page; `null` on the last page.
    pub next_cursor: Option<String>,
}

/// Lists users in pages, oldest first.
///
/// # Errors
/// `VALIDATION_ERROR`; the store's failures.
pub async fn list(realm: &Realm, page: &Page<'_>) -> Result<UserList, Failure> {
    let limit = page.limit.unwrap_or(50);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Error::validation("limit", format!("limit must be from 1 to {MAX_PAGE}")).into());
    }
    let mut prefixes = page.search.map(identifier::prefixes).transpose()?.unwrap_or_default();
    if let Some(given) = page.identifier {
        if !prefixes.is_empty() {
            return Err(Error::validation("search", "search and identifier can't be asked for together").into());
        }
        let users = find(realm, given).await?.into_iter().collect();
        return Ok(UserList { users, next_cursor: None });
    }
    let adopted = prefixes.first().map(|exact| format!("{ADOPTED_MARKER}{exact}"));
    prefixes.extend(adopted);
    let found = realm.store.list_users(limit, page.cursor, &prefixes).await?;
    let now = realm.now();
    let users = found.users.into_iter().map(|user| ShownUser::at(now, user)).collect();
    Ok(UserList { users, next_cursor: found.next })
}

/// The events of a deletion.
pub const DELETION: Story = Story { success: EventName::UserDeleted, failure: Some(EventName::UserDeleteFailure) };

/// Returns the time until which the id of a user who is deleted now is remembered. Tokens without a session may outlive
/// their user until then.
pub(super) fn remembered_until(realm: &Realm) -> Millis {
    realm.now().saturating_add(realm.config.access_ttl)
}

/// Deletes a user with everything that belongs to the user. Returns `false` if there was no such user.
///
/// # Errors
/// The store's failures.
pub async fn delete(realm: &Realm, user_id: &str, trail: &mut Trail) -> Result<bool, Failure> {
    let live = realm.store.list_sessions(user_id, realm.now()).await?;
    let identifiers = realm.audited_identifiers(user_id).await?;
    let store = realm.noting(&trail.author, || realm.deletion_of(user_id, &identifiers))?;
    let write = store.delete_user(user_id, remembered_until(realm));
    let deleted = realm.revoking(Revocation::User(user_id.to_owned()), write).await?;
    if deleted {
        let ids: Vec<String> = live.into_iter().map(|session| session.id).collect();
        trail.sessions_revoked(user_id, &ids);
    }
    Ok(deleted)
}
