//! Passwords: the policy for new ones, hashing, and verification that costs the same for every user, known or not.
//!
//! Services call [`Hasher`]. It runs on a [`Pool`] of at most as many threads as there are cores, and gives an unknown
//! user, a user without a password and a wrong password exactly one verification each.

mod argon2;
mod bcrypt;
mod blocklist;
mod encoded;
pub mod fair;
mod pbkdf2;
mod phc;
mod policy;
mod pool;
mod scrypt;
mod unusable;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

pub use bcrypt::LOWEST_COST;
pub use blocklist::is_common;
pub use fair::Requester;
pub use pbkdf2::encode_pbkdf2;
pub use policy::{HashAlgorithm, Policy};
pub use pool::Pool;
pub use scrypt::{ScryptCost, ScryptKind, encode_scrypt};
pub use unusable::Unusable;

use encoded::{Encoded, live_work, spend_work};

use crate::crypto::Secret;
use crate::failure::Failure;
use crate::histogram::Histogram;

/// The result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// It is the password.
    Match,
    /// It is not.
    Mismatch,
}

/// Hashes a new password by the policy's algorithm. Does not judge it: see [`Policy::check`].
///
/// # Errors
/// `VALIDATION_ERROR` for a password that bcrypt would truncate; [`Failure::Internal`] when hashing fails.
pub fn hash(password: &str, policy: &Policy) -> Result<Secret<String>, Failure> {
    policy.check_hashable("password", password)?;
    match policy.algorithm {
        HashAlgorithm::Bcrypt => bcrypt::hash(password.as_bytes(), policy.cost),
        HashAlgorithm::Argon2id => argon2::hash(password.as_bytes()),
    }
}

/// Verifies `password` against `encoded`: bcrypt (`$2a$`, `$2b$`, `$2y$`), argon2id and argon2i, scrypt, PBKDF2. A
/// malformed or hostile hash matches nothing and costs nothing: [`Hasher::verify`] spends the time.
#[must_use]
pub fn verify(password: &str, encoded: &str, policy: &Policy) -> PasswordVerdict {
    match Encoded::parse(encoded, policy) {
        Ok(parsed) if parsed.verify(password) => PasswordVerdict::Match,
        _ => PasswordVerdict::Mismatch,
    }
}

/// Whether a hash of another system's would be verified here.
///
/// # Errors
/// The reason why not.
pub fn check_stored(encoded: &str, policy: &Policy) -> Result<(), Unusable> {
    Encoded::parse(encoded, policy).map(drop)
}

/// Whether `encoded` is weaker than the policy would make it now. Never true from argon2id to bcrypt.
#[must_use]
pub fn needs_rehash(encoded: &str, policy: &Policy) -> bool {
    Encoded::parse(encoded, policy).is_ok_and(|parsed| parsed.is_weak(policy))
}

/// A hash at the policy's cost that no password matches: salt and digest are random, so it is well-formed and takes the
/// full time. A malformed hash would answer at once and so distinguish unknown users from known users.
#[must_use]
pub fn dummy_hash(policy: &Policy) -> Secret<String> {
    match policy.algorithm {
        HashAlgorithm::Bcrypt => bcrypt::dummy(policy.cost),
        HashAlgorithm::Argon2id => argon2::dummy(),
    }
}

/// The password service: a policy, a pool, and counts of the work done.
#[derive(Debug, Clone)]
pub struct Hasher {
    policy: Policy,
    dummy: Secret<String>,
    pool: Arc<Pool>,
    requester: Requester,
    work: Arc<Work>,
}

/// The work that a hasher has done.
#[derive(Debug, Default)]
struct Work {
    verifications: AtomicU64,
    /// From the request for a hash to the beginning of its computation.
    waits: Histogram,
    /// From there to its end.
    times: Histogram,
}

impl Hasher {
    /// A hasher on the pool of this process.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::with_pool(policy, Pool::shared())
    }

    /// A hasher on a pool of its own.
    #[must_use]
    pub fn with_pool(policy: Policy, pool: Arc<Pool>) -> Self {
        let dummy = dummy_hash(&policy);
        Self { policy, dummy, pool, requester: Requester::Host, work: Arc::default() }
    }

    /// The same hasher at work for `requester`, in turns with the work for others. Without this call it is the host's
    /// own.
    #[must_use]
    pub fn on_behalf_of(&self, requester: Requester) -> Self {
        Self { requester, ..self.clone() }
    }

    /// The number of hashes that are computed at this moment, and of those that wait.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        (self.pool.running(), self.pool.waiting())
    }

    /// Whether more than half of the places to wait in are taken.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.pool.is_crowded()
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The number of verifications that have begun, dummies included.
    #[must_use]
    pub fn verifications(&self) -> u64 {
        self.work.verifications.load(Ordering::SeqCst)
    }

    /// The times that hashes waited before they were computed.
    #[must_use]
    pub fn waits(&self) -> &Histogram {
        &self.work.waits
    }

    /// The times that hashes took to compute.
    #[must_use]
    pub fn times(&self) -> &Histogram {
        &self.work.times
    }

    /// Runs the computation of a hash on the pool, and counts its wait and its time.
    async fn run<T: Send + 'static>(&self, compute: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let (work, asked) = (Arc::clone(&self.work), Instant::now());
        let timed = move || {
            let started = Instant::now();
            work.waits.record(started.duration_since(asked));
            let computed = compute();
            work.times.record(started.elapsed());
            computed
        };
        self.pool.run_for(self.requester, timed).await
    }

    /// Hashes a new password that [`Policy::check`] has passed.
    ///
    /// # Errors
    /// As [`hash`]; [`Failure::HashQueueFull`].
    pub async fn hash(&self, password: Secret<String>) -> Result<Secret<String>, Failure> {
        let policy = self.policy.clone();
        self.run(move || hash(password.expose(), &policy)).await?
    }

    /// Whether `password` fits `encoded`. Without a hash, with a malformed or hostile hash, and for a password longer
    /// than the policy admits, it does not, at the same cost.
    ///
    /// # Errors
    /// [`Failure::HashQueueFull`]; [`Failure::Internal`] when the runtime is going down.
    pub async fn verify(&self, password: Secret<String>, encoded: Option<Secret<String>>) -> Result<bool, Failure> {
        let Self { policy, dummy, work, .. } = self.clone();
        self.run(move || {
            work.verifications.fetch_add(1, Ordering::SeqCst);
            let stored = encoded.as_ref().and_then(|encoded| Encoded::parse(encoded.expose(), &policy).ok());
            let stored = stored.filter(|_| !policy.is_too_long(password.expose()));
            match stored {
                Some(stored) => verify_at_live_cost(&stored, password.expose(), &policy),
                None => {
                    // An overlong password is cut for the dummy: its length must not buy computing time.
                    let shown = password.expose().as_bytes();
                    let shown = &shown[..shown.len().min(bcrypt::MAX_BYTES)];
                    spend(shown, &dummy, &policy);
                    false
                }
            }
        })
        .await
    }

    /// Verifies `password` as [`Hasher::verify`] does, and returns the proof of it where it fits.
    ///
    /// # Errors
    /// As [`Hasher::verify`].
    pub async fn prove(
        &self,
        password: Secret<String>,
        encoded: Option<Secret<String>>,
    ) -> Result<Option<PasswordProof>, Failure> {
        let matches = self.verify(password, encoded.clone()).await?;
        Ok(encoded.filter(|_| matches).map(PasswordProof))
    }

    /// Whether a login should replace this hash. See [`needs_rehash`].
    #[must_use]
    pub fn needs_rehash(&self, encoded: &Secret<String>) -> bool {
        needs_rehash(encoded.expose(), &self.policy)
    }

    /// A stronger hash of a password that was just verified against `encoded`, where the policy asks for one. `None`
    /// as well for a password that bcrypt would not use to the last byte (it once was truncated): its old hash stays.
    ///
    /// # Errors
    /// As [`Hasher::hash`].
    pub async fn rehash(
        &self,
        password: Secret<String>,
        encoded: &Secret<String>,
    ) -> Result<Option<Secret<String>>, Failure> {
        if !self.needs_rehash(encoded) || self.policy.check_hashable("password", password.expose()).is_err() {
            return Ok(None);
        }
        self.hash(password).await.map(Some)
    }
}

/// The proof that a password was verified against a hash, made by [`Hasher::prove`] alone.
#[derive(Debug)]
pub struct PasswordProof(Secret<String>);

impl PasswordProof {
    /// The hash that the password fitted.
    #[must_use]
    pub fn hash(&self) -> &str {
        self.0.expose()
    }

    /// The same proof under a stronger hash of the same password.
    #[must_use]
    pub(crate) fn under(self, stronger: Secret<String>) -> Self {
        Self(stronger)
    }
}

/// Verifies at the cost of a live hash. A mismatch on a cheaper hash spends the rest of a live verification too, or the
/// time of a login would reveal imported users and users from before the cost was raised.
fn verify_at_live_cost(stored: &Encoded, password: &str, policy: &Policy) -> bool {
    let matches = stored.verify(password);
    if !matches {
        spend_work(password.as_bytes(), live_work(policy).saturating_sub(stored.work()), policy);
    }
    matches
}

fn spend(password: &[u8], dummy: &Secret<String>, policy: &Policy) {
    let verified = match Encoded::parse(dummy.expose(), policy) {
        Ok(Encoded::Bcrypt(parsed)) => parsed.verify(password),
        Ok(Encoded::Argon2(parsed)) => parsed.verify(password),
        Ok(_) | Err(_) => false,
    };
    // Keeps the optimiser from dropping work whose outcome is not used.
    std::hint::black_box(verified);
}
