//! The common part of executors that have a pool of connections to a server.
//!
//! A batch gets an answer within [`BATCH_LIMIT`], even if the server is down, paused or cut off. The answer is then
//! `Unavailable`, and the connection is closed, since its state is unknown. The pool connects again by itself. Only a
//! change of the schema may take longer.
//!
//! A batch that is given up must end at the server too. Otherwise each attempt of a client behind a lock would leave
//! another waiting statement.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use deadpool::Runtime;
use deadpool::managed::{Manager, Object, Pool, PoolError};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::failure::StoreError;
use crate::store::dialect::Dialect;
use crate::store::executor::{Batch, Connections, Executor, Outcome};

/// The longest time of a batch, with the wait for a connection, so that an outage is known within two seconds.
pub const BATCH_LIMIT: Duration = Duration::from_millis(1800);
/// The longest time of a change of the schema. A large table takes hours, and the work of a change that is given up is
/// lost. The wait for each lock has a limit of its own; see [`Dialect::migration_limits`].
pub const SCHEMA_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest wait for a free connection, and the longest time to open a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);
/// The default number of connections in the pool.
pub const DEFAULT_MAX: usize = 10;
/// The most runs of a batch if connections break before anything is done.
const ATTEMPTS: u32 = 3;
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(1);
/// An idle connection that answered within this time is kept when another connection stops answering.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A driver of a database server that is accessed through a pool.
#[async_trait]
pub trait Driver: fmt::Debug + Send + Sync + 'static {
    /// The maker of connections.
    type Manager: Manager + 'static;

    /// Returns the dialect of this database.
    fn dialect(&self) -> &'static Dialect;

    /// Returns the most connections of the pool.
    fn max(&self) -> usize;

    /// Returns the maker of connections, without any I/O.
    ///
    /// # Errors
    /// `Other`, whose text names the option at fault.
    fn manager(&self) -> Result<Self::Manager, StoreError>;

    /// Converts the failure to open a connection.
    fn refused(error: <Self::Manager as Manager>::Error) -> StoreError;

    /// Runs a batch as one transaction.
    async fn run_on(connection: &mut Object<Self::Manager>, batch: &Batch) -> Result<Outcome, Broken>;

    /// Makes the server end the statement of a connection whose batch was given up. It does nothing if the server gives
    /// up equally soon by itself, and returns even if the server does not answer.
    async fn cancel(_connection: <Self::Manager as Manager>::Type) {}
}

/// A batch that failed, and the state of its connection.
#[derive(Debug)]
pub struct Broken {
    /// The failure of the batch.
    pub error: StoreError,
    /// The state of the connection.
    pub connection: Connection,
    /// Whether nothing of the batch was done or will be done, so that it may be run again.
    pub undone: bool,
}

/// The state of a connection after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// The connection may serve the next caller.
    Sound,
    /// The next answer of the connection is unknown.
    Spoilt,
    /// The server has closed the connection, and probably others of the pool.
    Lost,
}

/// The executor over a server. The first use connects.
#[derive(Debug)]
pub struct Pooled<D: Driver> {
    driver: D,
    pool: Mutex<PoolState<D::Manager>>,
}

enum PoolState<M: Manager> {
    Unopened,
    Open(Pool<M>),
    Closed,
}

impl<M: Manager> fmt::Debug for PoolState<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unopened => "Unopened",
            Self::Open(_) => "Open",
            Self::Closed => "Closed",
        })
    }
}

impl<D: Driver> Pooled<D> {
    /// Returns an executor over `driver`, without any I/O.
    #[must_use]
    pub const fn new(driver: D) -> Self {
        Self { driver, pool: Mutex::new(PoolState::Unopened) }
    }

    fn pool(&self) -> Result<Pool<D::Manager>, StoreError> {
        let mut state = self.pool.lock();
        if let PoolState::Unopened = *state {
            let pool = Pool::builder(self.driver.manager()?)
                .max_size(self.driver.max())
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(CONNECT_TIMEOUT))
                .create_timeout(Some(CONNECT_TIMEOUT))
                .recycle_timeout(Some(RECYCLE_TIMEOUT))
                .build()
                .map_err(|error| StoreError::Other(format!("the pool of connections can't be built: {error}")))?;
            *state = PoolState::Open(pool);
        }
        match &*state {
            PoolState::Open(pool) => Ok(pool.clone()),
            PoolState::Unopened | PoolState::Closed => {
                Err(StoreError::Unavailable("the store is closed: close() was called".into()))
            }
        }
    }

    async fn attempt(&self, batch: &Batch, deadline: Instant) -> Result<Outcome, Failed> {
        let pool = self.pool()?;
        let connection = match timeout_at(deadline, pool.get()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(PoolError::Backend(error))) => return Err(D::refused(error).into()),
            Ok(Err(PoolError::Timeout(stage))) => {
                return Err(StoreError::Unavailable(format!("no connection in time ({stage:?})")).into());
            }
            Ok(Err(PoolError::Closed)) => {
                return Err(StoreError::Unavailable("the store is closed: close() was called".into()).into());
            }
            Ok(Err(_)) => return Err(StoreError::Unavailable("the pool of connections gave none".into()).into()),
            Err(_) => return Err(StoreError::Unavailable("no connection in time".into()).into()),
        };
        let mut lease = Lease::<D> { connection: Some(connection), is_answered: false };
        let Some(connection) = lease.connection.as_mut() else {
            return Err(StoreError::Other("a lease holds its connection until it ends".into()).into());
        };
        let answer = timeout_at(deadline, D::run_on(connection, batch)).await;
        lease.is_answered = answer.is_ok();
        match answer {
            Ok(Ok(outcome)) => {
                lease.give_back();
                Ok(outcome)
            }
            Ok(Err(Broken { error, connection, undone })) => {
                match connection {
                    Connection::Sound => lease.give_back(),
                    Connection::Spoilt => {}
                    Connection::Lost => drop(pool.retain(|_, _| false)),
                }
                Err(Failed { error, undone })
            }
            Err(_) => {
                // Other connections that fell silent would each cost another request the same wait.
                pool.retain(|_, metrics| metrics.last_used() < TRUSTED_FOR);
                Err(StoreError::Unavailable("the server did not answer in time".into()).into())
            }
        }
    }
}

/// An attempt that failed.
struct Failed {
    error: StoreError,
    /// Whether nothing was done, so that another connection may be tried.
    undone: bool,
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self { error, undone: false }
    }
}

#[async_trait]
impl<D: Driver> Executor for Pooled<D> {
    fn dialect(&self) -> &'static Dialect {
        self.driver.dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let deadline = Instant::now() + if batch.schema { SCHEMA_LIMIT } else { BATCH_LIMIT };
        let mut attempts = 1;
        loop {
            match self.attempt(batch, deadline).await {
                // After a restart of the server the first user of an old connection fails. It is safe to read again,
                // and to repeat a write of which nothing was done. A write without an answer may have been done, so the
                // caller gets the failure.
                Err(Failed { error: StoreError::Unavailable(_), undone })
                    if (undone || batch.is_read_only()) && attempts < ATTEMPTS && Instant::now() < deadline =>
                {
                    attempts += 1;
                }
                outcome => return outcome.map_err(|failed| failed.error),
            }
        }
    }

    fn connections(&self) -> Option<Connections> {
        let max = self.driver.max();
        let PoolState::Open(pool) = &*self.pool.lock() else {
            return Some(Connections { open: 0, used: 0, max, waiting: 0 });
        };
        let status = pool.status();
        let used = status.size.saturating_sub(status.available);
        Some(Connections { open: status.size, used, max, waiting: status.waiting })
    }

    async fn close(&self) {
        let state = std::mem::replace(&mut *self.pool.lock(), PoolState::Closed);
        if let PoolState::Open(pool) = state {
            pool.close();
        }
    }
}

/// A connection that goes back to the pool only if its work ended well. After a failure, a time-out or a caller that
/// went away, answers may still be on their way or a transaction may be open, so the connection is closed.
struct Lease<D: Driver> {
    connection: Option<Object<D::Manager>>,
    /// Whether the batch ended, in success or failure.
    is_answered: bool,
}

impl<D: Driver> Lease<D> {
    fn give_back(mut self) {
        drop(self.connection.take());
    }
}

impl<D: Driver> Drop for Lease<D> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // This frees the connection's place in the pool at once.
        let connection = Object::take(connection);
        if let (false, Ok(runtime)) = (self.is_answered, Handle::try_current()) {
            runtime.spawn(D::cancel(connection));
        }
    }
}
