//! PBKDF2 (RFC 8018, 5.2), for the hashes of imported users. New hashes are never made by it.

use std::num::NonZeroU32;

use zeroize::Zeroize as _;

use super::phc;
use super::unusable::Unusable;
use crate::crypto::{PbkdfDigest, Secret, derive_by_pbkdf2, equal_in_constant_time};

/// The most iterations of a stored hash, over all blocks of its digest.
const MAX_ITERATIONS: u64 = 4_000_000;

const DIGESTS: [(&str, PbkdfDigest, usize); 4] = [
    ("pbkdf2-sha1", PbkdfDigest::Sha1, 20),
    ("pbkdf2-sha256", PbkdfDigest::Sha256, 32),
    ("pbkdf2-sha384", PbkdfDigest::Sha384, 48),
    ("pbkdf2-sha512", PbkdfDigest::Sha512, 64),
];

/// Writes the stored form of a hash.
#[must_use]
pub fn encode_pbkdf2(digest: PbkdfDigest, iterations: u32, salt: &[u8], hash: &[u8]) -> Secret<String> {
    let id = DIGESTS.iter().find(|(_, one, _)| *one == digest).map_or("", |(id, ..)| id);
    phc::write(id, ["i"], [iterations], salt, hash)
}

/// A hash that is known to be well-formed and affordable.
pub(super) struct Parsed {
    digest: PbkdfDigest,
    iterations: NonZeroU32,
    /// The iterations over all blocks of the digest.
    pub(super) work: u64,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Parsed {
    /// Parses a hash. The parameter `l` for the length, which other libraries write beside the iterations, is accepted.
    pub(super) fn new(encoded: &str) -> Result<Self, Unusable> {
        let parsed = DIGESTS.iter().find_map(|(id, digest, block)| {
            let with_length = || phc::parse(encoded, id, ["i", "l"]).filter(is_length);
            let parts = with_length().map(|parts| (parts.numbers[0], parts.salt, parts.digest));
            let parts = parts
                .or_else(|| phc::parse(encoded, id, ["i"]).map(|parts| (parts.numbers[0], parts.salt, parts.digest)));
            Some((*digest, *block, parts?))
        });
        let (digest, block, (iterations, salt, hash)) = parsed.ok_or(Unusable::Malformed)?;
        let iterations = NonZeroU32::new(iterations).ok_or(Unusable::Malformed)?;
        if !(16..=64).contains(&hash.len()) {
            return Err(Unusable::Malformed);
        }
        let work = u64::from(iterations.get()) * hash.len().div_ceil(block) as u64;
        if work > MAX_ITERATIONS {
            return Err(Unusable::Dear);
        }
        Ok(Self { digest, iterations, work, salt, hash })
    }

    /// Whether an iteration is of SHA-384 or SHA-512, which takes longer.
    pub(super) const fn is_long(&self) -> bool {
        matches!(self.digest, PbkdfDigest::Sha384 | PbkdfDigest::Sha512)
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut made = vec![0; self.hash.len()];
        derive_by_pbkdf2(self.digest, self.iterations, &self.salt, password, &mut made);
        let matches = equal_in_constant_time(&made, &self.hash);
        made.zeroize();
        matches
    }
}

fn is_length(parts: &phc::Parts<2>) -> bool {
    usize::try_from(parts.numbers[1]) == Ok(parts.digest.len())
}
