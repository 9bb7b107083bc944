//! The key ring of a realm in memory, and the times of the looks for newer keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::RwLock;
use tokio::sync::Notify;

use crate::clock::Millis;
use crate::config::Signing;
use crate::error::{Error, ErrorCode};
use crate::token::keyring::KeyRing;

/// The key ring, once it is there.
#[derive(Debug)]
pub struct Keys {
    ring: RwLock<Option<Arc<KeyRing>>>,
    pub(super) loaded_at: AtomicI64,
    pub(super) reloading: AtomicBool,
    /// Notified after every look.
    pub(super) looked: Notify,
}

impl Keys {
    /// The ring of a fixed secret is there at once; stored and ephemeral keys come with [`load`](super::load).
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

    /// The ring, when it is there.
    #[must_use]
    pub fn get(&self) -> Option<Arc<KeyRing>> {
        self.ring.read().clone()
    }

    /// The ring, for a caller that can't wait for it.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` that names the cure.
    pub fn require(&self) -> Result<Arc<KeyRing>, Error> {
        self.get().ok_or_else(|| {
            Error::new(ErrorCode::ServiceUnavailable, "The signing keys are not loaded yet: await auth.ready() first")
        })
    }

    /// Takes a ring over; whether keys have gone that were there before.
    pub(super) fn set(&self, ring: KeyRing, now: Millis) -> bool {
        let ring = Arc::new(ring);
        let before = self.ring.write().replace(Arc::clone(&ring));
        self.loaded_at.store(now, Ordering::SeqCst);
        before.is_some_and(|before| before.kids().any(|kid| !ring.knows_kid(kid)))
    }
}
