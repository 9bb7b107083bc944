//! The port to the audit: entries that went with writes, read and purged.

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::clock::Millis;
use crate::failure::StoreError;

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEntry {
    /// UUID, 36 characters; those made later sort later.
    pub id: String,
    /// The time of the change.
    pub at: Millis,
    /// The name of the event, possibly of another version.
    pub event: String,
    /// The user's id who acts, or `api-key`, `code` or `cli`.
    pub actor: Option<String>,
    /// The id of the user that it is about.
    pub subject: Option<String>,
    /// The id of the session in which they act.
    pub session: Option<String>,
    /// Their address.
    pub ip: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Further facts.
    pub fields: Map<String, Value>,
}

/// Which entries to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct EntryQuery<'a> {
    /// The most of them.
    pub limit: u32,
    /// Only those before the entry of this time and id.
    pub before: Option<(Millis, &'a str)>,
    /// Only those about this user.
    pub subject: Option<&'a str>,
    /// Only those of this event.
    pub event: Option<&'a str>,
}

/// The duties of a driver toward the audit.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Entries, newest first.
    async fn list_entries(&self, query: &EntryQuery<'_>) -> Result<Vec<StoredEntry>, StoreError>;

    /// Deletes at most `limit` entries from before `before`; how many it was.
    async fn purge_entries(&self, before: Millis, limit: u32) -> Result<u64, StoreError>;
}
