//! The state that processes share through Redis: counters of rate limits, answers of idempotent requests, revocations.
//!
//! sentri works without Redis. When Redis does not answer for [`OPERATION_LIMIT`], the caller's process goes on by
//! itself, and tries Redis again four times a second. Neither tokens nor data that could make a token are written
//! there.
//!
//! `config` reads the URL, `access` holds its users and TLS, `target` opens a connection, `link` keeps one to each
//! server, `servers` finds the server of a key in a cluster by its `slots`, and `patience` distinguishes an outage from
//! a busy machine.

use std::fmt;
use std::sync::Arc;

use crate::crypto::choose_tls_provider;
use crate::error::Error;

mod access;
mod attempts;
mod broadcast;
mod call;
mod config;
mod health;
mod idempotency;
mod limits;
mod link;
mod patience;
mod queues;
mod scripts;
mod servers;
mod slots;
mod target;
mod words;

pub use broadcast::RedisBroadcast;
pub use idempotency::RedisIdempotency;
pub use limits::RedisCache;
pub use patience::OPERATION_LIMIT;
#[cfg(feature = "schedules")]
pub use {call::Call, link::Away, scripts::Scripts};

use servers::Servers;

/// A Redis server, a cluster, or a master that sentinels watch. The first use opens the connection.
#[derive(Clone)]
pub struct Redis {
    servers: Arc<Servers>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis(..)")
    }
}

impl Redis {
    /// Reads the `redisUrl` option, which has one of the forms `redis://user:password@host:6379/0`,
    /// `redis+cluster://host:6379,host:6379` and `redis+sentinel://host:26379,host:26379/mymaster`. The scheme `rediss`
    /// asks for TLS. Its parameters `ssl_ca_certs`, `ssl_certfile` and `ssl_keyfile` name files; `ssl_check_hostname`
    /// and `ssl_cert_reqs` loosen the checks. If the server of a `redis://` URL belongs to a cluster, the cluster is
    /// used.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `redisUrl`, never quoting it.
    pub fn open(url: &str) -> Result<Self, Error> {
        // Before the first client, which may need it.
        choose_tls_provider();
        let url = config::read(url)?;
        Ok(Self { servers: Arc::new(Servers::new(url.access, url.targets, url.wants_cluster)) })
    }

    /// Calls `listener` with a sentence each time that Redis goes away or comes back; in a cluster, for each of its
    /// servers. Only the first listener counts.
    pub fn on_change(&self, listener: impl Fn(&str) + Send + Sync + 'static) {
        self.servers.on_change(Box::new(listener));
    }

    /// Asks Redis, and returns a phrase that names its servers.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` with the cause, if no server answers.
    pub async fn describe(&self) -> Result<String, Error> {
        self.servers.describe().await.map_err(|cause| Error::configuration(format!("redisUrl: {cause}")))
    }

    /// Whether no server of Redis is known to be away.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.servers.is_up()
    }

    /// Ends the connections. Later operations behave as if Redis were away.
    pub fn close(&self) {
        self.servers.close();
    }
}
