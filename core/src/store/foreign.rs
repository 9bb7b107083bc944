//! Runs batches on a database that the host accesses, for example by a Kysely dialect in Node. A batch is one call of
//! the host and one transaction on the host's own pool. The host runs statements and returns their results; it decides
//! nothing.
//!
//! Batches and outcomes cross as JSON text:
//! ```json
//! { "limit": 1800, "plain": false, "reads": false, "schema": false, "transaction": null, "cleanup": null,
//!   "statements": [{ "sql": "UPDATE ...", "params": ["text", 1, null], "expect": 1, "returns": false }] }
//! ```
//! ```json
//! { "done": [{ "count": 1, "rows": [["text", 1, null]] }] }
//! { "unmet": 0 }
//! { "failed": { "name": "error", "code": "23505", "number": null, "state": null, "constraint": "name", "message":
//! "text" } }
//! ```
//! * `limit`: the limit in milliseconds. Work that takes longer is rolled back, and no statement begins after it; 0
//!   means no limit. If the batch changes tables, only the wait for a connection has the limit.
//! * `plain`: the batch is one statement that needs no explicit transaction; other batches need READ COMMITTED.
//!   `reads`: the batch writes nothing.
//! * `schema`: the batch changes tables. On SQLite foreign keys are suspended meanwhile.
//! * `transaction`: the number of an open transaction of the host's to run in, between a savepoint and its release.
//! * `cleanup`: a statement for the same connection after the transaction, however that ended.
//! * `expect`: the number of rows that the statement must return, or touch if it returns nothing; otherwise the batch
//!   is rolled back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use crate::clock::{Millis, to_iso};
use crate::failure::StoreError;
use crate::store::dialect::Dialect;
use crate::store::executor::{Answer, Batch, Executor, Expect, Outcome, StatementKind, Value};
use crate::store::pooled::{BATCH_LIMIT, SCHEMA_LIMIT};

mod failure;

/// The most batches in flight at a database that runs one at a time. The time limit of a batch begins with its turn, so
/// many logins at once on a slow disk are a queue and no outage.
const AT_ONCE: usize = 8;
/// The longest time that a batch waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(5);
/// The longest time that a change of the schema waits for its turn or for a connection.
const SCHEMA_WAIT: Duration = Duration::from_secs(60);

/// The end of 9999-12-31, the last day that a DATETIME of MySQL holds.
const LAST: Millis = 253_402_300_799_999;

/// The largest integer up to which a double holds every integer.
const EXACT: u64 = 1 << 53;

/// The host's side of a database that the host accesses.
#[async_trait]
pub trait ForeignDatabase: Send + Sync + 'static {
    /// Runs a batch, and returns its outcome. Both are JSON text.
    ///
    /// # Errors
    /// A text for the log, if the host could not answer.
    async fn run(&self, batch: String) -> Result<String, String>;

    /// Ends the host's connections.
    async fn close(&self);
}

/// The executor over a database that the host accesses.
#[derive(Clone)]
pub struct ForeignExecutor {
    database: Arc<dyn ForeignDatabase>,
    dialect: &'static Dialect,
    closed: Arc<AtomicBool>,
    /// The turns at a database that runs one batch at a time; `None` if it has a pool of connections.
    turns: Option<Arc<Semaphore>>,
    transaction: Option<u32>,
}

impl fmt::Debug for ForeignExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignExecutor({})", self.dialect.name)
    }
}

impl ForeignExecutor {
    /// Returns an executor over `database`, without any I/O.
    #[must_use]
    pub fn new(database: Arc<dyn ForeignDatabase>, dialect: &'static Dialect) -> Self {
        let turns = dialect.is_file.then(|| Arc::new(Semaphore::new(AT_ONCE)));
        Self { database, dialect, closed: Arc::default(), turns, transaction: None }
    }

    /// Waits for a turn at the database, which dropping gives back. A batch inside a transaction of the host needs
    /// none, since the other batches wait for that transaction.
    async fn turn(&self, limit: Duration) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        let Some(turns) = self.turns.as_ref().filter(|_| self.transaction.is_none()) else { return Ok(None) };
        match timeout(limit, turns.acquire()).await {
            Ok(turn) => Ok(turn.ok()),
            Err(_) => Err(StoreError::Unavailable("there was no turn at the database in time".into())),
        }
    }

    async fn attempt(&self, batch: &Batch, deadline: Instant) -> Result<Outcome, StoreError> {
        if self.transaction.is_some() {
            // The host's transaction must not go on while this answer is awaited, so there is no time limit here. The
            // owner of the transaction sets the limits.
            return self.ask(batch, 0).await;
        }
        let mut left = deadline.saturating_duration_since(Instant::now());
        if batch.schema {
            left = left.min(SCHEMA_WAIT);
        }
        let limit = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
        match timeout_at(deadline, self.ask(batch, limit)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::Unavailable("the database did not answer in time".into())),
        }
    }

    async fn ask(&self, batch: &Batch, limit: u64) -> Result<Outcome, StoreError> {
        let text = self.database.run(self.write(batch, limit)).await.map_err(StoreError::Unavailable)?;
        let answer: serde_json::Value = serde_json::from_str(&text).map_err(|_| incomprehensible())?;
        if let Some(failed) = answer.get("failed") {
            return Err(failure::from_host(self.dialect, failed));
        }
        if let Some(index) = answer.get("unmet").and_then(serde_json::Value::as_u64) {
            return usize::try_from(index).map(Outcome::Unmet).map_err(|_| incomprehensible());
        }
        let answers = answer.get("done").and_then(serde_json::Value::as_array).ok_or_else(incomprehensible)?;
        answers.iter().map(read_answer).collect::<Result<_, _>>().map(Outcome::Done)
    }

    fn write(&self, batch: &Batch, limit: u64) -> String {
        let statements = batch.statements.iter().map(|statement| {
            let arranged = self.dialect.arrange(&statement.sql, &statement.params);
            json!({
                "sql": self.dialect.spell(&statement.sql),
                "params": arranged.into_iter().map(|value| self.param(value)).collect::<Vec<_>>(),
                "expect": match statement.expect {
                    Expect::Any => None,
                    Expect::Rows(count) => Some(count),
                },
                "returns": statement.kind != StatementKind::Write,
            })
        });
        json!({
            "limit": limit,
            "plain": batch.is_plain(),
            "reads": batch.is_read_only(),
            "schema": batch.schema,
            "transaction": self.transaction,
            "cleanup": self.dialect.migration_unlock.filter(|_| batch.schema),
            "statements": statements.collect::<Vec<_>>(),
        })
        .to_string()
    }

    fn param(&self, value: &Value) -> serde_json::Value {
        match value {
            Value::Null => serde_json::Value::Null,
            // The host's numbers may not hold larger integers.
            Value::Int(int) if int.unsigned_abs() > EXACT => int.to_string().into(),
            Value::Int(int) => (*int).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Time(at) if self.dialect.spaced_instants => {
                to_iso((*at).clamp(0, LAST)).replace('T', " ").trim_end_matches('Z').into()
            }
            Value::Time(at) => to_iso(*at).into(),
        }
    }
}

#[async_trait]
impl Executor for ForeignExecutor {
    fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let _turn = self.turn(if batch.schema { SCHEMA_WAIT } else { TURN_LIMIT }).await?;
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("the store is closed: close() was called".into()));
        }
        let deadline = Instant::now() + if batch.schema { SCHEMA_LIMIT } else { BATCH_LIMIT };
        let repeatable = batch.is_read_only() && self.transaction.is_none();
        let mut pauses = REREAD_AFTER.into_iter().filter(|_| repeatable);
        loop {
            match (self.attempt(batch, deadline).await, pauses.next()) {
                // The server may have restarted, and the host's pool has not noticed yet that its connections are dead.
                (Err(StoreError::Unavailable(_)), Some(pause)) if Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                }
                (outcome, _) => return outcome,
            }
        }
    }

    fn within(&self, transaction: u32) -> Option<Self> {
        Some(Self { transaction: Some(transaction), ..self.clone() })
    }

    async fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            // A pool that is cut off from its server may never end.
            let _ = timeout(CLOSE_LIMIT, self.database.close()).await;
        }
    }
}

/// The pauses before a batch that only reads is run again, which is harmless.
const REREAD_AFTER: [Duration; 3] = [Duration::from_millis(5), Duration::from_millis(30), Duration::from_millis(150)];
/// The time that the host has to end its connections.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

fn incomprehensible() -> StoreError {
    StoreError::Other("the host's answer to a batch makes no sense".into())
}

fn read_answer(answer: &serde_json::Value) -> Result<Answer, StoreError> {
    let count = answer.get("count").and_then(serde_json::Value::as_u64).ok_or_else(incomprehensible)?;
    let rows = answer.get("rows").and_then(serde_json::Value::as_array).ok_or_else(incomprehensible)?;
    let rows = rows.iter().map(|row| row.as_array().ok_or_else(incomprehensible)?.iter().map(column).collect());
    Ok(Answer { count, rows: rows.collect::<Result<_, _>>()? })
}

fn column(value: &serde_json::Value) -> Result<Value, StoreError> {
    match value {
        serde_json::Value::Null => Ok(Value::Null),
        serde_json::Value::String(text) => Ok(Value::Text(text.clone())),
        serde_json::Value::Bool(flag) => Ok(Value::Int((*flag).into())),
        other => {
            other.as_i64().map(Value::Int).ok_or_else(|| StoreError::Other("column: neither text nor integer".into()))
        }
    }
}
