//! The seam between the counters that processes share and the servers that keep them.

use std::sync::Arc;

use ::redis::FromRedisValue;

use super::call::Call;
use super::link::Away;
use super::servers::Servers;

/// Runs scripts on the servers that hold their keys. In tests/core/schedules a model of Redis stands in for
/// [`Servers`].
pub trait Scripts: Send + Sync + 'static {
    /// Runs the call that `make` returns for the number of a connection. Returns the answer, that number, and the value
    /// that `make` returned beside the call. A call without an answer is sent again, so a script must be safe to run
    /// twice.
    fn run<'a, T: FromRedisValue + Send, X: Send>(
        self: &Arc<Self>,
        key: &str,
        make: impl Fn(u64) -> (Call<'a>, X) + Send,
    ) -> impl Future<Output = Result<(T, u64, X), Away>> + Send;

    /// Returns the number of the connection that an operation on `key` would use.
    fn number(&self, key: &str) -> Option<u64>;
}

impl Scripts for Servers {
    async fn run<'a, T: FromRedisValue + Send, X: Send>(
        self: &Arc<Self>,
        key: &str,
        make: impl Fn(u64) -> (Call<'a>, X) + Send,
    ) -> Result<(T, u64, X), Away> {
        Self::run(self, key, make).await
    }

    fn number(&self, key: &str) -> Option<u64> {
        Self::number(self, key)
    }
}
