//! PostgreSQL through a pool of connections.
//!
//! Statements are prepared once per connection. Behind PgBouncer in transaction mode that needs its
//! `max_prepared_statements` (1.21 or later); a prepared statement that went missing costs one retry.

use async_trait::async_trait;
use deadpool_postgres::{Client, GenericClient, Manager, ManagerConfig, RecyclingMethod};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, IsolationLevel};

use crate::failure::StoreError;
use crate::store::dialect::{self, Dialect};
use crate::store::executor::{Answer, Batch, Kind, Outcome, Statement, Value};
use crate::store::pooled::{Broken, Connection, Driver, Pooled};

mod config;
pub(in crate::store) mod failure;
mod tls;
mod value;

pub use config::PostgresConfig;

/// The executor over PostgreSQL. Connects at first use.
pub type PostgresExecutor = Pooled<PostgresConfig>;

#[async_trait]
impl Driver for PostgresConfig {
    type Manager = Manager;

    fn dialect(&self) -> &'static Dialect {
        &dialect::POSTGRES
    }

    fn max(&self) -> usize {
        self.max
    }

    fn manager(&self) -> Result<Manager, StoreError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        Ok(Manager::from_config(self.settings.clone(), tls::make_connector(&self.tls)?, recycling))
    }

    fn refused(error: Error) -> StoreError {
        failure::from_driver(&error)
    }

    async fn run_on(connection: &mut Client, batch: &Batch) -> Result<Outcome, Broken> {
        let outcome = transact(connection, batch).await;
        outcome.map_err(|error| Broken {
            connection: match failure::leaves_connection_sound(&error) {
                true if !connection.is_closed() => Connection::Sound,
                // Its task hears of the end by itself, and so do those of the others.
                _ => Connection::Spoilt,
            },
            error: failure::from_driver(&error),
        })
    }
}

async fn transact(connection: &mut Client, batch: &Batch) -> Result<Outcome, Error> {
    if let ([only], true) = (&batch.statements[..], batch.is_plain()) {
        return Ok(Outcome::Done(vec![run_statement(&*connection, only).await?]));
    }
    // Named, since the store's operations are written for it: a statement that waited for a lock must see what the
    // holder committed, whatever the database's default is.
    let isolation = IsolationLevel::ReadCommitted;
    let transaction = connection.build_transaction().isolation_level(isolation).start().await?;
    let mut answers = Vec::with_capacity(batch.statements.len());
    for (index, statement) in batch.statements.iter().enumerate() {
        let answer = run_statement(&transaction, statement).await?;
        if !answer.meets(statement.expect) {
            transaction.rollback().await?;
            return Ok(Outcome::Unmet(index));
        }
        answers.push(answer);
    }
    transaction.commit().await?;
    Ok(Outcome::Done(answers))
}

async fn run_statement(client: &impl GenericClient, statement: &Statement) -> Result<Answer, Error> {
    let sql = dialect::POSTGRES.spell(&statement.sql);
    let prepared = if statement.fixed { client.prepare_cached(&sql).await? } else { client.prepare(&sql).await? };
    let params: Vec<&(dyn ToSql + Sync)> = statement.params.iter().map(|param| param as _).collect();
    if statement.kind == Kind::Write {
        return Ok(Answer { count: client.execute(&prepared, &params).await?, rows: Vec::new() });
    }
    let found = client.query(&prepared, &params).await?;
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        rows.push((0..row.len()).map(|index| row.try_get::<_, Value>(index)).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(Answer { count: rows.len() as u64, rows })
}
