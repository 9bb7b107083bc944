//! The seam between the counters that processes share and the servers that keep them.

use std::sync::Arc;

use ::redis::FromRedisValue;

use super::call::Call;
use super::link::Away;
use super::servers::Servers;

/// Runs scripts where their keys are. In tests/core/schedules a model of Redis stands in for [`Servers`].
pub trait Scripts: Send + Sync + 'static {
    /// Runs the script that `make` makes for the connection of a number; answers with that number and with what `make`
    /// returned beside the call. A call that was sent and not answered is sent again, so scripts bear being run twice.
    fn run<'a, T: FromRedisValue + Send, X: Send>(
        self: &Arc<Self>,
        key: &str,
        make: impl Fn(u64) -> (Call<'a>, X) + Send,
    ) -> impl Future<Output = Result<(T, u64, X), Away>> + Send;

    /// The number of the connection by which an operation on `key` would go.
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
