//! The port to a database driver: it runs one batch of statements as one transaction.
//!
//! A batch is plain data, so an executor may live in another process or language and needs one call per operation.

use std::borrow::Cow;

use async_trait::async_trait;

use crate::failure::StoreError;
use crate::store::dialect::Dialect;
pub use crate::store::value::Value;

/// The kind of a statement, so that a driver knows how to run it and whether it needs the write lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// A SELECT.
    Read,
    /// A write that answers the number of rows it touched.
    Write,
    /// A write with RETURNING.
    Returning,
}

/// The number of rows (returned, or touched where nothing is returned) that a statement must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any number.
    Any,
    /// Exactly this many.
    Rows(u64),
}

/// One statement with `?` for each parameter, `[column]` for an instant in a list of results and `column == ?` for a
/// comparison byte by byte; [`Dialect::spell`] and [`Dialect::arrange`] give the text that the driver sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The SQL.
    pub sql: Cow<'static, str>,
    /// One of a small fixed set, worth preparing once per connection.
    pub fixed: bool,
    /// One per `?`, in order.
    pub params: Vec<Value>,
    /// The endpoint behind it.
    pub kind: StatementKind,
    /// The condition under which the batch goes on.
    pub expect: Expect,
}

impl Statement {
    /// A SELECT.
    pub fn read(sql: impl Into<Cow<'static, str>>, params: impl Into<Vec<Value>>) -> Self {
        Self { sql: sql.into(), fixed: true, params: params.into(), kind: StatementKind::Read, expect: Expect::Any }
    }

    /// An INSERT, UPDATE, DELETE or DDL.
    pub fn write(sql: impl Into<Cow<'static, str>>, params: impl Into<Vec<Value>>) -> Self {
        Self { kind: StatementKind::Write, ..Self::read(sql, params) }
    }

    /// A write with RETURNING.
    pub fn returning(sql: impl Into<Cow<'static, str>>, params: impl Into<Vec<Value>>) -> Self {
        Self { kind: StatementKind::Returning, ..Self::read(sql, params) }
    }

    /// The same statement, not worth keeping prepared: its text depends on the input, or it runs once in a life.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.fixed = false;
        self
    }

    /// The same statement; the batch is rolled back unless it comes to exactly `count` rows.
    #[must_use]
    pub const fn expect(mut self, count: u64) -> Self {
        self.expect = Expect::Rows(count);
        self
    }
}

/// Statements that are run in order, all or none. A single statement needs no explicit transaction. Each statement sees
/// what was committed before *it* began (READ COMMITTED) or stricter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// At least one.
    pub statements: Vec<Statement>,
    /// Changes the schema: the driver allows a minute instead of two seconds, and on SQLite suspends foreign keys,
    /// since rebuilding a table would else cascade.
    pub schema: bool,
}

impl Batch {
    /// A batch of these statements.
    pub fn of(statements: impl Into<Vec<Statement>>) -> Self {
        Self { statements: statements.into(), schema: false }
    }

    /// A batch that changes the schema.
    pub fn schema(statements: impl Into<Vec<Statement>>) -> Self {
        Self { statements: statements.into(), schema: true }
    }

    /// Whether a driver may run it without an explicit transaction: one statement, and nothing to take back.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(&self.statements[..], [only] if only.kind == StatementKind::Read || only.expect == Expect::Any)
    }

    /// Whether it only reads.
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
    /// Rows touched; the number of `rows` where there are any.
    pub count: u64,
    /// The rows of a `Read` or `Returning` statement.
    pub rows: Vec<Vec<Value>>,
}

/// The result of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Committed; one answer per statement.
    Done(Vec<Answer>),
    /// The statement of this index missed its expectation; everything was rolled back.
    Unmet(usize),
}

impl Answer {
    /// Whether `expect` is met.
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
    /// The spelling of this database.
    fn dialect(&self) -> &'static Dialect;

    /// Runs a batch as one transaction. An unmet expectation or an error rolls everything back.
    ///
    /// # Errors
    /// [`StoreError`], by the caller's remedy. A violated foreign key is a `Conflict`: the row it needs went away under
    /// the statement, and a second look settles it.
    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError>;

    /// [`Executor::run`] of a batch that only reads, without waiting. `None`: not possible here and now.
    fn run_now(&self, _batch: &Batch) -> Option<Result<Outcome, StoreError>> {
        None
    }

    /// The same executor inside a transaction of the host's, known by a number. `None`: it has connections of its own.
    fn within(&self, _transaction: u32) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// The pool of connections at this moment. `None`: there is none, or the host has it.
    fn connections(&self) -> Option<Connections> {
        None
    }

    /// Ends connections. Later calls fail with `Unavailable`.
    async fn close(&self);
}

/// A pool of connections at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Those that are open.
    pub open: usize,
    /// Those of them that work.
    pub used: usize,
    /// The most that there may be.
    pub max: usize,
    /// Operations that wait for one.
    pub waiting: usize,
}
