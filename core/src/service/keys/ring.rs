//! The key ring of a realm in memory, and the state of its reloads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::RwLock;
use tokio::sync::Notify;

use crate::clock::Millis;
use crate::config::Signing;
use crate::error::{Error, ErrorCode};
use crate::token::keyring::KeyRing;

/// The key ring, which may not be loaded yet.
#[derive(Debug)]
pub struct Keys {
    ring: RwLock<Option<Arc<KeyRing>>>,
    pub(super) loaded_at: AtomicI64,
    pub(super) reloading: AtomicBool,
    /// Notified after every reload.
    pub(super) looked: Notify,
}

impl Keys {
    /// Makes the ring of a fixed secret at once. [`load`](super::load) loads stored and ephemeral keys later.
    #[must_use]
    pub fn new(signing: &Signing) -> Self {
        let ring = match signing {
            Signing::Fixed(ring) => Some(Arc::clone(ring)),
            Signing::Stored(_) | Signing::Ephemeral(_) => None,
        };
        Self {
            ring: RwLock::new(ring),
            loaded_at: AtomicI64::new(0),
            reloading: AtomicBool::new(false),
            looked: Notify::new(),
        }
    }

    /// Returns the ring, or `None` before it is loaded.
    #[must_use]
    pub fn get(&self) -> Option<Arc<KeyRing>> {
        self.ring.read().clone()
    }

    /// Returns the ring, or fails before it is loaded.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` with the cure.
    pub fn require(&self) -> Result<Arc<KeyRing>, Error> {
        self.get().ok_or_else(|| {
            Error::new(ErrorCode::ServiceUnavailable, "The signing keys are not loaded yet: await auth.ready() first")
        })
    }

    /// Replaces the ring. Returns whether the new ring lacks a key of the old one.
    pub(super) fn set(&self, ring: KeyRing, now: Millis) -> bool {
        let ring = Arc::new(ring);
        let before = self.ring.write().replace(Arc::clone(&ring));
        self.loaded_at.store(now, Ordering::SeqCst);
        before.is_some_and(|before| before.kids().any(|kid| !ring.knows_kid(kid)))
    }
}
