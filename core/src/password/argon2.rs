//! Argon2id (RFC 9106) in PHC strings.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::crypto::{Secret, equal_in_constant_time, make_random};
use crate::failure::Failure;

/// The live cost: the first choice of OWASP's table, 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The most a stored hash may ask for.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 8;

/// A hash that is known to be well-formed and affordable.
pub(super) struct Parsed {
    params: Params,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Parsed {
    /// `None`: malformed, another variant or version, or out of bounds.
    pub(super) fn new(encoded: &str) -> Option<Self> {
        if encoded.len() > 256 || !encoded.starts_with("$argon2id$") {
            return None;
        }
        let hash = PasswordHash::new(encoded).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let affordable =
            params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES && params.p_cost() <= MAX_LANES;
        let plain = params.keyid().is_empty() && params.data().is_empty();
        if hash.version != Some(u32::from(Version::V0x13)) || !affordable || !plain {
            return None;
        }
        let mut buffer = [0; 64];
        let salt = hash.salt?.decode_b64(&mut buffer).ok()?.to_vec();
        let digest = hash.hash?.as_bytes().to_vec();
        (salt.len() >= argon2::MIN_SALT_LEN && (16..=64).contains(&digest.len())).then_some(Self {
            params,
            salt,
            digest,
        })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut made = vec![0; self.digest.len()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        argon2.hash_password_into(password, &self.salt, &mut made).is_ok()
            && equal_in_constant_time(&made, &self.digest)
    }

    /// Less memory, or less work in all, than the live cost. One pass over more memory counts as equal.
    pub(super) fn is_weak(&self) -> bool {
        let work = |memory: u32, passes: u32| u64::from(memory) * u64::from(passes);
        self.params.m_cost() < MEMORY_KIB || work(self.params.m_cost(), self.params.t_cost()) < work(MEMORY_KIB, PASSES)
    }
}

/// A new hash with a salt of its own.
pub(super) fn hash(password: &[u8]) -> Result<Secret<String>, Failure> {
    let failed = |error: argon2::password_hash::Error| Failure::Internal(format!("argon2: {error}"));
    let salt = SaltString::encode_b64(&make_random::<16>()).map_err(failed)?;
    live().hash_password(password, &salt).map(|hash| Secret::new(hash.to_string())).map_err(failed)
}

/// A well-formed hash of nothing.
pub(super) fn dummy() -> Secret<String> {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
    let (salt, digest) = (encode(&make_random::<16>()), encode(&make_random::<32>()));
    Secret::new(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}"))
}

fn live() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the live cost is within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}
