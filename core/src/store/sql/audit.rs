//! The audit: a store whose writes add entries, and the reading and purging of entries.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;

use crate::audit::AuditEntry;
use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::audit::{AuditStore, EntryQuery, StoredEntry};
use crate::store::executor::{Executor, Statement, Value};
use crate::store::sql::{Row, SqlStore, id, row_of};

/// Deletes the addresses from the entries of a deleted user. Ids and digests stay.
pub(super) fn forget_addresses(user_id: &str) -> [Statement; 2] {
    ["subject", "actor"].map(|whose| {
        let sql = format!("UPDATE sentri_audit SET ip = NULL WHERE {whose} = ? AND ip IS NOT NULL");
        Statement::write(sql, [id(user_id)])
    })
}

impl<E: Executor> SqlStore<E> {
    /// Whether audit entries go with the next writes.
    pub(super) fn is_noting(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Returns a store whose writes add `entries`.
    pub(super) fn with_entries(&self, entries: Vec<AuditEntry>) -> Self {
        let (executor, clustered) = (Arc::clone(&self.executor), AtomicBool::new(self.is_clustered()));
        let (normalize, retries) = (self.normalize, self.retries);
        Self { executor, normalize, retries, clustered, entries }
    }
}

#[async_trait]
impl<E: Executor> AuditStore for SqlStore<E> {
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
