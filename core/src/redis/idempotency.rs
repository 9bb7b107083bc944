//! Answers of idempotent requests that all processes share. Each `keyPrefix` has a bound of entries and of bytes, and
//! the holder of the most makes room, as in memory. The memory of each process bounds its own requests in flight.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::FromRedisValue;
use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::Redis;
use super::call::{Call, Lua};
use super::link::TRIED_EVERY;
use super::servers::Servers;
use crate::crypto::{sha256, to_base64url};
use crate::idempotency::{
    Begin, Holder, IN_FLIGHT, IdempotencyRules, Key, MAX_BYTES, RETRY_AFTER, SharedIdempotency, StoredResponse, Ticket,
    size_of,
};

static BEGIN: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("idempotency.lua")));
static COMPLETE: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!("complete.lua")));

/// The [`SharedIdempotency`] in Redis. Redis gets digests of keys and fingerprints, but never the value of the header
/// from which both are computed.
pub struct RedisIdempotency {
    servers: Arc<Servers>,
    /// The time for which operations wait for a Redis that is away, counted from the start of the outage.
    patience: Duration,
    /// The prefix of every key. It puts all keys of an application into one slot of a cluster.
    prefix: String,
    max_size: usize,
    max_bytes: usize,
}

impl fmt::Debug for RedisIdempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisIdempotency(..)")
    }
}

impl RedisIdempotency {
    /// Returns a store of answers in `redis`, of 64 MiB in all.
    #[must_use]
    pub fn new(redis: &Redis, rules: &IdempotencyRules) -> Self {
        Self {
            servers: Arc::clone(&redis.servers),
            patience: rules.redis_patience,
            prefix: prefix_of(&rules.key_prefix),
            max_size: rules.max_size,
            max_bytes: MAX_BYTES,
        }
    }

    /// Bounds the answers to `max_bytes` in all.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Runs a script, and tries again while Redis is away, until the patience is spent. The script must be safe to run
    /// twice. An outage spends the patience once, so later requests during the outage do not wait.
    async fn run<'a, T: FromRedisValue>(&self, key: &str, make: impl Fn() -> Call<'a>) -> Option<T> {
        let started = Instant::now();
        loop {
            if let Ok((answer, _, ())) = self.servers.run(key, |_| (make(), ())).await {
                return Some(answer);
            }
            let away_for = self.servers.away_for(key).unwrap_or_else(|| started.elapsed());
            if self.servers.is_closed() || away_for >= self.patience {
                return None;
            }
            sleep(TRIED_EVERY).await;
        }
    }

    fn key_of(&self, key: &Key) -> String {
        format!("{}{}", self.prefix, to_base64url(&key.0))
    }
}

/// The braces put all keys of one application into one slot of a cluster. A prefix that begins with a closing brace
/// would leave nothing between them, so its digest takes its place.
fn prefix_of(key_prefix: &str) -> String {
    let digest = key_prefix.starts_with('}').then(|| to_base64url(&sha256(key_prefix.as_bytes())));
    format!("sentri:idempotency:{{{}}}:", digest.as_deref().unwrap_or(key_prefix))
}

#[async_trait]
impl SharedIdempotency for RedisIdempotency {
    async fn begin(&self, key: &Key, fingerprint: [u8; 32], ticket: Ticket, holder: Holder) -> Option<Begin> {
        let name = self.key_of(key);
        let begin = || {
            let mut call = BEGIN.call(name.clone());
            call.arg(&fingerprint[..]).arg(ticket).arg(millis(IN_FLIGHT)).arg(holder.label());
            call
        };
        let (verdict, status, headers, body, roles) =
            self.run::<(u8, String, String, Vec<u8>, String)>(&name, begin).await?;
        Some(match verdict {
            0 => Begin::Execute(ticket),
            1 => Begin::Mismatch,
            2 => Begin::InProgress { retry_after: RETRY_AFTER },
            _ => Begin::Replay(StoredResponse {
                status: status.parse().ok()?,
                headers: serde_json::from_str(&headers).ok()?,
                body,
                roles: if roles.is_empty() { None } else { Some(serde_json::from_str(&roles).unwrap_or_default()) },
            }),
        })
    }

    async fn complete(&self, key: &Key, ticket: Ticket, ttl: Duration, response: &StoredResponse) {
        let headers = serde_json::to_string(&response.headers).unwrap_or_else(|_| "[]".to_owned());
        let roles = response.roles.as_ref().and_then(|roles| serde_json::to_string(roles).ok()).unwrap_or_default();
        let name = self.key_of(key);
        let complete = || {
            let mut call = COMPLETE.call(name.clone());
            for index in ["held", "unverified", "verified"] {
                call.key(format!("{}{index}", self.prefix));
            }
            call.arg(ticket).arg(millis(ttl)).arg(response.status).arg(&headers).arg(&response.body[..]);
            call.arg(size_of(response)).arg(self.max_size).arg(self.max_bytes).arg(&roles);
            call
        };
        // When Redis is away, only the memory of this process keeps the answer. In Redis the key is free again when the
        // time that the request may be in flight is over.
        let _ = self.run::<i64>(&name, complete).await;
    }

    async fn abandon(&self, key: &Key, ticket: Ticket) {
        let name = self.key_of(key);
        let abandon = || {
            let mut call = COMPLETE.call(name.clone());
            call.arg(ticket);
            call
        };
        let _ = self.run::<i64>(&name, abandon).await;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
