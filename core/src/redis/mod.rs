//! What processes share through Redis: counters of rate limits, answers of idempotent requests, word of revocations.
//!
//! Redis is never a condition. Each operation has [`OPERATION_LIMIT`]; when Redis does not answer, the caller's process
//! goes on by itself, and the link is tried again twice a second. No token is written, and nothing that one can be made
//! from.

use std::fmt;
use std::sync::Arc;

use ::redis::Client;

use crate::crypto::choose_tls_provider;
use crate::error::Error;

mod broadcast;
mod config;
mod idempotency;
mod limits;
mod link;
mod queues;

pub use broadcast::RedisBroadcast;
pub use idempotency::{RedisIdempotency, open_gate};
pub use limits::RedisCache;
pub use link::OPERATION_LIMIT;

use link::Link;

/// One Redis, not connected to before the first use.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    link: Arc<Link>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis(..)")
    }
}

impl Redis {
    /// Reads the `redisUrl` option: `redis://user:password@host:6379/0`, or `rediss://` for TLS, whose parameters name
    /// files: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`; or loosen it: `ssl_check_hostname`, `ssl_cert_reqs`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `redisUrl`, never quoting it.
    pub fn open(url: &str) -> Result<Self, Error> {
        let client = config::client_for(url)?;
        choose_tls_provider();
        Ok(Self { link: Arc::new(Link::new(client.clone())), client })
    }

    /// Who is told, once each time, that Redis went away or came back.
    pub fn on_change(&self, told: impl Fn(&str) + Send + Sync + 'static) {
        self.link.on_change(Box::new(told));
    }

    /// Ends the connection. Later operations are as when Redis is away.
    pub fn close(&self) {
        self.link.close();
    }
}
