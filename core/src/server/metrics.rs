//! The metrics of a server.

use std::sync::atomic::Ordering;

use super::AuthServer;
use crate::service::keys;
use crate::telemetry::{MetricName, Remembered, Snapshot};

impl AuthServer {
    /// Returns the counts since the server was made and the present gauges, without I/O. `remembered` counts the events
    /// of requests that the host answered from its own cache.
    #[must_use]
    pub fn metrics(&self, remembered: &Remembered) -> Snapshot {
        let realm = self.realm();
        let mut snapshot = realm.telemetry.snapshot(remembered);
        let count = |count: usize| count as f64;
        snapshot.add(MetricName::Verifications, &[], realm.hasher.verifications() as f64);
        snapshot.add_histogram(MetricName::HashWaits, &[], realm.hasher.waits());
        snapshot.add_histogram(MetricName::HashTimes, &[], realm.hasher.times());
        let (running, waiting) = realm.hasher.load();
        snapshot.add(MetricName::Hashing, &[("state", "running")], count(running));
        snapshot.add(MetricName::Hashing, &[("state", "waiting")], count(waiting));
        if let Some(pool) = realm.store.connections() {
            snapshot.add(MetricName::Connections, &[("state", "open")], count(pool.open));
            snapshot.add(MetricName::Connections, &[("state", "used")], count(pool.used));
            snapshot.add(MetricName::Connections, &[("state", "max")], count(pool.max));
            snapshot.add(MetricName::Waiting, &[], count(pool.waiting));
        }
        snapshot.add(MetricName::Ready, &[], f64::from(u8::from(self.0.ready.load(Ordering::Acquire))));
        if let Some(redis) = &self.0.redis {
            snapshot.add(MetricName::Redis, &[], f64::from(u8::from(redis.is_up())));
        }
        let published = keys::jwks(realm).and_then(|set| set["keys"].as_array().map(Vec::len)).unwrap_or_default();
        snapshot.add(MetricName::Keys, &[], count(published));
        if let Some(age) = keys::signing_age(realm) {
            snapshot.add(MetricName::KeyAge, &[], age as f64 / 1e3);
        }
        snapshot.add(MetricName::Info, &[("version", env!("CARGO_PKG_VERSION")), ("mode", "server")], 1.0);
        snapshot
    }
}
