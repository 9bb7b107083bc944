//! Passwords: what they must be, how they are hashed, and that a wrong one costs as much as an unknown user.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::crypto::{self, Secret};
use crate::failure::Failure;

pub mod blocklist;
pub mod hash;
pub mod policy;
pub mod pool;

use policy::Policy;

/// Hashes and verifies under one policy, on the process-wide pool.
#[derive(Debug, Clone)]
pub struct Hasher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    policy: Policy,
    dummy: OnceLock<Secret<String>>,
    verifications: AtomicU64,
}

impl Hasher {
    /// A hasher for a policy. The dummy hash is made at the first failing login that needs it.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self(Arc::new(Inner { policy, dummy: OnceLock::new(), verifications: AtomicU64::new(0) }))
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Failure::HashQueueFull`]; `Internal` for a password that the policy would have refused.
    pub async fn hash(&self, password: Secret<String>) -> Result<Secret<String>, Failure> {
        let inner = Arc::clone(&self.0);
        pool::run(move || hash::make(&password, &inner.policy)).await?.map_err(Failure::Internal)
    }

    /// Whether `password` belongs to `encoded`. Without a hash, or with one that can't be verified, a dummy of the live
    /// cost is verified instead and the answer is no: exactly one verification on every path.
    ///
    /// # Errors
    /// [`Failure::HashQueueFull`].
    pub async fn verify(&self, password: Secret<String>, encoded: Option<Secret<String>>) -> Result<bool, Failure> {
        let inner = Arc::clone(&self.0);
        pool::run(move || {
            let real = encoded.as_ref().filter(|hash| hash::is_verifiable(hash.expose(), &inner.policy));
            let matches = match real.or_else(|| inner.dummy()) {
                Some(hash) => hash::verify(&password, hash.expose()),
                None => false,
            };
            inner.verifications.fetch_add(1, Ordering::SeqCst);
            matches && real.is_some()
        })
        .await
    }

    /// Whether a stored hash is weaker than the policy; `password` is the one it was verified with.
    #[must_use]
    pub fn needs_rehash(&self, encoded: &str, password: &str) -> bool {
        hash::needs_rehash(encoded, password, &self.0.policy)
    }

    /// How many verifications have run, dummies included.
    #[must_use]
    pub fn verifications(&self) -> u64 {
        self.0.verifications.load(Ordering::SeqCst)
    }

    /// Makes the dummy hash ahead of the first failing login, so that even that one takes no longer than others.
    ///
    /// # Errors
    /// [`Failure::HashQueueFull`].
    pub async fn warm_up(&self) -> Result<(), Failure> {
        let inner = Arc::clone(&self.0);
        pool::run(move || inner.dummy().is_some()).await.map(|_| ())
    }
}

impl Inner {
    /// A valid hash of a password that nobody knows. A malformed one would be refused in no time and tell unknown
    /// users from known ones.
    fn dummy(&self) -> Option<&Secret<String>> {
        if let Some(dummy) = self.dummy.get() {
            return Some(dummy);
        }
        let nobody = Secret::new(crypto::to_base64url(&crypto::make_random::<24>()));
        let made = hash::make(&nobody, &self.policy).ok()?;
        Some(self.dummy.get_or_init(|| made))
    }
}
