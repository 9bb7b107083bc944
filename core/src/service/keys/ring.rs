//! The key ring of a realm in memory, and the state of its reloads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::{Mutex, RwLock};
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
    /// The reason for which the last reload failed, unless the database was away.
    trouble: Mutex<Option<String>>,
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
            trouble: Mutex::new(None),
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

    /// Takes the ring of another realm over, as old as it is there.
    pub(super) fn take_over(&self, before: &Self) {
        *self.ring.write() = before.get();
        self.loaded_at.store(before.loaded_at.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Whether the last reload failed although the database was there. The ring then lacks new keys, and still holds
    /// keys that were deleted.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.trouble.lock().is_some()
    }

    /// Notes the reason for which a reload failed, or that it succeeded. Returns whether the reason is a new one.
    pub(super) fn note_trouble(&self, trouble: Option<String>) -> bool {
        let mut known = self.trouble.lock();
        let is_new = trouble.is_some() && *known != trouble;
        *known = trouble;
        is_new
    }

    /// Replaces the ring. Returns whether the new ring lacks a key of the old one.
    pub(super) fn set(&self, ring: KeyRing, now: Millis) -> bool {
        let ring = Arc::new(ring);
        let before = self.ring.write().replace(Arc::clone(&ring));
        self.loaded_at.store(now, Ordering::SeqCst);
        before.is_some_and(|before| before.kids().any(|kid| !ring.knows_kid(kid)))
    }
}
