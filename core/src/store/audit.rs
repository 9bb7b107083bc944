//! The port to the audit, which lists and purges entries. Writes add their entries themselves.

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::clock::Millis;
use crate::failure::StoreError;

/// An audit entry as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEntry {
    /// A UUID of 36 characters. Entries that were made later sort later.
    pub id: String,
    /// The time of the change.
    pub at: Millis,
    /// The name of the event, which another version of sentri may have written.
    pub event: String,
    /// The id of the user who acts, or `api-key`, `code` or `cli`.
    pub actor: Option<String>,
    /// The id of the user whom the entry is about.
    pub subject: Option<String>,
    /// The id of the session in which the actor acts.
    pub session: Option<String>,
    /// The client's address.
    pub ip: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Further facts.
    pub fields: Map<String, Value>,
}

/// The entries to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct EntryQuery<'a> {
    /// The most entries of the answer.
    pub limit: u32,
    /// Lists only entries before the entry of this time and id.
    pub before: Option<(Millis, &'a str)>,
    /// Lists only entries about this user.
    pub subject: Option<&'a str>,
    /// Lists only entries of this event.
    pub event: Option<&'a str>,
}

/// The part of the store that reads the audit.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Lists entries, newest first.
    async fn list_entries(&self, query: &EntryQuery<'_>) -> Result<Vec<StoredEntry>, StoreError>;

    /// Deletes at most `limit` entries that are older than `before`, and returns their number.
    async fn purge_entries(&self, before: Millis, limit: u32) -> Result<u64, StoreError>;
}
