//! Answers of idempotent requests that all processes share. They go by their time to live; an answer is bounded by
//! `idempotency::MAX_STORED_BODY`.

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
use crate::idempotency::{Begin, Gate, IN_FLIGHT, Key, RETRY_AFTER, SharedIdempotency, StoredResponse, Ticket};

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("idempotency.lua")));
static COMPLETE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("complete.lua")));

/// The [`SharedIdempotency`] in Redis. Keys and fingerprints are digests keyed by what Redis never sees.
pub struct RedisIdempotency(Arc<Link>);

impl fmt::Debug for RedisIdempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisIdempotency(..)")
    }
}

impl RedisIdempotency {
    /// Answers in `redis`.
    #[must_use]
    pub fn new(redis: &Redis) -> Self {
        Self(Arc::clone(&redis.link))
    }
}

/// The gate of the middleware's options, `{ttl, header, methods, maxSize, redisUrl}`. `told` hears that Redis went away
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
            Ok(gate.with_shared(Arc::new(RedisIdempotency::new(&redis))))
        }
    }
}

#[async_trait]
impl SharedIdempotency for RedisIdempotency {
    async fn begin(&self, key: &Key, fingerprint: [u8; 32], ticket: Ticket) -> Option<Begin> {
        let mut script = BEGIN.key(redis_key(key));
        script.arg(&fingerprint[..]).arg(ticket).arg(millis(IN_FLIGHT));
        let (verdict, status, headers, body) = self.0.run::<(u8, String, String, Vec<u8>)>(&script).await.ok()?;
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
        let mut script = COMPLETE.key(redis_key(key));
        script.arg(ticket).arg(millis(ttl)).arg(response.status).arg(headers).arg(&response.body[..]);
        // Not kept when Redis is away: the key is free again when its time in flight is over.
        let _ = self.0.run::<i64>(&script).await;
    }

    async fn abandon(&self, key: &Key, ticket: Ticket) {
        let mut script = COMPLETE.key(redis_key(key));
        script.arg(ticket);
        let _ = self.0.run::<i64>(&script).await;
    }
}

fn redis_key(key: &Key) -> String {
    format!("sentri:idempotency:{}", to_base64url(&key.0))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
