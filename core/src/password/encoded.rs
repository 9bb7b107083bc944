//! Stored hashes of every kind: parses them, and estimates the work of their verification.

use super::policy::{HashAlgorithm, Policy};
use super::unusable::Unusable;
use super::{argon2, bcrypt, pbkdf2, phc, scrypt};

/// A stored hash that is well-formed and affordable.
pub(super) enum Encoded {
    Bcrypt(bcrypt::Parsed),
    Argon2(argon2::Parsed),
    Scrypt(scrypt::Parsed),
    Pbkdf2(pbkdf2::Parsed),
}

impl Encoded {
    /// Refuses a hash that is malformed, of another kind, or of an implausible cost. An attacker who can write hashes
    /// into the database must not be able to make a login take minutes or gigabytes.
    pub(super) fn parse(encoded: &str, policy: &Policy) -> Result<Self, Unusable> {
        if encoded.len() > phc::MAX_LENGTH {
            return Err(Unusable::Malformed);
        }
        match encoded.strip_prefix('$').and_then(|rest| rest.split_once('$')).map(|(id, _)| id) {
            Some("2a" | "2b" | "2y") => bcrypt::Parsed::new(encoded, policy.highest_cost()).map(Self::Bcrypt),
            Some("argon2id" | "argon2i") => argon2::Parsed::new(encoded).map(Self::Argon2),
            Some(id) if id.starts_with("scrypt") => scrypt::Parsed::new(encoded).map(Self::Scrypt),
            Some(id) if id.starts_with("pbkdf2-") => pbkdf2::Parsed::new(encoded).map(Self::Pbkdf2),
            _ => Err(Unusable::Unknown),
        }
    }

    pub(super) fn verify(&self, password: &str) -> bool {
        match self {
            Self::Bcrypt(parsed) => parsed.verify(password.as_bytes()),
            Self::Argon2(parsed) => parsed.verify(password.as_bytes()),
            Self::Scrypt(parsed) => parsed.verify(password),
            Self::Pbkdf2(parsed) => parsed.verify(password.as_bytes()),
        }
    }

    /// Whether the policy would make a stronger hash now. Kinds that sentri does not make count as weak, and argon2id
    /// is never weaker than bcrypt.
    pub(super) fn is_weak(&self, policy: &Policy) -> bool {
        match (self, policy.algorithm) {
            (Self::Bcrypt(parsed), HashAlgorithm::Bcrypt) => parsed.cost < policy.cost,
            (Self::Argon2(parsed), HashAlgorithm::Argon2id) => parsed.is_weak(),
            (Self::Argon2(parsed), HashAlgorithm::Bcrypt) => parsed.is_other_variant(),
            (Self::Bcrypt(_), HashAlgorithm::Argon2id) | (Self::Scrypt(_) | Self::Pbkdf2(_), _) => true,
        }
    }

    /// Whether a new hash of a password that matches accepts all texts that this hash accepts. It would otherwise bind
    /// a typo behind the 72nd byte, or a single form of several, and refuse the text that the user chose.
    pub(super) fn is_replaceable(&self, password: &str, policy: &Policy) -> bool {
        match self {
            Self::Bcrypt(_) if policy.algorithm == HashAlgorithm::Bcrypt => true,
            Self::Bcrypt(_) => password.len() < bcrypt::MAX_BYTES && !password.contains('\0'),
            Self::Scrypt(parsed) => !parsed.is_normalizing() || password.is_ascii(),
            Self::Argon2(_) | Self::Pbkdf2(_) => true,
        }
    }

    /// Returns the work of a verification, in the unit of [`live_work`].
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Bcrypt(parsed) => bcrypt_work(parsed.cost),
            Self::Argon2(parsed) => parsed.work() * NS_OF_ARGON2_KIB,
            Self::Scrypt(parsed) => parsed.work / 1024 * NS_OF_SCRYPT_KIB,
            Self::Pbkdf2(parsed) => parsed.work * if parsed.is_long() { NS_OF_LONG_ITERATION } else { NS_OF_ITERATION },
        }
    }
}

/// Nanoseconds on a processor of 2025 for a round of bcrypt, a pass of argon2 over a KiB, scrypt over a KiB, and an
/// iteration of PBKDF2 with SHA-256 and with SHA-512. Only their proportions matter.
const NS_OF_ROUND: u64 = 60_000;
const NS_OF_ARGON2_KIB: u64 = 600;
const NS_OF_SCRYPT_KIB: u64 = 2_200;
const NS_OF_ITERATION: u64 = 180;
const NS_OF_LONG_ITERATION: u64 = 700;

const fn bcrypt_work(cost: u32) -> u64 {
    NS_OF_ROUND << cost
}

/// Returns the work of a hash that the policy makes now.
pub(super) fn live_work(policy: &Policy) -> u64 {
    match policy.algorithm {
        HashAlgorithm::Bcrypt => bcrypt_work(policy.cost),
        HashAlgorithm::Argon2id => argon2::LIVE_WORK * NS_OF_ARGON2_KIB,
    }
}

/// Spends this much work by the policy's algorithm, and drops the result. With bcrypt the work is composed of hashes of
/// lower costs, each of which is a power of two in rounds. For example, from a stored cost c to the policy's cost C,
/// 2^c + 2^(c+1) + .. + 2^(C-1) rounds are missing.
pub(super) fn spend_work(password: &[u8], work: u64, policy: &Policy) {
    match policy.algorithm {
        HashAlgorithm::Bcrypt => {
            let rounds = work / NS_OF_ROUND;
            for cost in (bcrypt::LOWEST_COST..policy.cost).filter(|cost| rounds >> cost & 1 == 1) {
                bcrypt::spend(password, cost);
            }
        }
        HashAlgorithm::Argon2id => argon2::spend(password, work / NS_OF_ARGON2_KIB),
    }
}
