//! The health of a server, for probes of load balancers and orchestrators.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::AuthServer;

/// The age up to which an answer is repeated, so that probes cost the database at most a query a second.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// The time within which the database must answer.
const WITHIN: Duration = Duration::from_secs(2);

impl AuthServer {
    /// Returns `{status, checks}` for probes. The checks are `database`, `keys` and, with `redisUrl`, `redis`, each
    /// `ok` or `unavailable`. `status` is `unavailable` without the database or before the keys are loaded. It is
    /// `degraded` while Redis is unavailable and the server works without it, or while the keys can't be read again and
    /// the server works with those of before. Else it is `ok`.
    ///
    /// The answer is public, so it does not name causes. Calls within a second get the same answer.
    pub async fn health(&self) -> Value {
        let mut last = self.0.health.lock().await;
        if let Some((_, health)) = last.as_ref().filter(|(at, _)| at.elapsed() < SHARED_FOR) {
            return health.clone();
        }
        let health = self.look().await;
        *last = Some((Instant::now(), health.clone()));
        health
    }

    async fn look(&self) -> Value {
        let database = matches!(timeout(WITHIN, self.realm().store.check()).await, Ok(Ok(())));
        if database && !self.0.ready.load(Ordering::Acquire) {
            // A server that has not served a call yet loads its keys now. The answer shows whether that failed.
            let _unless_failed = timeout(WITHIN, self.get_ready()).await;
        }
        let loaded = self.0.ready.load(Ordering::Acquire);
        let keys = loaded && !self.realm().keys.is_stuck();
        let redis = self.0.redis.as_ref().map(crate::redis::Redis::is_up);
        let word = |ok: bool| if ok { "ok" } else { "unavailable" };
        let status = match (database && loaded, keys && redis != Some(false)) {
            (false, _) => "unavailable",
            (true, false) => "degraded",
            (true, true) => "ok",
        };
        let mut checks = json!({ "database": word(database), "keys": word(keys) });
        if let Some(up) = redis {
            checks["redis"] = word(up).into();
        }
        json!({ "status": status, "checks": checks })
    }
}
