//! The cache port: counters shared by every process that serves one set of users.

use async_trait::async_trait;

pub use crate::limit::{Budget, Settlement, Verdict};

pub mod memory;

/// Rate-limit buckets. Check and count are one atomic step: of any number of parallel attempts exactly `limit`
/// are granted.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// Asks for one attempt on `key`. While every free place is held by attempts that are not settled yet, waits for
    /// them (a bounded time), because each may still be taken back.
    async fn begin(&self, key: &str, budget: Budget) -> Verdict;

    /// Says how the attempt ended. Every granted attempt is settled once.
    async fn settle(&self, key: &str, settlement: Settlement);

    /// Counts one hit at once: [`Cache::begin`] settled as [`Settlement::Counted`].
    async fn hit(&self, key: &str, budget: Budget) -> Verdict {
        let verdict = self.begin(key, budget).await;
        if matches!(verdict, Verdict::Granted { .. }) {
            self.settle(key, Settlement::Counted).await;
        }
        verdict
    }
}
