//! Answers of idempotent requests that all processes share, bounded in entries and bytes for each `keyPrefix`; those that
//! would expire first make room. Requests in flight are bounded by the memory of the process that they run in.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::Script;
use async_trait::async_trait;
use serde_json::Value;

use super::Redis;
use super::link::Link;
use crate::clock::Clock;
use crate::crypto::to_base64url;
use crate::error::Error;
use crate::idempotency::{
    Begin, Gate, IN_FLIGHT, IdempotencyRules, Key, MAX_BYTES, RETRY_AFTER, SharedIdempotency, StoredResponse, Ticket,
    size_of,
};

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("idempotency.lua")));
static COMPLETE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("complete.lua")));

/// The [`SharedIdempotency`] in Redis. Keys and fingerprints are digests keyed by what Redis never sees.
pub struct RedisIdempotency {
    link: Arc<Link>,
    /// Before every key: those of one application are in one slot of a cluster.
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
    /// Answers in `redis`, of 64 MiB in all.
    #[must_use]
    pub fn new(redis: &Redis, rules: &IdempotencyRules) -> Self {
        Self {
            link: Arc::clone(&redis.link),
            prefix: format!("sentri:idempotency:{{{}}}:", rules.key_prefix),
            max_size: rules.max_size,
            max_bytes: MAX_BYTES,
        }
    }

    /// The same for answers of `max_bytes` in all.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    fn key_of(&self, key: &Key) -> String {
        format!("{}{}", self.prefix, to_base64url(&key.0))
    }
}

/// The gate of the middleware's options, `{ttl, header, methods, maxSize, keyPrefix, redisUrl}`. `told` hears that Redis went away
/// or came back.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option.
pub fn open_gate(
    options: Option<&Value>,
    clock: Arc<dyn Clock>,
    told: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Gate, Error> {
    let gate = Gate::new(options, clock)?;
    match options.and_then(|options| options.get("redisUrl")).filter(|url| !url.is_null()) {
        None => Ok(gate),
        Some(url) => {
            let redis = Redis::open(url.as_str().unwrap_or_default())?;
            redis.on_change(told);
            let shared = RedisIdempotency::new(&redis, gate.rules());
            Ok(gate.with_shared(Arc::new(shared)))
        }
    }
}

#[async_trait]
impl SharedIdempotency for RedisIdempotency {
    async fn begin(&self, key: &Key, fingerprint: [u8; 32], ticket: Ticket) -> Option<Begin> {
        let mut script = BEGIN.key(self.key_of(key));
        script.arg(&fingerprint[..]).arg(ticket).arg(millis(IN_FLIGHT));
        let (verdict, status, headers, body) = self.link.run::<(u8, String, String, Vec<u8>)>(&script).await.ok()?;
        Some(match verdict {
            0 => Begin::Execute(ticket),
            1 => Begin::Mismatch,
            2 => Begin::InProgress { retry_after: RETRY_AFTER },
            _ => Begin::Replay(StoredResponse {
                status: status.parse().ok()?,
                headers: serde_json::from_str(&headers).ok()?,
                body,
            }),
        })
    }

    async fn complete(&self, key: &Key, ticket: Ticket, ttl: Duration, response: &StoredResponse) {
        let headers = serde_json::to_string(&response.headers).unwrap_or_else(|_| "[]".to_owned());
        let mut script = COMPLETE.key(self.key_of(key));
        script.key(format!("{}answers", self.prefix));
        script.arg(ticket).arg(millis(ttl)).arg(response.status).arg(headers).arg(&response.body[..]);
        script.arg(size_of(response)).arg(self.max_size).arg(self.max_bytes);
        // When Redis is away, the memory of this process alone has it; the key is free there when its time in flight is over.
        let _ = self.link.run::<i64>(&script).await;
    }

    async fn abandon(&self, key: &Key, ticket: Ticket) {
        let mut script = COMPLETE.key(self.key_of(key));
        script.arg(ticket);
        let _ = self.link.run::<i64>(&script).await;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
