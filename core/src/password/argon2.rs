//! Argon2id (RFC 9106) as PHC strings, and argon2i for imported users.

use argon2::password_hash::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use parking_lot::Mutex;

use super::unusable::Unusable;
use crate::crypto::{Secret, equal_in_constant_time, make_random};
use crate::failure::Failure;

/// The cost of new hashes: 19 MiB, two passes and one lane, as the OWASP Password Storage Cheat Sheet recommends.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The memory in KiB times the passes.
pub(super) const LIVE_WORK: u64 = MEMORY_KIB as u64 * PASSES as u64;

/// The highest costs of a stored hash that is verified.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 8;

/// A hash that is known to be well-formed and affordable.
pub(super) struct Parsed {
    algorithm: Algorithm,
    params: Params,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Parsed {
    /// Refuses a hash that is malformed, of another variant or version, or out of bounds.
    pub(super) fn new(encoded: &str) -> Result<Self, Unusable> {
        let parsed = Self::parse(encoded).ok_or(Unusable::Malformed)?;
        let (memory, passes, lanes) = (parsed.params.m_cost(), parsed.params.t_cost(), parsed.params.p_cost());
        if memory > MAX_MEMORY_KIB || passes > MAX_PASSES || lanes > MAX_LANES {
            return Err(Unusable::Dear);
        }
        Ok(parsed)
    }

    fn parse(encoded: &str) -> Option<Self> {
        let hash = PasswordHash::new(encoded).ok()?;
        let algorithm = match hash.algorithm.as_str() {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            _ => return None,
        };
        // The parser below takes the last of two parameters of the same name, and other parsers may take the first, so
        // duplicates are refused.
        let mut names: Vec<_> = hash.params.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        let params = Params::try_from(&hash).ok()?;
        let plain = params.keyid().is_empty() && params.data().is_empty();
        if hash.version != Some(u32::from(Version::V0x13)) || !plain {
            return None;
        }
        let mut buffer = [0; 64];
        let salt = hash.salt?.decode_b64(&mut buffer).ok()?.to_vec();
        let digest = hash.hash?.as_bytes().to_vec();
        (salt.len() >= argon2::MIN_SALT_LEN && (16..=64).contains(&digest.len())).then_some(Self {
            algorithm,
            params,
            salt,
            digest,
        })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut made = vec![0; self.digest.len()];
        digest_into(&mut made, password, &self.salt, &self.params, self.algorithm).is_ok()
            && equal_in_constant_time(&made, &self.digest)
    }

    /// The memory in KiB times the passes.
    pub(super) fn work(&self) -> u64 {
        u64::from(self.params.m_cost()) * u64::from(self.params.t_cost())
    }

    /// Whether the hash is of a variant that sentri does not make.
    pub(super) fn is_other_variant(&self) -> bool {
        self.algorithm != Algorithm::Argon2id
    }

    /// Whether the hash is of another variant, or has less memory or less work in total than a new hash. A single pass
    /// over more memory counts as equal.
    pub(super) fn is_weak(&self) -> bool {
        self.is_other_variant() || self.params.m_cost() < MEMORY_KIB || self.work() < LIVE_WORK
    }
}

/// Hashes a password with a new salt.
pub(super) fn hash(password: &[u8]) -> Result<Secret<String>, Failure> {
    let failed = |error: argon2::Error| Failure::Internal(format!("argon2: {error}"));
    let (salt, mut digest) = (make_random::<16>(), [0; 32]);
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(digest.len())).map_err(failed)?;
    digest_into(&mut digest, password, &salt, &params, Algorithm::Argon2id).map_err(failed)?;
    Ok(encode(&salt, &digest))
}

/// Makes a well-formed hash that no password matches.
pub(super) fn dummy() -> Secret<String> {
    encode(&make_random::<16>(), &make_random::<32>())
}

/// Writes a PHC string at the cost of new hashes.
fn encode(salt: &[u8], digest: &[u8]) -> Secret<String> {
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
    Secret::new(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}"))
}

/// Working memory of finished hashes, which the next hashes use. There are as many pieces as hashes ever ran at once,
/// which is one per core. If the memory were freed, an allocator would keep some for each thread that a burst of logins
/// starts.
static SPARE: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// Spends the work of a hash, as passes over a KiB, and drops the result.
pub(super) fn spend(password: &[u8], work: u64) {
    let memory = u32::try_from(work / u64::from(PASSES)).unwrap_or(MEMORY_KIB).min(MEMORY_KIB);
    let Ok(params) = Params::new(memory, PASSES, LANES, None) else { return };
    let mut digest = [0; 32];
    let made = digest_into(&mut digest, password, &make_random::<16>(), &params, Algorithm::Argon2id);
    // The black box keeps the optimizer from dropping work whose result is not used.
    let _ = std::hint::black_box((made, digest));
}

fn digest_into(
    digest: &mut [u8],
    password: &[u8],
    salt: &[u8],
    params: &Params,
    algorithm: Algorithm,
) -> Result<(), argon2::Error> {
    let blocks = params.block_count();
    let mut memory = SPARE.lock().pop().unwrap_or_default();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let argon2 = Argon2::new(algorithm, Version::V0x13, params.clone());
    let result = argon2.hash_password_into_with_memory(password, salt, digest, &mut memory[..blocks]);
    // Memory of a hash with a higher cost is freed.
    if memory.len() <= MEMORY_KIB as usize {
        SPARE.lock().push(memory);
    }
    result
}
