//! The entries of the audit, as admins and the users themselves see them.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::audit::{Actor, AuditLevel, Part};
use crate::clock::{Iso, Millis};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::service::Realm;
use crate::store::audit::{EntryQuery, StoredEntry};

/// The largest page.
const MAX_PAGE: u32 = 100;

/// The page of entries to list.
#[derive(Debug, Default)]
pub struct EntryPage<'a> {
    /// The most entries of the page, from 1 to 100; 50 by default.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before; `None` for the first page.
    pub cursor: Option<&'a str>,
    /// Lists only entries about the user of this id.
    pub user: Option<&'a str>,
    /// Lists only entries of the event of this name.
    pub event: Option<&'a str>,
}

/// An entry as admins see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownEntry {
    id: String,
    at: Iso,
    event: String,
    actor: Option<String>,
    subject: Option<String>,
    session: Option<String>,
    ip: Option<String>,
    request_id: Option<String>,
    fields: Map<String, Value>,
}

impl From<StoredEntry> for ShownEntry {
    fn from(entry: StoredEntry) -> Self {
        let StoredEntry { id, at, event, actor, subject, session, ip, request_id, fields } = entry;
        Self { id, at: Iso(at), event, actor, subject, session, ip, request_id, fields }
    }
}

/// A page of entries: `{entries, nextCursor}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryList {
    entries: Vec<ShownEntry>,
    next_cursor: Option<String>,
}

/// Lists entries in pages, newest first. `nextCursor` is `null` on the last page.
///
/// # Errors
/// `VALIDATION_ERROR`, `CONFIGURATION_ERROR` if the option `audit` is off, and the store's failures.
pub async fn list(realm: &Realm, page: &EntryPage<'_>) -> Result<EntryList, Failure> {
    let EntryPage { limit, cursor, user, event } = *page;
    if realm.audit_level() == AuditLevel::Off && !realm.command_line.is_here() {
        return Err(Error::configuration("audit is off: nothing is kept that could be listed").into());
    }
    let limit = limit.unwrap_or(50);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Error::validation("limit", format!("limit must be from 1 to {MAX_PAGE}")).into());
    }
    let before = cursor.map(|cursor| read_cursor(cursor).ok_or_else(wrong_cursor)).transpose()?;
    if let Some(event) = event
        && !EventName::ALL.iter().any(|known| known.as_str() == event && Part::of(*known) != Part::None)
    {
        return Err(Error::validation("event", "event must be the name of an event that the audit keeps").into());
    }
    if user.is_some_and(|id| id.contains(char::is_control)) {
        return Err(Error::new(ErrorCode::ValidationError, "user must be the id of a user").into());
    }
    // The query asks for one entry more, which shows whether there is a next page.
    let query = EntryQuery { limit: limit + 1, before, subject: user, event };
    let mut found = realm.store.list_entries(&query).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_cursor = found.last().filter(|_| more).map(|last| format!("{}.{}", last.at, last.id));
    Ok(EntryList { entries: found.into_iter().map(ShownEntry::from).collect(), next_cursor })
}

/// Reads a cursor of the form `time.id`.
fn read_cursor(cursor: &str) -> Option<(Millis, &str)> {
    let (at, id) = cursor.split_once('.')?;
    // Every database knows the years up to 9999.
    let at = at.parse().ok().filter(|at| (0..=253_402_300_799_000).contains(at))?;
    let is_id = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id.then_some((at, id))
}

fn wrong_cursor() -> Error {
    Error::validation("cursor", "cursor must be the nextCursor of the page before")
}

/// An audit entry as the user whom it is about may see it. It holds no session, no request id and no digests. If
/// another user acted, it holds no address, and the actor is `admin`.
#[derive(Debug, Serialize)]
pub struct OwnEntry {
    at: Iso,
    event: String,
    actor: Option<String>,
    ip: Option<String>,
    fields: Map<String, Value>,
}

impl OwnEntry {
    fn new(entry: StoredEntry, user_id: &str) -> Self {
        let StoredEntry { at, event, actor, ip, mut fields, .. } = entry;
        let ip = ip.filter(|_| actor.as_deref().is_none_or(|by| by == user_id));
        let is_other = |by: &str| by != user_id && !Actor::WORDS.contains(&by);
        let actor = actor.map(|by| if is_other(&by) { "admin".to_owned() } else { by });
        fields.retain(|name, _| !matches!(name.as_str(), "identifiers" | "kid"));
        Self { at: Iso(at), event, actor, ip, fields }
    }
}

/// Returns the entries about a user as the user may see them, or `None` if the audit is off.
///
/// # Errors
/// The store's failures.
pub(in crate::service) async fn of_user(
    realm: &Realm,
    user_id: &str,
    limit: u32,
) -> Result<Option<Vec<OwnEntry>>, Failure> {
    if realm.audit_level() == AuditLevel::Off {
        return Ok(None);
    }
    let query = EntryQuery { limit, subject: Some(user_id), ..EntryQuery::default() };
    let found = realm.store.list_entries(&query).await?;
    Ok(Some(found.into_iter().map(|entry| OwnEntry::new(entry, user_id)).collect()))
}
