//! A histogram of durations, which records without a lock or an allocation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in microseconds, from an answer out of memory to an answer that waited in a full queue.
pub const BOUNDS: [u64; 12] =
    [1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];

/// The number of counts: one for each bound, and one for durations beyond the last bound.
const COUNTS: usize = BOUNDS.len() + 1;

/// A distribution of durations.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; COUNTS],
    micros: AtomicU64,
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.counts[place].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Returns the number of durations between each bound and its predecessor. The last number counts durations beyond
    /// all bounds.
    #[must_use]
    pub fn counts(&self) -> [u64; COUNTS] {
        std::array::from_fn(|place| self.counts[place].load(Ordering::Relaxed))
    }

    /// Returns the sum of all durations in microseconds.
    #[must_use]
    pub fn micros(&self) -> u64 {
        self.micros.load(Ordering::Relaxed)
    }
}
