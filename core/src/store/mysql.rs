//! MySQL and MariaDB through a pool of connections.
//!
//! Neither has RETURNING for an UPDATE, so a change is followed by a SELECT in the same transaction. A change of the
//! schema is no part of a transaction there: see [`Dialect::migration_lock`] for how migrations stay whole.

use async_trait::async_trait;
use deadpool::managed::Object;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Params, Row};

use crate::crypto::choose_tls_provider;
use crate::failure::StoreError;
use crate::store::dialect::{self, Dialect};
use crate::store::executor::{Answer, Batch, Kind, Outcome, Statement, Value};
use crate::store::pooled::{Broken, Connection, Driver, Pooled};

mod config;
pub(in crate::store) mod failure;
mod hosts;
mod url;
mod value;

pub use config::MysqlConfig;
use hosts::{Hosts, Refused};

/// The executor over MySQL and MariaDB. Connects at first use.
pub type MysqlExecutor = Pooled<MysqlConfig>;

#[async_trait]
impl Driver for MysqlConfig {
    type Manager = Hosts;

    fn dialect(&self) -> &'static Dialect {
        &dialect::MYSQL
    }

    fn max(&self) -> usize {
        self.max
    }

    fn manager(&self) -> Result<Hosts, StoreError> {
        choose_tls_provider();
        Ok(Hosts::new(self))
    }

    fn refused(refused: Refused) -> StoreError {
        match refused {
            Refused::Said(error) => failure::from_driver(&error),
            Refused::Useless(reason) => StoreError::Unavailable(reason.into()),
            Refused::Silent => StoreError::Unavailable("no host answered in time".into()),
        }
    }

    async fn run_on(connection: &mut Object<Hosts>, batch: &Batch) -> Result<Outcome, Broken> {
        let mut committing = false;
        let outcome = run_on(connection, batch, &mut committing).await;
        outcome.map_err(|failed| match failed {
            // A change of the schema that broke off may have left a lock or a setting.
            Failed::Driver(error) if batch.schema => {
                Broken { error: failure::from_driver(&error), connection: Connection::Spoilt, undone: false }
            }
            Failed::Driver(error) => Broken {
                error: failure::from_driver(&error),
                connection: failure::connection_after(&error),
                undone: !committing || failure::was_not_begun(&error),
            },
            Failed::Value(error) => Broken { error, connection: Connection::Spoilt, undone: false },
        })
    }
}

enum Failed {
    Driver(Error),
    Value(StoreError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

/// `committing` is set before the first word that may leave something done.
async fn run_on(connection: &mut Conn, batch: &Batch, committing: &mut bool) -> Result<Outcome, Failed> {
    if let ([only], true) = (&batch.statements[..], batch.is_plain()) {
        *committing = true;
        return Ok(Outcome::Done(vec![run_statement(connection, only).await?]));
    }
    connection.query_drop("START TRANSACTION").await?;
    let outcome = run_all(connection, batch).await;
    let end = if matches!(outcome, Ok(Outcome::Done(_))) { "COMMIT" } else { "ROLLBACK" };
    *committing = end == "COMMIT";
    let ended = connection.query_drop(end).await;
    if batch.schema {
        // The lock belongs to the connection and not to the transaction.
        connection.query_drop(dialect::MYSQL.migration_unlock.unwrap_or("DO 0")).await?;
    }
    // When both failed, the first is the cause of the second.
    let outcome = outcome?;
    ended?;
    Ok(outcome)
}

async fn run_all(connection: &mut Conn, batch: &Batch) -> Result<Outcome, Failed> {
    let mut answers = Vec::with_capacity(batch.statements.len());
    for (index, statement) in batch.statements.iter().enumerate() {
        let answer = run_statement(connection, statement).await?;
        if !answer.meets(statement.expect) {
            return Ok(Outcome::Unmet(index));
        }
        answers.push(answer);
    }
    Ok(Outcome::Done(answers))
}

async fn run_statement(connection: &mut Conn, statement: &Statement) -> Result<Answer, Failed> {
    let sql = dialect::MYSQL.spell(&statement.sql);
    if statement.params.is_empty() && !statement.fixed {
        let result = connection.query_iter(&*sql).await?;
        let count = result.affected_rows();
        return answer(statement.kind, count, result.collect_and_drop().await?);
    }
    let arranged = dialect::MYSQL.arrange(&statement.sql, &statement.params);
    let params = Params::from(arranged.into_iter().map(value::to_driver).collect::<Vec<_>>());
    if statement.fixed {
        let result = connection.exec_iter(&*sql, params).await?;
        let count = result.affected_rows();
        return answer(statement.kind, count, result.collect_and_drop().await?);
    }
    let prepared = connection.prep(&*sql).await?;
    let result = connection.exec_iter(&prepared, params).await?;
    let count = result.affected_rows();
    let rows = result.collect_and_drop().await?;
    connection.close(prepared).await?;
    answer(statement.kind, count, rows)
}

fn answer(kind: Kind, count: u64, rows: Vec<Row>) -> Result<Answer, Failed> {
    if kind == Kind::Write {
        return Ok(Answer { count, rows: Vec::new() });
    }
    let row = |row: Row| row.unwrap_raw().into_iter().map(column).collect::<Result<Vec<_>, _>>();
    let rows = rows.into_iter().map(row).collect::<Result<Vec<_>, _>>().map_err(Failed::Value)?;
    Ok(Answer { count: rows.len() as u64, rows })
}

fn column(raw: Option<mysql_async::Value>) -> Result<Value, StoreError> {
    value::from_driver(raw.unwrap_or(mysql_async::Value::NULL))
}
