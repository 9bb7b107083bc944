//! The state that processes with the same users share beside the database: counters, and word of revocations.

use std::sync::Arc;

use async_trait::async_trait;

pub use crate::limit::{Budget, LimitVerdict, Settlement};

pub mod memory;

/// Rate-limit buckets. Check and count are one atomic step: of any number of parallel attempts exactly `limit`
/// are granted.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// Asks for one attempt on `key`. While every free place is held by attempts that are not settled yet, waits for
    /// them (a bounded time), because each may still be taken back.
    async fn begin(&self, key: &str, budget: Budget) -> LimitVerdict;

    /// Says how the attempt ended. Every granted attempt is settled once.
    async fn settle(&self, key: &str, settlement: Settlement);

    /// Counts one hit at once: [`Cache::begin`] settled as [`Settlement::Counted`].
    async fn hit(&self, key: &str, budget: Budget) -> LimitVerdict {
        let verdict = self.begin(key, budget).await;
        if matches!(verdict, LimitVerdict::Granted { .. }) {
            self.settle(key, Settlement::Counted).await;
        }
        verdict
    }

    /// Says whether an attempt would be granted at this instant, and counts none. In one order with hits: of hits and
    /// peeks at a bucket, those behind the last hit that the budget allows are refused.
    async fn peek(&self, key: &str, budget: Budget) -> LimitVerdict {
        let verdict = self.begin(key, budget).await;
        if matches!(verdict, LimitVerdict::Granted { .. }) {
            self.settle(key, Settlement::Refunded).await;
        }
        verdict
    }
}

/// Revoked sessions, or a changed user, none of which may be served from memory any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// Sessions, by id.
    Sessions(Vec<String>),
    /// A user: its sessions ended or its roles changed.
    User(String),
}

/// Exchange of revocations with other processes. A message may get lost; the database then decides as soon as a cached
/// read is older than `sessionCheck` allows.
#[async_trait]
pub trait Broadcast: Send + Sync + 'static {
    /// Notifies every process, including this process.
    async fn publish(&self, revocation: &Revocation);

    /// Receives the revocations of all processes from now on. Needs a runtime.
    fn listen(&self, listener: Arc<dyn Listener>);

    /// Ends the exchange.
    fn close(&self);
}

/// A receiver of revocations.
pub trait Listener: Send + Sync + 'static {
    /// Something was revoked.
    fn heard(&self, revocation: &Revocation);

    /// Messages may have been missed.
    fn missed(&self);

    /// Whether the listener still exists.
    fn is_there(&self) -> bool;
}
