//! The counter that makes caches forget at once.

use std::sync::Arc;

use crate::sync::atomic::{AtomicU32, Ordering};

/// Grows whenever what was found out before may be wrong now; whatever was cached under another epoch is stale.
#[derive(Debug, Clone)]
pub struct Epoch(Arc<AtomicU32>);

impl Default for Epoch {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(1)))
    }
}

impl Epoch {
    /// The present epoch.
    #[must_use]
    pub fn now(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// Begins another one.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// The counter itself, for a host that reads it where it lies.
    #[must_use]
    pub fn shared(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.0)
    }
}
