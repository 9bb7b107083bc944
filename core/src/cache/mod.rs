//! The state beside the database that processes with the same users share: counters, and messages about revocations.

use std::sync::Arc;

use async_trait::async_trait;

pub use crate::limit::{Budget, LimitVerdict, Settlement};

pub mod memory;

/// Rate-limit buckets. Check and count are one atomic step, so that of any number of parallel attempts exactly `limit`
/// are granted.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// Asks for an attempt on `key`. While attempts that are not settled yet hold every free place, it waits for them
    /// for a bounded time, since each of them may still give its place back.
    async fn begin(&self, key: &str, budget: Budget) -> LimitVerdict;

    /// Settles a granted attempt, by how it ended. Every granted attempt must be settled once.
    async fn settle(&self, key: &str, settlement: Settlement);

    /// Counts a hit at once, as [`Cache::begin`] that is settled as [`Settlement::Counted`].
    async fn hit(&self, key: &str, budget: Budget) -> LimitVerdict {
        let verdict = self.begin(key, budget).await;
        if matches!(verdict, LimitVerdict::Granted { .. }) {
            self.settle(key, Settlement::Counted).await;
        }
        verdict
    }

    /// Returns whether an attempt would be granted at this instant, and counts none. Peeks and hits at a bucket take
    /// effect in one order, so every peek and hit after the last hit that the budget allows is refused.
    async fn peek(&self, key: &str, budget: Budget) -> LimitVerdict {
        let verdict = self.begin(key, budget).await;
        if matches!(verdict, LimitVerdict::Granted { .. }) {
            self.settle(key, Settlement::Refunded).await;
        }
        verdict
    }
}

/// Sessions that were revoked, or a user who was changed. No process may serve them from memory any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// Sessions, by id.
    Sessions(Vec<String>),
    /// A user, by id, whose sessions ended or whose roles changed.
    User(String),
}

/// The exchange of revocations with other processes. If a message gets lost, the database decides as soon as a cached
/// read is older than `sessionCheck` allows.
#[async_trait]
pub trait Broadcast: Send + Sync + 'static {
    /// Notifies every process, including this process.
    async fn publish(&self, revocation: &Revocation);

    /// Passes the revocations of all processes to `listener` from now on. It must be called within a Tokio runtime.
    fn listen(&self, listener: Arc<dyn Listener>);

    /// Ends the exchange.
    fn close(&self);
}

/// A receiver of revocations.
pub trait Listener: Send + Sync + 'static {
    /// Called when something was revoked.
    fn heard(&self, revocation: &Revocation);

    /// Called when messages may have been missed.
    fn missed(&self);

    /// Whether the listener still exists; if not, the exchange forgets it.
    fn is_there(&self) -> bool;
}
