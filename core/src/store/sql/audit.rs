//! The audit: entries that are written with the change that they record.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use serde_json::Value as Json;

use crate::audit::Entry;
use crate::clock::Millis;
use crate::crypto::make_id;
use crate::failure::StoreError;
use crate::store::Store;
use crate::store::audit::{AuditStore, EntryQuery, StoredEntry};
use crate::store::executor::{Batch, Executor, Expect, Kind, Statement, Value};
use crate::store::sql::{Row, SqlStore, id, row_of};

/// The longest text that a column holds. Ids are of 36 characters, but tokens of the host's may name others.
const LONGEST: usize = 255;

/// Adds the INSERT of each entry to a batch that writes. Where the batch is rolled back, no entry is left.
pub(super) fn note(batch: &mut Batch, entries: &[Entry]) {
    if entries.is_empty() || batch.is_read_only() {
        return;
    }
    let misses =
        |one: &Statement| one.expect != Expect::Any || one.kind == Kind::Write && one.sql.starts_with("INSERT");
    debug_assert!(batch.statements.iter().any(misses), "a write that changes nothing would leave an entry: {batch:?}");
    batch.statements.extend(entries.iter().map(insert));
}

/// The id is made here, since one change may be written in several batches, each with its entry.
fn insert(entry: &Entry) -> Statement {
    let Entry { at, change, author } = entry;
    let sql = "INSERT INTO sentri_audit (id, created_at, event, actor, subject, session_id, ip, request_id, fields) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let params = [
        make_id().into(),
        Value::Time(*at),
        change.event.as_str().into(),
        short(author.actor.as_str()),
        short(change.subject.as_deref()),
        short(author.session.as_deref()),
        short(author.ip.as_deref()),
        short(author.request_id.as_deref()),
        Json::Object(change.fields.clone()).to_string().into(),
    ];
    Statement::write(sql, params)
}

/// A text that every database takes, since nothing of an entry may be in the way of its change.
fn short(text: Option<&str>) -> Value {
    text.map(|text| text.chars().filter(|char| !char.is_control()).take(LONGEST).collect::<String>()).into()
}

/// Deletes the addresses of a deleted user's entries; ids and digests stay.
pub(super) fn forget_addresses(user_id: &str) -> [Statement; 2] {
    ["subject", "actor"].map(|whose| {
        let sql = format!("UPDATE sentri_audit SET ip = NULL WHERE {whose} = ? AND ip IS NOT NULL");
        Statement::write(sql, [id(user_id)])
    })
}

impl<E: Executor> SqlStore<E> {
    /// Whether entries go with the next writes.
    pub(super) fn is_noting(&self) -> bool {
        !self.entries.is_empty()
    }
}

#[async_trait]
impl<E: Executor> AuditStore for SqlStore<E> {
    fn noting(&self, entries: Vec<Entry>) -> Option<Arc<dyn Store>> {
        let (executor, clustered) = (Arc::clone(&self.executor), AtomicBool::new(self.is_clustered()));
        let (normalize, retries) = (self.normalize, self.retries);
        Some(Arc::new(Self { executor, normalize, retries, clustered, entries }))
    }

    async fn list_entries(&self, query: &EntryQuery<'_>) -> Result<Vec<StoredEntry>, StoreError> {
        let EntryQuery { limit, before, subject, event } = *query;
        let (mut conditions, mut params) = (Vec::new(), Vec::new());
        for (condition, value) in [("subject = ?", subject), ("event = ?", event)] {
            let Some(value) = value else { continue };
            conditions.push(condition);
            params.push(id(value));
        }
        if let Some((at, id)) = before {
            conditions.push("(created_at < ? OR (created_at = ? AND id < ?))");
            params.extend([Value::Time(at), Value::Time(at), id.into()]);
        }
        params.push(Value::Int(i64::from(limit)));
        let condition =
            if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
        let sql = format!(
            "SELECT id, [created_at], event, actor, subject, session_id, ip, request_id, fields FROM sentri_audit \
             {condition} ORDER BY created_at DESC, id DESC LIMIT ?"
        );
        self.rows(Statement::read(sql, params)).await?.into_iter().map(entry_from).collect()
    }

    async fn purge_entries(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.purge("sentri_audit", "created_at", before, limit).await
    }
}

fn entry_from(row: Row) -> Result<StoredEntry, StoreError> {
    let [id, at, event, actor, subject, session, ip, request_id, fields] = row_of(row)?;
    let unreadable = |_| StoreError::Other("sentri_audit.fields is no JSON object".to_owned());
    Ok(StoredEntry {
        id: id.into_text()?,
        at: at.into_time()?,
        event: event.into_text()?,
        actor: actor.into_optional_text()?,
        subject: subject.into_optional_text()?,
        session: session.into_optional_text()?,
        ip: ip.into_optional_text()?,
        request_id: request_id.into_optional_text()?,
        fields: serde_json::from_str(&fields.into_text()?).map_err(unreadable)?,
    })
}
