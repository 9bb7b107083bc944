//! PostgreSQL through a pool of connections.
//!
//! A batch is answered within [`BATCH_LIMIT`], whatever the server does: down, paused or cut off, it is `Unavailable`,
//! and the connection is thrown away, because its state is unknown. The pool connects again by itself.
//!
//! Statements are prepared once per connection. Behind PgBouncer in transaction mode that needs its
//! `max_prepared_statements` (1.21 or later); a prepared statement that went missing costs one retry.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::ToSql;

use crate::failure::StoreError;
use crate::store::dialect::{self, Dialect};
use crate::store::executor::{Answer, Batch, Executor, Kind, Outcome, Statement, Value};

mod config;
mod failure;
mod tls;
mod value;

pub use config::PostgresConfig;
pub use tls::{PemSource, Tls, TlsFiles};

/// How long a batch may take, waiting for a connection included, so that an outage is known within two seconds.
pub const BATCH_LIMIT: Duration = Duration::from_millis(1800);
/// The same for a change of the schema, which may wait for other processes.
const SCHEMA_LIMIT: Duration = Duration::from_secs(60);
/// For a free connection, and for making one.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(1);
/// An idle connection that answered this recently is kept when another one stops answering.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The executor over PostgreSQL. Connects at first use.
#[derive(Debug)]
pub struct PostgresExecutor {
    config: PostgresConfig,
    pool: Mutex<PoolState>,
}

#[derive(Debug)]
enum PoolState {
    Unopened,
    Open(Pool),
    Closed,
}

impl PostgresExecutor {
    /// An executor for `config`; no I/O yet.
    #[must_use]
    pub const fn new(config: PostgresConfig) -> Self {
        Self { config, pool: Mutex::new(PoolState::Unopened) }
    }

    fn pool(&self) -> Result<Pool, StoreError> {
        let mut state = self.pool.lock();
        if let PoolState::Unopened = *state {
            let tls = tls::make_connector(&self.config.tls)?;
            let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
            let manager = Manager::from_config(self.config.settings.clone(), tls, recycling);
            let pool = Pool::builder(manager)
                .max_size(self.config.max)
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(CONNECT_TIMEOUT))
                .create_timeout(Some(CONNECT_TIMEOUT))
                .recycle_timeout(Some(RECYCLE_TIMEOUT))
                .build()
                .map_err(|error| StoreError::Other(format!("the PostgreSQL pool can't be built: {error}")))?;
            *state = PoolState::Open(pool);
        }
        match &*state {
            PoolState::Open(pool) => Ok(pool.clone()),
            PoolState::Unopened | PoolState::Closed => Err(StoreError::Unavailable("the store is closed".into())),
        }
    }

    async fn attempt(&self, batch: &Batch, deadline: Instant) -> Result<Outcome, StoreError> {
        let pool = self.pool()?;
        let connection = match timeout_at(deadline, pool.get()).await {
            Ok(connection) => connection.map_err(from_pool)?,
            Err(_) => return Err(StoreError::Unavailable("no connection in time".into())),
        };
        let mut lease = Lease(Some(connection));
        let Some(connection) = lease.0.as_mut() else {
            return Err(StoreError::Other("a lease holds its connection until it ends".into()));
        };
        match timeout_at(deadline, run_on(connection, batch)).await {
            Ok(Ok(outcome)) => {
                lease.give_back();
                Ok(outcome)
            }
            Ok(Err(error)) => {
                let closed = connection.is_closed();
                if !closed && failure::leaves_connection_sound(&error) {
                    lease.give_back();
                }
                Err(failure::from_driver(&error))
            }
            Err(_) => {
                // Connections that fell silent with this one would each cost somebody the same wait.
                pool.retain(|_, metrics| metrics.last_used() < TRUSTED_FOR);
                Err(StoreError::Unavailable("the server did not answer in time".into()))
            }
        }
    }
}

#[async_trait]
impl Executor for PostgresExecutor {
    fn dialect(&self) -> &'static Dialect {
        &dialect::POSTGRES
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let deadline = Instant::now() + if batch.schema { SCHEMA_LIMIT } else { BATCH_LIMIT };
        match self.attempt(batch, deadline).await {
            // After a restart the first user of an old connection learns it: reading again does no harm. A write that
            // got no answer may have been done, so that is for the caller to know.
            Err(StoreError::Unavailable(_)) if batch.is_read_only() && Instant::now() < deadline => {
                self.attempt(batch, deadline).await
            }
            outcome => outcome,
        }
    }

    async fn close(&self) {
        let state = std::mem::replace(&mut *self.pool.lock(), PoolState::Closed);
        if let PoolState::Open(pool) = state {
            pool.close();
        }
    }
}

/// A connection that goes back to the pool only when its work ended well. When it failed, timed out or was abandoned by
/// its caller, answers may still be on their way or a transaction open: then it is thrown away.
struct Lease(Option<Object>);

impl Lease {
    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

async fn run_on(connection: &mut Object, batch: &Batch) -> Result<Outcome, tokio_postgres::Error> {
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

async fn run_statement(client: &impl GenericClient, statement: &Statement) -> Result<Answer, tokio_postgres::Error> {
    let sql = dialect::POSTGRES.number(&statement.sql);
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

fn from_pool(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => failure::from_driver(&error),
        other => StoreError::Unavailable(other.to_string()),
    }
}
