//! The live sessions of a user, as responses show them.

use serde::Serialize;

use crate::clock::{Iso, Millis};
use crate::error::Error;
use crate::failure::Failure;
use crate::service::Realm;
use crate::store::model::Session;

/// The most sessions in an answer.
const MAX_LISTED: u32 = 1_000;

/// The largest page.
const MAX_PAGE: u32 = 100;

/// A session as responses show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownSession {
    id: String,
    created_at: Iso,
    last_used_at: Iso,
    expires_at: Iso,
    ip: Option<String>,
    user_agent: Option<String>,
    current: bool,
}

impl ShownSession {
    fn new(realm: &Realm, session: Session, current: Option<&str>) -> Self {
        let last_used_at = session.last_used_at.unwrap_or(session.created_at);
        let expires_at = session.expires_at.min(realm.config.session.ends_at(session.created_at));
        Self {
            created_at: Iso(session.created_at),
            last_used_at: Iso(last_used_at),
            expires_at: Iso(expires_at),
            ip: session.ip_address,
            user_agent: session.user_agent,
            current: current == Some(session.id.as_str()),
            id: session.id,
        }
    }
}

/// A page of sessions: `{sessions, nextCursor}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionList {
    sessions: Vec<ShownSession>,
    next_cursor: Option<String>,
}

/// Lists the live sessions of a user, newest first, at most 1,000. `current` is the id of the caller's own session.
///
/// # Errors
/// The store's failures.
pub async fn list(realm: &Realm, user_id: &str, current: Option<&str>) -> Result<Vec<ShownSession>, Failure> {
    let sessions = realm.store.page_sessions(user_id, MAX_LISTED, None, realm.now()).await?;
    Ok(sessions.into_iter().map(|session| ShownSession::new(realm, session, current)).collect())
}

/// Lists the live sessions of a user in pages of 1 to 100, by default 50. `nextCursor` is `null` on the last page.
///
/// # Errors
/// `VALIDATION_ERROR`; the store's failures.
pub async fn page(
    realm: &Realm,
    user_id: &str,
    current: Option<&str>,
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<SessionList, Failure> {
    let limit = limit.unwrap_or(50);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Error::validation("limit", format!("limit must be from 1 to {MAX_PAGE}")).into());
    }
    let after = cursor.map(|cursor| read_cursor(cursor).ok_or_else(wrong_cursor)).transpose()?;
    // The query asks for one session more, which shows whether there is a next page.
    let mut sessions = realm.store.page_sessions(user_id, limit + 1, after, realm.now()).await?;
    let more = sessions.len() > limit as usize;
    sessions.truncate(limit as usize);
    let last = sessions.last().filter(|_| more);
    let next_cursor = last.map(|session| format!("{}.{}", session.created_at, session.id));
    let sessions = sessions.into_iter().map(|session| ShownSession::new(realm, session, current)).collect();
    Ok(SessionList { sessions, next_cursor })
}

fn read_cursor(cursor: &str) -> Option<(Millis, &str)> {
    let (created_at, id) = cursor.split_once('.')?;
    // Every database knows the years up to 9999.
    let created_at = created_at.parse().ok().filter(|at| (0..=253_402_300_799_000).contains(at))?;
    Some((created_at, id))
}

fn wrong_cursor() -> Error {
    Error::validation("cursor", "cursor must be the nextCursor of the page before")
}
