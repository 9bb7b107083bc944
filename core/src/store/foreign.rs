//! A database that the host accesses, such as a Kysely dialect in Node: a batch is one call of the host and one
//! transaction on the host's own pool. The host decides nothing; it runs statements and returns their results.
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
//! * `limit`: milliseconds. Work that takes longer is rolled back, and nothing begins after it; 0 means no limit.
//! * `plain`: one statement that needs no explicit transaction; others ask for READ COMMITTED. `reads`: nothing is
//!   written.
//! * `schema`: tables change. On SQLite foreign keys are suspended meanwhile.
//! * `transaction`: the number of an open transaction of the host's to run in, between a savepoint and its release.
//! * `cleanup`: a statement for the same connection after the transaction, however that ended.
//! * `expect`: how many rows (returned, or touched where nothing is returned) it must come to, or all is rolled back.

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

/// The most batches at a database that does one at a time. The limit of a batch begins with its turn: many logins at
/// once at a slow disk are a queue and no outage.
const AT_ONCE: usize = 8;
/// The time that a batch waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(5);

/// 9999-12-31, the last day of a DATETIME of MySQL.
const LAST: Millis = 253_402_300_799_999;

/// The largest integer up to which a double holds every one.
const EXACT: u64 = 1 << 53;

/// The host's side.
#[async_trait]
pub trait ForeignDatabase: Send + Sync + 'static {
    /// Runs a batch; both are JSON text.
    ///
    /// # Errors
    /// A text for the log: the host could not even answer.
    async fn run(&self, batch: String) -> Result<String, String>;

    /// Ends the host's connections.
    async fn close(&self);
}

/// The executor over it.
#[derive(Clone)]
pub struct ForeignExecutor {
    database: Arc<dyn ForeignDatabase>,
    dialect: &'static Dialect,
    closed: Arc<AtomicBool>,
    /// Turns at a database that does one batch at a time. `None`: it has a pool of connections.
    turns: Option<Arc<Semaphore>>,
    transaction: Option<u32>,
}

impl fmt::Debug for ForeignExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignExecutor({})", self.dialect.name)
    }
}

impl ForeignExecutor {
    /// An executor over `database`; no I/O yet.
    #[must_use]
    pub fn new(database: Arc<dyn ForeignDatabase>, dialect: &'static Dialect) -> Self {
        let turns = dialect.is_file.then(|| Arc::new(Semaphore::new(AT_ONCE)));
        Self { database, dialect, closed: Arc::default(), turns, transaction: None }
    }

    /// A turn at the database, given back when it is dropped. A batch in a transaction of the host's needs none: the
    /// others wait for that.
    async fn turn(&self, limit: Duration) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        let Some(turns) = self.turns.as_ref().filter(|_| self.transaction.is_none()) else { return Ok(None) };
        match timeout(limit, turns.acquire()).await {
            Ok(turn) => Ok(turn.ok()),
            Err(_) => Err(StoreError::Unavailable("there was no turn at the database in time".into())),
        }
    }

    async fn attempt(&self, batch: &Batch, deadline: Instant) -> Result<Outcome, StoreError> {
        if self.transaction.is_some() {
            // Nobody may run anything in the transaction of another while its answer is awaited, so there is no giving
            // up: the limits are those of the transaction's owner.
            return self.ask(batch, 0).await;
        }
        let left = deadline.saturating_duration_since(Instant::now());
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
            // A number of the host's need not hold all of them.
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
        let _turn = self.turn(if batch.schema { SCHEMA_LIMIT } else { TURN_LIMIT }).await?;
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("the store is closed: close() was called".into()));
        }
        let deadline = Instant::now() + if batch.schema { SCHEMA_LIMIT } else { BATCH_LIMIT };
        let repeatable = batch.is_read_only() && self.transaction.is_none();
        let mut pauses = REREAD_AFTER.into_iter().filter(|_| repeatable);
        loop {
            match (self.attempt(batch, deadline).await, pauses.next()) {
                // The server was started anew, and the host's pool has yet to notice that its connections are dead.
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
            // A pool that is cut off from its server may take for ever to end.
            let _ = timeout(CLOSE_LIMIT, self.database.close()).await;
        }
    }
}

/// A batch that only reads does no harm when it is run again.
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
