//! The shared part of executors with a pool of connections to a server.
//!
//! A batch is answered within [`BATCH_LIMIT`], even if the server is down, paused or cut off: it is `Unavailable` then,
//! and the connection is thrown away, because its state is unknown. The pool connects again by itself.
//!
//! A batch that is given up has to end at the server too: behind a lock that is not released, each attempt of a client
//! would else leave another statement that waits.

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

/// The time that a batch may take, waiting for a connection included, so that an outage is known within two seconds.
pub const BATCH_LIMIT: Duration = Duration::from_millis(1800);
/// The same for a change of the schema, which may wait for other processes.
pub const SCHEMA_LIMIT: Duration = Duration::from_secs(60);
/// For a free connection, and for making one.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);
/// Connections in the pool when nothing is said.
pub const DEFAULT_MAX: usize = 10;
/// The most runs of a batch whose connection broke before anything was done.
const ATTEMPTS: u32 = 3;
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(1);
/// An idle connection that answered this recently is kept when another one stops answering.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// A server that is spoken to through a pool.
#[async_trait]
pub trait Driver: fmt::Debug + Send + Sync + 'static {
    /// Makes connections.
    type Manager: Manager + 'static;

    /// The spelling of this database.
    fn dialect(&self) -> &'static Dialect;

    /// The most connections.
    fn max(&self) -> usize;

    /// The maker of connections; no I/O yet.
    ///
    /// # Errors
    /// `Other` that names the option at fault.
    fn manager(&self) -> Result<Self::Manager, StoreError>;

    /// The failure to make a connection.
    fn refused(error: <Self::Manager as Manager>::Error) -> StoreError;

    /// Runs a batch as one transaction.
    async fn run_on(connection: &mut Object<Self::Manager>, batch: &Batch) -> Result<Outcome, Broken>;

    /// Makes the server end the statement of a connection whose batch was given up. Does nothing if the server gives up
    /// by itself as soon. Ends even if the server does not answer.
    async fn cancel(_connection: <Self::Manager as Manager>::Type) {}
}

/// A batch that failed, and the state of its connection.
#[derive(Debug)]
pub struct Broken {
    /// Why.
    pub error: StoreError,
    /// The worth of the connection.
    pub connection: Connection,
    /// Nothing of the batch was done, and nothing will be: it may be run again.
    pub undone: bool,
}

/// The worth of a connection after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// It may serve the next caller.
    Sound,
    /// Its next answer is unknown.
    Spoilt,
    /// The server has let go of it, and of those beside it as likely as not.
    Lost,
}

/// The executor over a server. Connects at first use.
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
    /// An executor over `driver`; no I/O yet.
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
                // Connections that fell silent with this one would each cost another request the same wait.
                pool.retain(|_, metrics| metrics.last_used() < TRUSTED_FOR);
                Err(StoreError::Unavailable("the server did not answer in time".into()).into())
            }
        }
    }
}

/// An attempt that failed.
struct Failed {
    error: StoreError,
    /// Nothing was done, and another connection may serve better.
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
                // After a restart the first user of an old connection learns it: reading again does no harm, nor does a
                // write of which nothing was done. One that got no answer may have been done, so that is for the caller
                // to know.
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

/// A connection that goes back to the pool only when its work ended well. When it failed, timed out or was abandoned by
/// its caller, answers may still be on their way or a transaction open: then it is thrown away.
struct Lease<D: Driver> {
    connection: Option<Object<D::Manager>>,
    /// The batch came to an end, well or not.
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
        // Its place in the pool is free at once.
        let connection = Object::take(connection);
        if let (false, Ok(runtime)) = (self.is_answered, Handle::try_current()) {
            runtime.spawn(D::cancel(connection));
        }
    }
}
