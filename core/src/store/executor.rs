//! What a database driver must do: run a batch of statements in one transaction. Everything is plain data, so that a
//! driver may live in another language.

use async_trait::async_trait;

use super::dialect::Dialect;
use crate::clock::{Millis, from_iso};
use crate::failure::StoreError;

/// A parameter or a column. A null has a type too: some databases want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A whole number.
    Int(Option<i64>),
    /// Text.
    Text(Option<String>),
    /// An instant.
    Time(Option<Millis>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

/// A number as a parameter; instants are [`at`].
#[must_use]
pub const fn number(value: i64) -> Value {
    Value::Int(Some(value))
}

/// An instant as a parameter.
#[must_use]
pub const fn at(value: Millis) -> Value {
    Value::Time(Some(value))
}

/// How many rows a statement must touch or give for the batch to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any number.
    Any,
    /// Exactly so many.
    Exactly(u64),
}

/// One statement, with `?` for each parameter.
#[derive(Debug, Clone)]
pub struct Statement {
    /// SQL in the dialect's own words but for the placeholders.
    pub sql: String,
    /// One for each `?`.
    pub params: Vec<Value>,
    /// What must come of it.
    pub expect: Expect,
}

impl Statement {
    /// A statement that may touch any number of rows.
    #[must_use]
    pub fn new(sql: impl Into<String>, params: Vec<Value>) -> Self {
        Self { sql: sql.into(), params, expect: Expect::Any }
    }

    /// The same statement, which must touch or give exactly `rows`.
    #[must_use]
    pub const fn expecting(mut self, rows: u64) -> Self {
        self.expect = Expect::Exactly(rows);
        self
    }

    /// Whether it only reads.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.sql.starts_with("SELECT") && !self.sql.contains(" FOR ")
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn bad(index: usize) -> StoreError {
        StoreError::Other(format!("column {index} has an unexpected type"))
    }

    /// A text that must be there.
    pub fn text(&self, index: usize) -> Result<String, StoreError> {
        self.optional_text(index)?.ok_or_else(|| Self::bad(index))
    }

    /// A text or null.
    pub fn optional_text(&self, index: usize) -> Result<Option<String>, StoreError> {
        match self.0.get(index) {
            Some(Value::Text(text)) => Ok(text.clone()),
            Some(Value::Int(None) | Value::Time(None)) => Ok(None),
            _ => Err(Self::bad(index)),
        }
    }

    /// A number that must be there.
    pub fn int(&self, index: usize) -> Result<i64, StoreError> {
        match self.0.get(index) {
            Some(Value::Int(Some(number))) => Ok(*number),
            _ => Err(Self::bad(index)),
        }
    }

    /// An instant or null, in whichever form the database keeps it.
    pub fn optional_time(&self, index: usize) -> Result<Option<Millis>, StoreError> {
        match self.0.get(index) {
            Some(Value::Time(time)) => Ok(*time),
            Some(Value::Int(time)) => Ok(*time),
            Some(Value::Text(None)) => Ok(None),
            Some(Value::Text(Some(text))) => from_iso(text).map(Some).ok_or_else(|| Self::bad(index)),
            None => Err(Self::bad(index)),
        }
    }

    /// An instant that must be there.
    pub fn time(&self, index: usize) -> Result<Millis, StoreError> {
        self.optional_time(index)?.ok_or_else(|| Self::bad(index))
    }
}

/// What came of one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// Rows given.
    pub rows: Vec<Row>,
    /// Rows given or touched.
    pub count: u64,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Committed.
    Done(Vec<Output>),
    /// The statement of this index touched another number of rows than expected; nothing was written.
    Unmet(usize),
}

/// A driver.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// How the database wants to be spoken to.
    fn dialect(&self) -> Dialect;

    /// Runs a batch in one transaction; a batch of one statement without `BEGIN`. An unmet expectation rolls back.
    async fn run(&self, batch: Vec<Statement>) -> Result<Outcome, StoreError>;

    /// One reading statement, at once; `None` where that is not possible now.
    fn read_now(&self, _statement: &Statement) -> Option<Result<Output, StoreError>> {
        None
    }

    /// A transaction that no other process can be in at the same time, for migrations.
    async fn exclusive(&self) -> Result<Box<dyn Exclusive>, StoreError>;

    /// Ends connections.
    async fn close(&self);
}

/// An exclusive transaction. Dropped without a commit, it is rolled back.
#[async_trait]
pub trait Exclusive: Send {
    /// Runs one statement.
    async fn run(&mut self, statement: Statement) -> Result<Output, StoreError>;

    /// Commits.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
