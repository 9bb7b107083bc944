//! bcrypt, as sentri 5 used it. Hashes of `$2a$`, `$2b$` and `$2y$` are verified, and new hashes are `$2b$`.

use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use bcrypt::HashParts;

use super::unusable::Unusable;
use crate::crypto::{Secret, equal_in_constant_time, make_random};
use crate::failure::Failure;

/// The lowest cost of bcrypt.
pub const LOWEST_COST: u32 = 4;
/// The bytes of a password that bcrypt uses.
pub(super) const MAX_BYTES: usize = 72;

const BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD);

/// A hash that is known to be well-formed.
pub(super) struct Parsed {
    pub(super) cost: u32,
    salt: [u8; 16],
    /// The last 31 of the 60 characters.
    digest: [u8; 31],
}

impl Parsed {
    pub(super) fn new(encoded: &str, highest_cost: u32) -> Result<Self, Unusable> {
        let parsed = Self::parse(encoded).ok_or(Unusable::Malformed)?;
        if parsed.cost > highest_cost { Err(Unusable::Dear) } else { Ok(parsed) }
    }

    fn parse(encoded: &str) -> Option<Self> {
        let digits = encoded.get(4..6)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let parts = encoded.parse::<HashParts>().ok()?;
        let cost = parts.get_cost();
        let digest = encoded.as_bytes().get(29..60)?.try_into().ok()?;
        (cost >= LOWEST_COST).then(|| Self { cost, salt: parts.get_salt_raw(), digest })
    }

    /// Verifies a password. Of a longer password only the first 72 bytes count, as they did when sentri 5 made the
    /// hash, so that users who chose longer passwords then can still log in. New passwords of that length are refused.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let Ok(made) = bcrypt::hash_with_salt(cut(password), self.cost, self.salt) else { return false };
        let made = Secret::new(made.to_string());
        equal_in_constant_time(&made.expose().as_bytes()[29..], &self.digest)
    }
}

/// Hashes a password with a new salt. The caller has checked that every byte of the password counts.
pub(super) fn hash(password: &[u8], cost: u32) -> Result<Secret<String>, Failure> {
    bcrypt::hash_with_salt(password, cost, make_random())
        .map(|parts| Secret::new(parts.to_string()))
        .map_err(|error| Failure::Internal(format!("bcrypt: {error}")))
}

/// Makes a well-formed hash that no password matches.
pub(super) fn dummy(cost: u32) -> Secret<String> {
    let salt = BASE64.encode(make_random::<16>());
    let digest = BASE64.encode(make_random::<23>());
    Secret::new(format!("$2b${cost:02}${salt}{digest}"))
}

/// Spends the time of a hash and drops the result.
pub(super) fn spend(password: &[u8], cost: u32) {
    let made = bcrypt::hash_with_salt(cut(password), cost, make_random());
    drop(std::hint::black_box(made));
}

fn cut(password: &[u8]) -> &[u8] {
    &password[..password.len().min(MAX_BYTES)]
}
