//! The health of a server, for probes of load balancers and orchestrators.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::AuthServer;

/// The age up to which an answer is given again, so that probes cost the database no more than a query a second.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// The time in which the database has to answer.
const WITHIN: Duration = Duration::from_secs(2);

impl AuthServer {
    /// Returns `{status, checks}` for probes. The checks are `database`, `keys` and, with `redisUrl`, `redis`, each
    /// `ok` or `unavailable`. `status` is `ok`; `degraded` while Redis alone is away, when the server goes on by
    /// itself; or `unavailable`.
    ///
    /// It is public, so it holds no cause. Calls within a second share an answer.
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
            // A server without an earlier call finds its keys now. A failure shows in the answer.
            let _unless_failed = timeout(WITHIN, self.get_ready()).await;
        }
        let keys = self.0.ready.load(Ordering::Acquire);
        let redis = self.0.redis.as_ref().map(crate::redis::Redis::is_up);
        let word = |ok: bool| if ok { "ok" } else { "unavailable" };
        let status = match (database && keys, redis) {
            (false, _) => "unavailable",
            (true, Some(false)) => "degraded",
            (true, _) => "ok",
        };
        let mut checks = json!({ "database": word(database), "keys": word(keys) });
        if let Some(up) = redis {
            checks["redis"] = word(up).into();
        }
        json!({ "status": status, "checks": checks })
    }
}
