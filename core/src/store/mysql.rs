//! MySQL and MariaDB through a pool of connections.
//!
//! Neither has RETURNING for an UPDATE, so a SELECT follows a change in the same transaction. A change of the schema
//! can't be part of a transaction; [`Dialect::migration_lock`] keeps migrations apart.

use async_trait::async_trait;
use deadpool::managed::Object;
use mysql_async::consts::StatusFlags;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, OkPacket, Params, Row, Statement as Prepared};

use crate::crypto::choose_tls_provider;
use crate::failure::StoreError;
use crate::store::dialect::{self, Dialect};
use crate::store::executor::{Answer, Batch, Outcome, Statement, StatementKind, Value};
use crate::store::pooled::{Broken, Connection, Driver, Pooled};

mod config;
pub(in crate::store) mod failure;
mod hosts;
mod url;
mod value;

pub use config::MysqlConfig;
use hosts::{Hosts, Refused};

/// The executor over MySQL and MariaDB. The first use connects.
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
            Refused::Answer(error) => failure::from_driver(&error),
            Refused::Useless(reason) => StoreError::Unavailable(reason.into()),
            Refused::Silent => StoreError::Unavailable("no host answered in time".into()),
        }
    }

    async fn run_on(connection: &mut Object<Hosts>, batch: &Batch) -> Result<Outcome, Broken> {
        let mut committing = false;
        let outcome = run_on(connection, batch, &mut committing).await;
        outcome.map_err(|failed| match failed {
            // A change of the schema that broke off may have left a lock or a setting on the connection.
            Failed::Driver(error) if batch.schema => {
                Broken { error: failure::from_driver(&error), connection: Connection::Spoilt, undone: false }
            }
            Failed::Driver(error) => Broken {
                error: failure::from_driver(&error),
                connection: failure::connection_after(&error),
                undone: !committing || failure::was_not_begun(&error),
            },
            Failed::Value(error) => Broken { error, connection: Connection::Spoilt, undone: false },
            Failed::Ended => Broken {
                error: StoreError::Conflict("the server took the transaction back".into()),
                connection: Connection::Spoilt,
                undone: false,
            },
        })
    }
}

enum Failed {
    Driver(Error),
    Value(StoreError),
    /// The server ended the transaction early, without an error.
    Ended,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

/// Runs a batch. `committing` is set before the first statement whose effect may last although no answer comes.
async fn run_on(connection: &mut Conn, batch: &Batch, committing: &mut bool) -> Result<Outcome, Failed> {
    if let ([only], true) = (&batch.statements[..], batch.is_plain()) {
        *committing = true;
        return Ok(Outcome::Done(vec![run_statement(connection, only).await?]));
    }
    let prepared = prepare(connection, batch).await?;
    connection.query_drop("START TRANSACTION").await?;
    let outcome = run_all(connection, batch, &prepared).await;
    let end = if matches!(outcome, Ok(Outcome::Done(_))) { "COMMIT" } else { "ROLLBACK" };
    *committing = end == "COMMIT";
    let ended = connection.query_drop(end).await;
    for (statement, prepared) in batch.statements.iter().zip(prepared) {
        if let (false, Some(prepared)) = (statement.fixed, prepared) {
            // The transaction is over. If the connection is lost, its next user notices.
            drop(connection.close(prepared).await);
        }
    }
    if batch.schema {
        // The lock belongs to the connection and not to the transaction.
        connection.query_drop(dialect::MYSQL.migration_unlock.unwrap_or("DO 0")).await?;
    }
    // If both failed, the first failure is the cause of the second.
    let outcome = outcome?;
    ended?;
    Ok(outcome)
}

/// Prepares the statements before the transaction. If a node of a cluster aborts a transaction while it prepares a
/// statement, it reports no error, and later statements would run outside of any transaction. The statements of a
/// change of the schema are not prepared, since later ones are about tables that earlier ones make.
async fn prepare(connection: &mut Conn, batch: &Batch) -> Result<Vec<Option<Prepared>>, Error> {
    let mut prepared = Vec::with_capacity(batch.statements.len());
    for statement in &batch.statements {
        let is_text = batch.schema || !is_prepared(statement);
        let sql = dialect::MYSQL.spell(&statement.sql);
        prepared.push(if is_text { None } else { Some(connection.prep(&*sql).await?) });
    }
    Ok(prepared)
}

async fn run_all(connection: &mut Conn, batch: &Batch, prepared: &[Option<Prepared>]) -> Result<Outcome, Failed> {
    // A proxy before the server may not report whether a transaction is open.
    let tells = is_in_transaction(connection);
    let mut answers = Vec::with_capacity(batch.statements.len());
    for (index, statement) in batch.statements.iter().enumerate() {
        let answer = match prepared.get(index) {
            Some(Some(prepared)) => run_prepared(connection, statement, prepared).await?,
            _ => run_statement(connection, statement).await?,
        };
        if tells && !batch.schema && !is_in_transaction(connection) {
            return Err(Failed::Ended);
        }
        if !answer.meets(statement.expect) {
            return Ok(Outcome::Unmet(index));
        }
        answers.push(answer);
    }
    Ok(Outcome::Done(answers))
}

/// Whether the last answer of the server reported an open transaction.
fn is_in_transaction(connection: &Conn) -> bool {
    let status = connection.last_ok_packet().map(OkPacket::status_flags);
    status.is_some_and(|status| status.contains(StatusFlags::SERVER_STATUS_IN_TRANS))
}

const fn is_prepared(statement: &Statement) -> bool {
    statement.fixed || !statement.params.is_empty()
}

async fn run_statement(connection: &mut Conn, statement: &Statement) -> Result<Answer, Failed> {
    let sql = dialect::MYSQL.spell(&statement.sql);
    if !is_prepared(statement) {
        let result = connection.query_iter(&*sql).await?;
        let count = result.affected_rows();
        return answer(statement.kind, count, result.collect_and_drop().await?);
    }
    let prepared = connection.prep(&*sql).await?;
    let answer = run_prepared(connection, statement, &prepared).await?;
    if !statement.fixed {
        connection.close(prepared).await?;
    }
    Ok(answer)
}

async fn run_prepared(connection: &mut Conn, statement: &Statement, prepared: &Prepared) -> Result<Answer, Failed> {
    let arranged = dialect::MYSQL.arrange(&statement.sql, &statement.params);
    let params = Params::from(arranged.into_iter().map(value::to_driver).collect::<Vec<_>>());
    let result = connection.exec_iter(prepared, params).await?;
    let count = result.affected_rows();
    answer(statement.kind, count, result.collect_and_drop().await?)
}

fn answer(kind: StatementKind, count: u64, rows: Vec<Row>) -> Result<Answer, Failed> {
    if kind == StatementKind::Write {
        return Ok(Answer { count, rows: Vec::new() });
    }
    let row = |row: Row| row.unwrap_raw().into_iter().map(column).collect::<Result<Vec<_>, _>>();
    let rows = rows.into_iter().map(row).collect::<Result<Vec<_>, _>>().map_err(Failed::Value)?;
    Ok(Answer { count: rows.len() as u64, rows })
}

fn column(raw: Option<mysql_async::Value>) -> Result<Value, StoreError> {
    value::from_driver(raw.unwrap_or(mysql_async::Value::NULL))
}
