//! The idempotency middleware for the host's routes.

use std::sync::Arc;

use serde_json::Value;

use crate::clock::Clock;
use crate::error::Error;
use crate::http::router;
use crate::idempotency::Gate;
use crate::redis::{Redis, RedisIdempotency};

/// Opens the gate of a middleware by its options, which are those of
/// [`crate::idempotency::IdempotencyRules::from_options`] and `redisUrl`. The gate stores no answer of an endpoint that
/// shows secrets. `on_change` gets a sentence when Redis goes away or comes back.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option.
pub fn open_gate(
    options: Option<&Value>,
    clock: Arc<dyn Clock>,
    on_change: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Gate, Error> {
    let gate = Gate::new(options, clock, router::shows_secrets)?;
    match options.and_then(|options| options.get("redisUrl")).filter(|url| !url.is_null()) {
        None => Ok(gate),
        Some(url) => {
            let redis = Redis::open(url.as_str().unwrap_or_default())?;
            redis.on_change(on_change);
            let shared = RedisIdempotency::new(&redis, gate.rules());
            Ok(gate.with_shared(Arc::new(shared)))
        }
    }
}
