//! Connects to one of several hosts. They are the nodes of a Galera cluster, each of which takes writes while it is a
//! member, or a primary and its replicas.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, DriverError, Error, Opts, Row};
use parking_lot::Mutex;
use tokio::time::timeout;

use super::MysqlConfig;
use crate::store::pooled::CONNECT_TIMEOUT;
use crate::store::tls::Tls;

/// The idle time after which a connection is checked before its next use.
const ASKED_AFTER: Duration = Duration::from_secs(1);

const ROLE: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'read_only')";
const READY: &str = "SHOW GLOBAL STATUS LIKE 'wsrep_ready'";
/// Makes statements of all kinds wait until their node has applied all earlier commits of other nodes.
const CAUSAL: &str = "SET SESSION wsrep_sync_wait = 7";
/// Makes a statement that was given up after `BATCH_LIMIT` end at the server too. The limits are in seconds, for locks
/// of rows, and of tables that a change of the schema holds. `KILL QUERY` is no way, since it could reach another
/// server, where the number belongs to another connection.
const PATIENCE: &str = "SET SESSION innodb_lock_wait_timeout = 2, lock_wait_timeout = 60";

/// Makes connections. Among several hosts it tries the last one that worked first, then the others.
pub struct Hosts {
    hosts: Vec<Host>,
    /// The time for one host, so that a silent host leaves time for the next.
    limit: Duration,
    good: AtomicUsize,
}

struct Host {
    /// The TLS mode as configured. `Prefer` becomes `Disable` if the server has no TLS.
    mode: Mutex<Tls>,
    with_tls: Opts,
    plain: Opts,
}

/// The reason why no host gave a connection.
#[derive(Debug)]
pub enum Refused {
    /// The error of the last host that answered.
    Answer(Error),
    /// A host accepted the login but can't be used, for this reason.
    Useless(&'static str),
    /// No host answered in time.
    Silent,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Answer(error)
    }
}

impl Hosts {
    pub(super) fn new(config: &MysqlConfig) -> Self {
        let host = |(with_tls, plain)| Host { mode: Mutex::new(config.tls.mode), with_tls, plain };
        let hosts: Vec<Host> = config.options().into_iter().map(host).collect();
        let limit = CONNECT_TIMEOUT / u32::try_from(hosts.len().max(1)).unwrap_or(1);
        Self { hosts, limit, good: AtomicUsize::new(0) }
    }

    async fn connect(&self, host: &Host) -> Result<Conn, Refused> {
        let mut connection = host.connect().await?;
        match connection.query_drop(PATIENCE).await {
            // Another product with this protocol may have no such locks.
            Ok(()) | Err(Error::Server(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let role = settings_of(&mut connection, ROLE).await?;
        let is_on = |name: &str| role.iter().any(|(found, value)| found == name && matches!(&**value, "ON" | "1"));
        if is_on("wsrep_on") {
            let ready = settings_of(&mut connection, READY).await?;
            if !ready.iter().any(|(_, value)| value == "ON") {
                return Err(Refused::Useless(
                    "the node of the cluster is not ready (wsrep_ready): it joins, or is cut off",
                ));
            }
            connection.query_drop(CAUSAL).await?;
        } else if is_on("read_only") && self.hosts.len() > 1 {
            return Err(Refused::Useless("none of the hosts takes writes (read_only)"));
        }
        Ok(connection)
    }
}

impl Host {
    async fn connect(&self) -> Result<Conn, Error> {
        let mode = *self.mode.lock();
        if mode == Tls::Disable {
            return Conn::new(self.plain.clone()).await;
        }
        match Conn::new(self.with_tls.clone()).await {
            Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) if mode == Tls::Prefer => {
                *self.mode.lock() = Tls::Disable;
                Conn::new(self.plain.clone()).await
            }
            connected => connected,
        }
    }
}

/// Returns names and values of settings; none if the server does not know the query.
async fn settings_of(connection: &mut Conn, sql: &str) -> Result<Vec<(String, String)>, Error> {
    let rows: Vec<Row> = match connection.query(sql).await {
        Err(Error::Server(_)) => return Ok(Vec::new()),
        rows => rows?,
    };
    let text = |row: &mut Row, index| row.take_opt::<String, _>(index)?.ok();
    Ok(rows.into_iter().filter_map(|mut row| Some((text(&mut row, 0)?, text(&mut row, 1)?))).collect())
}

impl managed::Manager for Hosts {
    type Type = Conn;
    type Error = Refused;

    async fn create(&self) -> Result<Conn, Refused> {
        let first = self.good.load(Ordering::Relaxed);
        let mut refused = Refused::Silent;
        for step in 0..self.hosts.len() {
            let index = (first + step) % self.hosts.len();
            match timeout(self.limit, self.connect(&self.hosts[index])).await {
                Ok(Ok(connection)) => {
                    self.good.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
                Ok(Err(error)) => refused = error,
                Err(_) => {}
            }
        }
        Err(refused)
    }

    async fn recycle(&self, connection: &mut Conn, metrics: &Metrics) -> RecycleResult<Refused> {
        if connection.is_disconnected() {
            return Err(RecycleError::message("disconnected"));
        }
        if metrics.last_used() > ASKED_AFTER {
            connection.ping().await.map_err(Refused::Answer)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts").field("count", &self.hosts.len()).finish_non_exhaustive()
    }
}
