//! The port to a database driver, which runs a batch of statements as a transaction.
//!
//! A batch is plain data, so an executor may be in another process or language and needs one call per operation.

use std::borrow::Cow;

use async_trait::async_trait;

use crate::failure::StoreError;
use crate::store::dialect::Dialect;
pub use crate::store::value::Value;

/// The kind of a statement, which tells a driver how to run it and whether it needs the write lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// A SELECT.
    Read,
    /// A write that returns the number of rows that it touched.
    Write,
    /// A write with RETURNING.
    Returning,
}

/// The number of rows that a statement must return, or touch if it returns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any number.
    Any,
    /// Exactly this many.
    Rows(u64),
}

/// A statement with `?` for each parameter, `[column]` for an instant in a list of results, and `column == ?` for a
/// comparison byte by byte. [`Dialect::spell`] returns the text that the driver sends, and [`Dialect::arrange`] its
/// parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The SQL.
    pub sql: Cow<'static, str>,
    /// Whether the text is from a small fixed set, so that a connection should keep it prepared.
    pub fixed: bool,
    /// The parameters, one per `?`, in order.
    pub params: Vec<Value>,
    /// The kind of the statement.
    pub kind: StatementKind,
    /// The condition under which the batch goes on.
    pub expect: Expect,
}

impl Statement {
    /// A SELECT.
    pub fn read(sql: impl Into<Cow<'static, str>>, params: impl Into<Vec<Value>>) -> Self {
        Self { sql: sql.into(), fixed: true, params: params.into(), kind: StatementKind::Read, expect: Expect::Any }
    }

    /// Makes an INSERT, UPDATE, DELETE or DDL.
    pub fn write(sql: impl Into<Cow<'static, str>>, params: impl Into<Vec<Value>>) -> Self {
        Self { kind: StatementKind::Write, ..Self::read(sql, params) }
    }

    /// A write with RETURNING.
    pub fn returning(sql: impl Into<Cow<'static, str>>, params: impl Into<Vec<Value>>) -> Self {
        Self { kind: StatementKind::Returning, ..Self::read(sql, params) }
    }

    /// Marks a statement that is not worth keeping prepared, since its text depends on the input or it runs rarely.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.fixed = false;
        self
    }

    /// Rolls the batch back unless the statement returns or touches exactly `count` rows.
    #[must_use]
    pub const fn expect(mut self, count: u64) -> Self {
        self.expect = Expect::Rows(count);
        self
    }
}

/// Statements that run in order, all or none. A single statement needs no explicit transaction. The isolation is READ
/// COMMITTED, where each statement sees what was committed before *it* began, or stricter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// The statements, at least one.
    pub statements: Vec<Statement>,
    /// Whether the batch changes the schema. The driver then allows hours instead of two seconds, and SQLite suspends
    /// foreign keys, since rebuilding a table would otherwise cascade.
    pub schema: bool,
}

impl Batch {
    /// Makes a batch of statements.
    pub fn of(statements: impl Into<Vec<Statement>>) -> Self {
        Self { statements: statements.into(), schema: false }
    }

    /// Makes a batch that changes the schema.
    pub fn schema(statements: impl Into<Vec<Statement>>) -> Self {
        Self { statements: statements.into(), schema: true }
    }

    /// Whether a driver may run the batch without an explicit transaction, since it is one statement that is never
    /// rolled back.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(&self.statements[..], [only] if only.kind == StatementKind::Read || only.expect == Expect::Any)
    }

    /// Whether the batch only reads.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.statements.iter().all(|statement| statement.kind == StatementKind::Read)
    }
}

impl From<Statement> for Batch {
    fn from(statement: Statement) -> Self {
        Self::of([statement])
    }
}

/// The result of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The number of rows that were touched, or of `rows` if the statement returns rows.
    pub count: u64,
    /// The rows of a `Read` or `Returning` statement.
    pub rows: Vec<Vec<Value>>,
}

/// The result of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The batch was committed. There is one answer per statement.
    Done(Vec<Answer>),
    /// The statement of this index missed its expectation, and everything was rolled back.
    Unmet(usize),
}

impl Answer {
    /// Whether the answer meets `expect`.
    #[must_use]
    pub const fn meets(&self, expect: Expect) -> bool {
        match expect {
            Expect::Any => true,
            Expect::Rows(count) => self.count == count,
        }
    }
}

/// A database driver.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Returns the dialect of this database.
    fn dialect(&self) -> &'static Dialect;

    /// Runs a batch as one transaction. An unmet expectation or an error rolls everything back.
    ///
    /// # Errors
    /// A [`StoreError`] whose variant tells the caller's remedy. A violated foreign key is a `Conflict`, since the row
    /// that it needs was deleted meanwhile, and a second look shows that.
    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError>;

    /// Runs a batch that only reads without waiting, or returns `None` if that is impossible now.
    fn run_now(&self, _batch: &Batch) -> Option<Result<Outcome, StoreError>> {
        None
    }

    /// Returns the executor inside a transaction of the host, which a number names. Returns `None` if the executor has
    /// its own connections.
    fn within(&self, _transaction: u32) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// Returns the present state of the pool of connections, or `None` if there is no pool or the host has it.
    fn connections(&self) -> Option<Connections> {
        None
    }

    /// Ends all connections. Later calls fail with `Unavailable`.
    async fn close(&self);
}

/// The state of a pool of connections at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// The number of open connections.
    pub open: usize,
    /// The number of connections in use.
    pub used: usize,
    /// The most connections that the pool may open.
    pub max: usize,
    /// The number of operations that wait for a connection.
    pub waiting: usize,
}
