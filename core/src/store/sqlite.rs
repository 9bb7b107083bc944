//! SQLite, in a file or in memory.
//!
//! A file is in WAL mode with `synchronous = FULL`, so an acknowledged write survives a kill of the process and a loss
//! of power (about 0.15 ms per write on an SSD). One connection writes, and a few read beside it. Other processes may
//! use the same file if they run on the same machine. Another SQLite library in this process must not use it; see
//! [`watch`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, TransactionBehavior, params_from_iter};

use crate::clock::to_iso;
use crate::failure::StoreError;
use crate::store::dialect::{self, Dialect};
use crate::store::executor::{Answer, Batch, Executor, Outcome, Statement, StatementKind, Value};

mod barrier;
mod config;
mod descriptors;
mod failure;
mod open;
mod url;
mod watch;

pub use config::SqliteConfig;

use config::BUSY_TIMEOUT;
use failure::from_driver;
use open::open_watched;
use watch::Watched;

pub(in crate::store) use failure::from_code;
pub(in crate::store) use url::from_url;

/// The longest time for which a change of the schema waits for other writes.
const SCHEMA_BUSY_TIMEOUT: Duration = Duration::from_secs(60);
const READERS: usize = 4;

/// The executor over SQLite. The first use opens the file.
#[derive(Debug, Clone)]
pub struct SqliteExecutor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: SqliteConfig,
    writer: Mutex<Slot>,
    readers: Vec<Mutex<Slot>>,
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Unopened,
    Open(Watched),
    Closed,
}

impl SqliteExecutor {
    /// Returns an executor for `config`, without any I/O.
    #[must_use]
    pub fn new(config: SqliteConfig) -> Self {
        let readers = if config.is_memory() { 0 } else { READERS };
        let readers = (0..readers).map(|_| Mutex::default()).collect();
        Self(Arc::new(Shared { config, writer: Mutex::default(), readers }))
    }
}

#[async_trait]
impl Executor for SqliteExecutor {
    fn dialect(&self) -> &'static Dialect {
        &dialect::SQLITE
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let (shared, batch) = (Arc::clone(&self.0), batch.clone());
        let work = tokio::task::spawn_blocking(move || shared.run(&batch));
        work.await.map_err(|error| StoreError::Other(format!("the SQLite task ended: {error}")))?
    }

    fn run_now(&self, batch: &Batch) -> Option<Result<Outcome, StoreError>> {
        let mut slot = self.0.free_reader()?;
        // A call that must not wait does not open the file, which may take a while.
        match &mut *slot {
            Slot::Open(connection) => match run_checked(connection, batch)? {
                Err(StoreError::Conflict(_)) => None,
                outcome => Some(outcome),
            },
            Slot::Unopened | Slot::Closed => None,
        }
    }

    async fn close(&self) {
        let shared = Arc::clone(&self.0);
        let work = tokio::task::spawn_blocking(move || {
            // The writer closes last, since the last connection moves the write-ahead log into the file.
            for slot in shared.readers.iter().chain([&shared.writer]) {
                *slot.lock() = Slot::Closed;
            }
        });
        // A failed join is ignored, since the connections close when the executor is dropped.
        let _ = work.await;
    }
}

impl Shared {
    fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let reads = batch.is_read_only() && !batch.schema && !self.readers.is_empty();
        let began = Instant::now();
        let mut slot = if reads {
            self.free_reader().unwrap_or_else(|| self.readers[0].lock())
        } else {
            self.free_writer(if batch.schema { SCHEMA_BUSY_TIMEOUT } else { BUSY_TIMEOUT })?
        };
        if let Slot::Unopened = *slot {
            let connection = open_watched(&self.config, reads)?;
            *slot = Slot::Open(connection);
        }
        match &mut *slot {
            Slot::Open(connection) => {
                connection.watch.as_ref().map_or(Ok(()), |watch| watch.check())?;
                // The time that a batch waited here counts, so that a queue does not wait for other processes once per
                // batch.
                connection.busy_timeout(BUSY_TIMEOUT.saturating_sub(began.elapsed())).map_err(from_driver)?;
                run_on(connection, batch)
            }
            Slot::Unopened | Slot::Closed => {
                Err(StoreError::Unavailable("the store is closed: close() was called".into()))
            }
        }
    }

    /// Waits for the connection that writes.
    fn free_writer(&self, patience: Duration) -> Result<MutexGuard<'_, Slot>, StoreError> {
        let busy = || StoreError::Conflict("the writes of others take too long".into());
        self.writer.try_lock_for(patience).ok_or_else(busy)
    }

    /// Returns a free connection for reading, preferably an open one.
    fn free_reader(&self) -> Option<MutexGuard<'_, Slot>> {
        if self.readers.is_empty() {
            return self.writer.try_lock();
        }
        let mut unopened = None;
        for slot in &self.readers {
            match slot.try_lock() {
                Some(guard) if matches!(*guard, Slot::Unopened) => unopened = unopened.or(Some(guard)),
                Some(guard) => return Some(guard),
                None => {}
            }
        }
        unopened
    }
}

/// Runs a read that must not wait. Returns `None` if it is not known at once whether another library uses the file.
fn run_checked(connection: &mut Watched, batch: &Batch) -> Option<Result<Outcome, StoreError>> {
    let checked = connection.watch.as_ref().map_or(Some(Ok(())), |watch| watch.check_now())?;
    Some(checked.and_then(|()| run_on(connection, batch)))
}

fn run_on(connection: &mut Watched, batch: &Batch) -> Result<Outcome, StoreError> {
    if batch.schema {
        // SQLite ignores this setting inside a transaction.
        connection.pragma_update(None, "foreign_keys", false).map_err(from_driver)?;
        connection.busy_timeout(SCHEMA_BUSY_TIMEOUT).map_err(from_driver)?;
        let outcome = transact(connection, batch);
        connection.busy_timeout(BUSY_TIMEOUT).map_err(from_driver)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(from_driver)?;
        return outcome;
    }
    match &batch.statements[..] {
        // A single write is a transaction too, so that the watch is asked before the commit.
        [only] if batch.is_read_only() && batch.is_plain() => {
            run_statement(connection, only).map(|answer| Outcome::Done(vec![answer]))
        }
        _ => transact(connection, batch),
    }
}

fn transact(connection: &mut Watched, batch: &Batch) -> Result<Outcome, StoreError> {
    // A write begins as an immediate transaction. If it read first and wrote later, its snapshot could be outdated by
    // then.
    let write = !batch.is_read_only();
    let behavior = if write { TransactionBehavior::Immediate } else { TransactionBehavior::Deferred };
    let watch = connection.watch.clone().filter(|_| write);
    let transaction = connection.transaction_with_behavior(behavior).map_err(from_driver)?;
    let mut answers = Vec::with_capacity(batch.statements.len());
    for (index, statement) in batch.statements.iter().enumerate() {
        let answer = run_statement(&transaction, statement)?;
        if !answer.meets(statement.expect) {
            transaction.rollback().map_err(from_driver)?;
            return Ok(Outcome::Unmet(index));
        }
        answers.push(answer);
    }
    let guard = match watch.map(|watch| watch.guard()).transpose() {
        Ok(guard) => guard,
        Err(refused) => {
            // Nothing is written to the file yet, and a rollback writes nothing.
            transaction.rollback().map_err(from_driver)?;
            return Err(refused);
        }
    };
    transaction.commit().map_err(from_driver)?;
    drop(guard);
    Ok(Outcome::Done(answers))
}

fn run_statement(connection: &Connection, statement: &Statement) -> Result<Answer, StoreError> {
    let params = params_from_iter(statement.params.iter());
    if !statement.fixed {
        let mut prepared = connection.prepare(&statement.sql).map_err(from_driver)?;
        return answer(&mut prepared, statement.kind, params);
    }
    let mut prepared = connection.prepare_cached(&statement.sql).map_err(from_driver)?;
    answer(&mut prepared, statement.kind, params)
}

fn answer(
    prepared: &mut rusqlite::Statement<'_>,
    kind: StatementKind,
    params: impl rusqlite::Params,
) -> Result<Answer, StoreError> {
    if kind == StatementKind::Write {
        let count = prepared.execute(params).map_err(from_driver)? as u64;
        return Ok(Answer { count, rows: Vec::new() });
    }
    let width = prepared.column_count();
    let mut rows = prepared.query(params).map_err(from_driver)?;
    let mut found = Vec::new();
    // All rows are read, since a write with RETURNING is complete only after its last row.
    while let Some(row) = rows.next().map_err(from_driver)? {
        let columns = (0..width).map(|index| row.get_ref(index).map_err(from_driver).and_then(value_from));
        found.push(columns.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(Answer { count: found.len() as u64, rows: found })
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Int(int) => ToSqlOutput::from(*int),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Time(at) => ToSqlOutput::from(to_iso(*at)),
        })
    }
}

fn value_from(column: ValueRef<'_>) -> Result<Value, StoreError> {
    match column {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(int) => Ok(Value::Int(int)),
        ValueRef::Text(text) => Ok(Value::Text(String::from_utf8_lossy(text).into_owned())),
        ValueRef::Real(_) | ValueRef::Blob(_) => Err(StoreError::Other("column: neither text nor integer".into())),
    }
}
