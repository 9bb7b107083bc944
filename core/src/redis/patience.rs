//! Distinguishes a Redis that is away from a machine that is busy.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The time without any answer after which Redis counts as away. Time in which the machine is busy does not count.
pub const OPERATION_LIMIT: Duration = Duration::from_secs(1);
/// The wait consists of ticks. A tick that comes late shows that the machine is busy. Redis may run on the same
/// machine, so its silence during such a tick does not count.
const TICK: Duration = Duration::from_millis(10);
const TICKS: u128 = OPERATION_LIMIT.as_millis() / TICK.as_millis();
const LATE: Duration = Duration::from_millis(20);
/// The longest wait in any case.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// Waits for `operation`. Returns `None` if Redis is silent. `answers` counts what Redis answers to other operations,
/// and each such answer starts the wait anew.
pub(super) async fn patiently<T>(operation: impl Future<Output = T>, answers: &AtomicU64) -> Option<T> {
    let mut operation = std::pin::pin!(operation);
    let started = Instant::now();
    let (mut seen, mut silent) = (answers.load(Ordering::Relaxed), 0);
    while silent < TICKS && started.elapsed() < LONGEST {
        let tick = Instant::now();
        if let Ok(done) = timeout(TICK, &mut operation).await {
            return Some(done);
        }
        let now = answers.load(Ordering::Relaxed);
        if now != seen {
            (seen, silent) = (now, 0);
        } else if tick.elapsed() < LATE {
            silent += 1;
        }
    }
    None
}
