//! PostgreSQL through a pool of connections.
//!
//! Statements are prepared by name once per connection, which makes them twice as fast as unnamed statements. Behind a
//! pooler they are sent unnamed instead, each in one round trip; see `pooler`.

use std::ops::Deref;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use deadpool::managed::Object;
use deadpool_postgres::{ClientWrapper, Transaction};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, GenericClient, IsolationLevel, Row, Statement as Prepared};

use crate::failure::StoreError;
use crate::store::dialect::{self, Dialect};
use crate::store::executor::{Answer, Batch, Outcome, Statement, StatementKind, Value};
use crate::store::pooled::{Broken, Connection, Driver, Pooled};

mod cancel;
mod config;
pub(in crate::store) mod failure;
mod hosts;
mod pooler;
mod schema;
mod tls;
mod url;
mod value;

pub use config::PostgresConfig;
use hosts::{Hosts, Link, Refused, Terms};
use value::Unnamed;

/// The executor over PostgreSQL. The first use connects.
pub type PostgresExecutor = Pooled<PostgresConfig>;

#[async_trait]
impl Driver for PostgresConfig {
    type Manager = Hosts;

    fn dialect(&self) -> &'static Dialect {
        &dialect::POSTGRES
    }

    fn max(&self) -> usize {
        self.max
    }

    fn manager(&self) -> Result<Hosts, StoreError> {
        Hosts::new(self)
    }

    fn refused(refused: Refused) -> StoreError {
        match refused {
            Refused::Answer(error) => failure::from_driver(&error, None),
            Refused::Silent => StoreError::Unavailable("no host answered in time".into()),
        }
    }

    async fn run_on(link: &mut Object<Hosts>, batch: &Batch) -> Result<Outcome, Broken> {
        let mut committing = false;
        let outcome = transact(link, batch, &mut committing).await;
        outcome.map_err(|error| {
            if failure::lost_its_name(&error) {
                link.terms.unnamed.store(true, Ordering::Relaxed);
            }
            Broken {
                connection: match failure::leaves_connection_sound(&error) {
                    true if !link.client.is_closed() => Connection::Sound,
                    // Each connection has a task that notices its end, so the other connections need no check here.
                    _ => Connection::Spoilt,
                },
                error: failure::from_driver(&error, link.terms.role.as_deref()),
                undone: !committing,
            }
        })
    }

    async fn cancel(link: Link) {
        cancel::cancel(link).await;
    }
}

/// Runs a batch. `committing` is set before the first statement whose effect may last although no answer comes.
async fn transact(link: &mut Link, batch: &Batch, committing: &mut bool) -> Result<Outcome, Error> {
    let named = link.keeps_names();
    let Link { client, terms, .. } = link;
    if let ([only], true) = (&batch.statements[..], batch.is_plain()) {
        *committing = true;
        return Ok(Outcome::Done(vec![run_statement(&*client, terms, named, only).await?]));
    }
    // The store's operations need this isolation, whatever the database's default is. A statement that waited for a
    // lock must see what the holder committed.
    let isolation = IsolationLevel::ReadCommitted;
    let transaction = client.build_transaction().isolation_level(isolation).start().await?;
    let mut answers = Vec::with_capacity(batch.statements.len());
    for (index, statement) in batch.statements.iter().enumerate() {
        let answer = run_statement(&transaction, terms, named, statement).await?;
        if !answer.meets(statement.expect) {
            transaction.rollback().await?;
            return Ok(Outcome::Unmet(index));
        }
        answers.push(answer);
    }
    *committing = true;
    transaction.commit().await?;
    Ok(Outcome::Done(answers))
}

/// The part that connections of the pool and their transactions have in common.
trait Prepare: Deref<Target: GenericClient + Sized + Sync> + Sync {
    /// Prepares a statement, and keeps it prepared for the life of the connection.
    fn keep(&self, sql: &str) -> impl Future<Output = Result<Prepared, Error>> + Send;
}

impl Prepare for ClientWrapper {
    fn keep(&self, sql: &str) -> impl Future<Output = Result<Prepared, Error>> + Send {
        self.prepare_cached(sql)
    }
}

impl Prepare for Transaction<'_> {
    fn keep(&self, sql: &str) -> impl Future<Output = Result<Prepared, Error>> + Send {
        self.prepare_cached(sql)
    }
}

async fn run_statement<C>(client: &C, terms: &Terms, named: bool, statement: &Statement) -> Result<Answer, Error>
where
    C: Prepare,
{
    let mut sql = dialect::POSTGRES.spell(&statement.sql);
    if let Some(schema) = &terms.schema {
        sql = schema.qualify(&sql).into();
    }
    if !named {
        return run_unnamed(&**client, &sql, statement).await;
    }
    let prepared = if statement.fixed { client.keep(&sql).await? } else { client.prepare(&sql).await? };
    let params: Vec<&(dyn ToSql + Sync)> = statement.params.iter().map(|param| param as _).collect();
    if statement.kind == StatementKind::Write {
        return Ok(touched(client.execute(&prepared, &params).await?));
    }
    answer_from(&client.query(&prepared, &params).await?)
}

/// Sends everything of a statement at once, and leaves nothing prepared on the server.
async fn run_unnamed(client: &(impl GenericClient + Sync), sql: &str, statement: &Statement) -> Result<Answer, Error> {
    let values: Vec<Unnamed<'_>> = statement.params.iter().map(Unnamed).collect();
    let params: Vec<(&(dyn ToSql + Sync), Type)> =
        values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::UNKNOWN)).collect();
    if statement.kind == StatementKind::Write {
        return Ok(touched(client.execute_typed(sql, &params).await?));
    }
    answer_from(&client.query_typed(sql, &params).await?)
}

const fn touched(count: u64) -> Answer {
    Answer { count, rows: Vec::new() }
}

fn answer_from(found: &[Row]) -> Result<Answer, Error> {
    let mut rows = Vec::with_capacity(found.len());
    for row in found {
        rows.push((0..row.len()).map(|index| row.try_get::<_, Value>(index)).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(Answer { count: rows.len() as u64, rows })
}
