//! The state that processes share through Redis: counters of rate limits, answers of idempotent requests, revocations.
//!
//! Redis is never a condition. When it does not answer for [`OPERATION_LIMIT`], the caller's process goes on by itself,
//! and Redis is tried again four times a second. No token is written, nor any material for a token.
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

/// One Redis, be it a server, a cluster, or a master that sentinels watch. It is not connected to before the first use.
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
    /// Reads the `redisUrl` option: `redis://user:password@host:6379/0`, `redis+cluster://host:6379,host:6379` or
    /// `redis+sentinel://host:26379,host:26379/mymaster`, with `rediss` for TLS, whose parameters name files:
    /// `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`; or loosen it: `ssl_check_hostname`, `ssl_cert_reqs`. A server of
    /// a cluster behind `redis://` says so, and the cluster is used.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `redisUrl`, never quoting it.
    pub fn open(url: &str) -> Result<Self, Error> {
        // Before the first client, which may need it.
        choose_tls_provider();
        let url = config::read(url)?;
        Ok(Self { servers: Arc::new(Servers::new(url.access, url.targets, url.wants_cluster)) })
    }

    /// Calls `listener` each time that Redis went away or came back; in a cluster, for each of its servers.
    pub fn on_change(&self, listener: impl Fn(&str) + Send + Sync + 'static) {
        self.servers.on_change(Box::new(listener));
    }

    /// Asks Redis and returns in words which servers there are.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` with the cause, where none works.
    pub async fn describe(&self) -> Result<String, Error> {
        self.servers.describe().await.map_err(|cause| Error::configuration(format!("redisUrl: {cause}")))
    }

    /// Whether Redis answers, as far as is known; in a cluster, all of its servers.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.servers.is_up()
    }

    /// Ends the connections. Later operations are as when Redis is away.
    pub fn close(&self) {
        self.servers.close();
    }
}
