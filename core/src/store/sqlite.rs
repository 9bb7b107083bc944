//! SQLite through rusqlite: one writer, a few readers, write-ahead log.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::dialect::Dialect;
use super::executor::{Exclusive, Executor, Expect, Outcome, Output, Row, Statement, Value};
use crate::clock::to_iso;
use crate::failure::StoreError;

/// Connections that read while another writes.
const READERS: usize = 4;

/// How long a statement waits for the lock of another process; below the two seconds in which an answer is due.
const BUSY: Duration = Duration::from_millis(1_500);

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a file, made when it is not there.
    File(PathBuf),
    /// In this executor alone.
    Memory,
}

/// The driver. The file is opened at first use.
pub struct Sqlite {
    location: Location,
    opened: OnceLock<Connections>,
    opening: Mutex<()>,
    closed: std::sync::atomic::AtomicBool,
}

struct Connections {
    /// Also reads, where there are no readers.
    writer: Arc<AsyncMutex<Connection>>,
    readers: Vec<Mutex<Connection>>,
}

impl Sqlite {
    /// A driver for a location.
    #[must_use]
    pub fn new(location: Location) -> Self {
        Self { location, opened: OnceLock::new(), opening: Mutex::new(()), closed: false.into() }
    }

    fn connections(&self) -> Result<&Connections, StoreError> {
        if self.closed.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the database was closed".to_owned()));
        }
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let _held = self.opening.lock();
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.open_all()?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn open_all(&self) -> Result<Connections, StoreError> {
        let writer = self.open(false)?;
        let readers = match self.location {
            Location::Memory => Vec::new(),
            Location::File(_) => (0..READERS).map(|_| self.open(true).map(Mutex::new)).collect::<Result<_, _>>()?,
        };
        Ok(Connections { writer: Arc::new(AsyncMutex::new(writer)), readers })
    }

    fn open(&self, read_only: bool) -> Result<Connection, StoreError> {
        let connection = match &self.location {
            Location::Memory => Connection::open_in_memory(),
            Location::File(path) => {
                let flags = if read_only {
                    OpenFlags::SQLITE_OPEN_READ_ONLY
                } else {
                    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
                };
                Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            }
        };
        let connection = connection.map_err(|error| self.cannot_open(&error))?;
        connection.busy_timeout(BUSY).map_err(classify)?;
        connection.set_prepared_statement_cache_capacity(128);
        connection.pragma_update(None, "foreign_keys", true).map_err(classify)?;
        if !read_only {
            // With FULL a commit is on disk when it is acknowledged: a revocation must survive a power cut.
            connection.pragma_update(None, "journal_mode", "WAL").map_err(|error| self.cannot_open(&error))?;
            connection.pragma_update(None, "synchronous", "FULL").map_err(classify)?;
        }
        Ok(connection)
    }

    fn cannot_open(&self, error: &rusqlite::Error) -> StoreError {
        let path = match &self.location {
            Location::File(path) => path.display().to_string(),
            Location::Memory => ":memory:".to_owned(),
        };
        StoreError::Unavailable(format!("{path} can't be opened: {error}"))
    }

    /// A connection that reads without waiting for writers, if there is a free one.
    fn with_reader<T>(&self, read: impl FnOnce(&Connection) -> T) -> Result<Option<T>, StoreError> {
        let connections = self.connections()?;
        for reader in &connections.readers {
            if let Some(connection) = reader.try_lock() {
                return Ok(Some(read(&connection)));
            }
        }
        if connections.readers.is_empty()
            && let Ok(connection) = connections.writer.try_lock()
        {
            return Ok(Some(read(&connection)));
        }
        Ok(None)
    }
}

#[async_trait]
impl Executor for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn run(&self, batch: Vec<Statement>) -> Result<Outcome, StoreError> {
        // A read by key takes microseconds: handing it to another thread would cost more than running it here.
        if let [statement] = batch.as_slice()
            && statement.is_read()
            && let Some(output) = self.read_now(statement)
        {
            return judge(vec![output?], &batch);
        }
        let connection = Arc::clone(&self.connections()?.writer).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || run_batch(connection, &batch)).await;
        done.map_err(|error| StoreError::Other(error.to_string()))?
    }

    fn read_now(&self, statement: &Statement) -> Option<Result<Output, StoreError>> {
        match self.with_reader(|connection| run_one(connection, statement)) {
            Ok(output) => output,
            Err(error) => Some(Err(error)),
        }
    }

    async fn exclusive(&self) -> Result<Box<dyn Exclusive>, StoreError> {
        let connection = Arc::clone(&self.connections()?.writer).lock_owned().await;
        // Several processes may be here at once, each for longer than a statement may take.
        let patience = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            match connection.execute_batch("BEGIN IMMEDIATE").map_err(classify) {
                Ok(()) => return Ok(Box::new(Held { connection, open: true })),
                Err(StoreError::Conflict(_)) if tokio::time::Instant::now() < patience => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn close(&self) {
        self.closed.store(true, std::sync::atomic::Ordering::SeqCst);
        if let Some(opened) = self.opened.get() {
            let writer = opened.writer.lock().await;
            // The log is folded into the file, so that what is left is one file. A reader of another process may
            // stand in the way; then the next opening does it.
            drop(writer.pragma_update(None, "wal_checkpoint", "TRUNCATE"));
        }
    }
}

struct Held {
    connection: OwnedMutexGuard<Connection>,
    open: bool,
}

#[async_trait]
impl Exclusive for Held {
    async fn run(&mut self, statement: Statement) -> Result<Output, StoreError> {
        run_one(&self.connection, &statement)
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        self.connection.execute_batch("COMMIT").map_err(classify)?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.open {
            drop(self.connection.execute_batch("ROLLBACK"));
        }
    }
}

fn run_batch(mut connection: OwnedMutexGuard<Connection>, batch: &[Statement]) -> Result<Outcome, StoreError> {
    if let [statement] = batch
        && statement.expect == Expect::Any
    {
        return judge(vec![run_one(&connection, statement)?], batch);
    }
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(classify)?;
    let mut outputs = Vec::with_capacity(batch.len());
    for (index, statement) in batch.iter().enumerate() {
        let output = run_one(&transaction, statement)?;
        if !meets(statement, &output) {
            return Ok(Outcome::Unmet(index));
        }
        outputs.push(output);
    }
    transaction.commit().map_err(classify)?;
    Ok(Outcome::Done(outputs))
}

fn judge(outputs: Vec<Output>, batch: &[Statement]) -> Result<Outcome, StoreError> {
    match outputs.iter().zip(batch).position(|(output, statement)| !meets(statement, output)) {
        Some(index) => Ok(Outcome::Unmet(index)),
        None => Ok(Outcome::Done(outputs)),
    }
}

/// Whether a statement touched as many rows as it must.
pub(super) fn meets(statement: &Statement, output: &Output) -> bool {
    match statement.expect {
        Expect::Any => true,
        Expect::Exactly(rows) => output.count == rows,
    }
}

fn run_one(connection: &Connection, statement: &Statement) -> Result<Output, StoreError> {
    let mut prepared = connection.prepare_cached(&statement.sql).map_err(classify)?;
    let params = rusqlite::params_from_iter(statement.params.iter());
    let columns = prepared.column_count();
    if columns == 0 {
        let count = prepared.execute(params).map_err(classify)?;
        return Ok(Output { rows: Vec::new(), count: count as u64 });
    }
    let mut rows = prepared.query(params).map_err(classify)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(classify)? {
        let values = (0..columns).map(|index| row.get_ref(index).map(read_value).map_err(classify));
        found.push(Row(values.collect::<Result<_, _>>()?));
    }
    Ok(Output { count: found.len() as u64, rows: found })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Int(Some(number)) => ToSqlOutput::from(*number),
            Self::Text(Some(text)) => ToSqlOutput::from(text.as_str()),
            Self::Time(Some(time)) => ToSqlOutput::from(to_iso(*time)),
            Self::Int(None) | Self::Text(None) | Self::Time(None) => ToSqlOutput::from(rusqlite::types::Null),
        })
    }
}

fn read_value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Text(None),
        ValueRef::Integer(number) => Value::Int(Some(number)),
        ValueRef::Real(number) => Value::Text(Some(number.to_string())),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Text(Some(String::from_utf8_lossy(bytes).into_owned())),
    }
}

fn classify(error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as Code;
    let text = error.to_string();
    match &error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            // 2067 and 1555: unique and primary key; the other constraints are defects.
            Code::ConstraintViolation if matches!(failure.extended_code, 2067 | 1555) => StoreError::Unique(text),
            Code::DatabaseBusy | Code::DatabaseLocked => StoreError::Conflict(text),
            Code::CannotOpen | Code::ReadOnly | Code::DiskFull | Code::SystemIoFailure | Code::NotADatabase => {
                StoreError::Unavailable(text)
            }
            _ if text.contains("no such table") || text.contains("no such column") => StoreError::SchemaMissing(text),
            _ => StoreError::Other(text),
        },
        _ if text.contains("no such table") || text.contains("no such column") => StoreError::SchemaMissing(text),
        _ => StoreError::Other(text),
    }
}
