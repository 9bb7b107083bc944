//! Passwords: the policy for new passwords, hashing, and verification at the same cost for known and unknown users.
//!
//! Services call [`Hasher`]. It computes at most as many hashes at once as there are cores ([`Pool`]). For an unknown
//! user, a user without a password and a wrong password it does exactly one verification each.

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
    /// The password matches the hash.
    Match,
    /// The password does not match the hash.
    Mismatch,
}

/// Hashes a new password by the policy's algorithm. It does not check the password's length or strength, see
/// [`Policy::check`].
///
/// # Errors
/// `VALIDATION_ERROR` for a password that bcrypt would not use completely; [`Failure::Internal`] if hashing fails.
pub fn hash(password: &str, policy: &Policy) -> Result<Secret<String>, Failure> {
    policy.check_hashable("password", password)?;
    match policy.algorithm {
        HashAlgorithm::Bcrypt => bcrypt::hash(password.as_bytes(), policy.cost),
        HashAlgorithm::Argon2id => argon2::hash(password.as_bytes()),
    }
}

/// Verifies `password` against `encoded`, a hash of bcrypt (`$2a$`, `$2b$`, `$2y$`), argon2id, argon2i, scrypt or
/// PBKDF2. A malformed hash, or one of an implausible cost, matches no password and takes no time; [`Hasher::verify`]
/// spends that time.
#[must_use]
pub fn verify(password: &str, encoded: &str, policy: &Policy) -> PasswordVerdict {
    match Encoded::parse(encoded, policy) {
        Ok(parsed) if parsed.verify(password) => PasswordVerdict::Match,
        _ => PasswordVerdict::Mismatch,
    }
}

/// Checks that a hash of another system can be verified here.
///
/// # Errors
/// The reason why the hash can't be verified.
pub fn check_stored(encoded: &str, policy: &Policy) -> Result<(), Unusable> {
    Encoded::parse(encoded, policy).map(drop)
}

/// Whether `encoded` is weaker than a hash that the policy would make now. An argon2id hash is never weaker than
/// bcrypt.
#[must_use]
pub fn needs_rehash(encoded: &str, policy: &Policy) -> bool {
    Encoded::parse(encoded, policy).is_ok_and(|parsed| parsed.is_weak(policy))
}

/// Makes a hash at the policy's cost that no password matches. Salt and digest are random, so it is well-formed and its
/// verification takes the full time. A malformed hash would be refused at once, which would reveal unknown users.
#[must_use]
pub fn dummy_hash(policy: &Policy) -> Secret<String> {
    match policy.algorithm {
        HashAlgorithm::Bcrypt => bcrypt::dummy(policy.cost),
        HashAlgorithm::Argon2id => argon2::dummy(),
    }
}

/// The password service: a policy, a pool, and counts of the work.
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
    /// The times from the request for a hash to the beginning of its computation.
    waits: Histogram,
    /// The times that the computations took.
    times: Histogram,
}

impl Hasher {
    /// Makes a hasher on the pool of this process.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::with_pool(policy, Pool::shared())
    }

    /// Makes a hasher on the given pool.
    #[must_use]
    pub fn with_pool(policy: Policy, pool: Arc<Pool>) -> Self {
        let dummy = dummy_hash(&policy);
        Self { policy, dummy, pool, requester: Requester::Host, work: Arc::default() }
    }

    /// Returns the same hasher working for `requester`, whose work takes turns with that for others. By default a
    /// hasher works for the host.
    #[must_use]
    pub fn on_behalf_of(&self, requester: Requester) -> Self {
        Self { requester, ..self.clone() }
    }

    /// Returns the number of hashes that are being computed, and of those that wait.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        (self.pool.running(), self.pool.waiting())
    }

    /// Whether more than half of the places in the queue are taken.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.pool.is_crowded()
    }

    /// Returns the policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the number of verifications that have begun, including those of the dummy hash.
    #[must_use]
    pub fn verifications(&self) -> u64 {
        self.work.verifications.load(Ordering::SeqCst)
    }

    /// Returns the times for which hashes waited before they were computed.
    #[must_use]
    pub fn waits(&self) -> &Histogram {
        &self.work.waits
    }

    /// Returns the times that the computations of hashes took.
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

    /// Whether `password` matches `encoded`. It does not if there is no hash, if the hash is malformed or of an
    /// implausible cost, or if the password is longer than the policy allows; each case takes the same time as a
    /// verification.
    ///
    /// # Errors
    /// [`Failure::HashQueueFull`]; [`Failure::Internal`] if the runtime shuts down.
    pub async fn verify(&self, password: Secret<String>, encoded: Option<Secret<String>>) -> Result<bool, Failure> {
        let Self { policy, dummy, work, .. } = self.clone();
        self.run(move || {
            work.verifications.fetch_add(1, Ordering::SeqCst);
            let stored = encoded.as_ref().and_then(|encoded| Encoded::parse(encoded.expose(), &policy).ok());
            let stored = stored.filter(|_| !policy.is_too_long(password.expose()));
            match stored {
                Some(stored) => verify_at_live_cost(&stored, password.expose(), &policy),
                None => {
                    // The password is cut for the dummy, so that a longer password does not take more time.
                    let shown = password.expose().as_bytes();
                    let shown = &shown[..shown.len().min(bcrypt::MAX_BYTES)];
                    spend(shown, &dummy, &policy);
                    false
                }
            }
        })
        .await
    }

    /// Verifies `password` as [`Hasher::verify`] does, and returns the proof if it matches.
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

    /// Makes a stronger hash of a password that was just verified against `encoded`. `None`: the policy needs no
    /// stronger hash; bcrypt would not use the password completely, as in older versions; or the old hash accepts other
    /// texts too, of which the user may have chosen another. Then the old hash stays.
    ///
    /// # Errors
    /// As [`Hasher::hash`].
    pub async fn rehash(
        &self,
        password: Secret<String>,
        encoded: &Secret<String>,
    ) -> Result<Option<Secret<String>>, Failure> {
        let Ok(stored) = Encoded::parse(encoded.expose(), &self.policy) else { return Ok(None) };
        let is_hashable = self.policy.check_hashable("password", password.expose()).is_ok();
        if !stored.is_weak(&self.policy) || !is_hashable || !stored.is_replaceable(password.expose(), &self.policy) {
            return Ok(None);
        }
        self.hash(password).await.map(Some)
    }
}

/// The proof that a password was verified against a hash. Only [`Hasher::prove`] makes it.
#[derive(Debug)]
pub struct PasswordProof(Secret<String>);

impl PasswordProof {
    /// Returns the hash that the password matched.
    #[must_use]
    pub fn hash(&self) -> &str {
        self.0.expose()
    }

    /// Returns the proof with a stronger hash of the same password.
    #[must_use]
    pub(crate) fn under(self, stronger: Secret<String>) -> Self {
        Self(stronger)
    }
}

/// Verifies at the cost of a new hash. After a mismatch on a cheaper hash it spends the rest of that cost too.
/// Otherwise the time of a login would reveal imported users, and users from before the cost was raised.
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
    // The black box keeps the optimizer from dropping work whose result is not used.
    std::hint::black_box(verified);
}
