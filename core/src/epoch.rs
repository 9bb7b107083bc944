//! The counter by which caches notice at once that their values are stale.

use std::sync::Arc;

use crate::sync::atomic::{AtomicU32, Ordering};

/// A counter that grows whenever earlier results may have become wrong. A value that was cached under another epoch is
/// stale.
#[derive(Debug, Clone)]
pub struct Epoch(Arc<AtomicU32>);

impl Default for Epoch {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(1)))
    }
}

impl Epoch {
    /// Returns the present epoch.
    #[must_use]
    pub fn now(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// Begins a new epoch, so that all cached values are stale.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Sets the epoch to the one after that of another counter, so that no value cached under that counter is fresh.
    pub fn follow(&self, before: &Self) {
        self.0.store(before.now().wrapping_add(1), Ordering::SeqCst);
    }

    /// Returns the counter itself, for a host that reads it from memory.
    #[must_use]
    pub fn shared(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.0)
    }
}
