//! Adds entries of the audit to the batch of the change that they record.

use serde_json::Value as Json;

use crate::audit::AuditEntry;
use crate::crypto::make_id;
use crate::store::executor::{Batch, Expect, Statement, StatementKind, Value};

/// The longest text that a column holds. Ids have 36 characters, but tokens that the host signs may hold longer ids.
const LONGEST: usize = 255;

/// Adds the INSERT of each entry to a batch that writes. If the batch is rolled back, no entry remains.
pub(super) fn note(batch: &mut Batch, entries: &[AuditEntry]) {
    if entries.is_empty() || batch.is_read_only() {
        return;
    }
    let misses = |one: &Statement| {
        one.expect != Expect::Any || one.kind == StatementKind::Write && one.sql.starts_with("INSERT")
    };
    debug_assert!(batch.statements.iter().any(misses), "a write that changes nothing would leave an entry: {batch:?}");
    batch.statements.extend(entries.iter().map(insert));
}

/// Inserts an entry. The id is made here, since a change may be written in several batches, each with its own entry.
fn insert(entry: &AuditEntry) -> Statement {
    let AuditEntry { at, change, author } = entry;
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

/// Shortens a text to what every database takes, since an entry must never prevent its change.
fn short(text: Option<&str>) -> Value {
    text.map(|text| text.chars().filter(|char| !char.is_control()).take(LONGEST).collect::<String>()).into()
}
