//! The cache port: counters shared by every process that serves one set of users.

use std::time::Duration;

use async_trait::async_trait;

pub mod memory;

/// What a counter said to one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on. The attempt is counted until it is settled.
    Granted {
        /// Attempts left in the window after this one.
        remaining: u32,
        /// Until the window ends.
        resets_in: Duration,
    },
    /// The budget is spent.
    Exceeded {
        /// Until the window ends; never zero.
        retry_after: Duration,
    },
}

/// A fixed-window budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Attempts allowed in a window, at least 1.
    pub limit: u32,
    /// Length of the window, from the first counted attempt on.
    pub window: Duration,
}

/// How an attempt that was granted ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It stays counted.
    Counted,
    /// It is taken back, as if it never was (a failure that was not the caller's).
    Refunded,
    /// The whole bucket is emptied (a login that succeeded).
    Reset,
}

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
