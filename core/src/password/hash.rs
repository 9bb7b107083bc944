//! The two kinds of hashes. Both always verify; which one is made is the policy's choice.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Argon2, Params, Version};

use super::policy::{Algorithm, BCRYPT_MAX_BYTES, Policy};
use crate::crypto::{self, Secret};

/// OWASP password storage cheat sheet, argon2id: memory in KiB, passes, lanes.
const ARGON2: (u32, u32, u32) = (19_456, 2, 1);

/// The most that a stored argon2 hash may ask of this machine: memory in KiB, passes, lanes. A hash with more was not
/// made by us, and would be a way to stop the server.
const ARGON2_MAX: (u32, u32, u32) = (262_144, 16, 8);

/// The most that a stored bcrypt hash may ask, unless the policy itself asks for more: 16 takes four seconds.
const BCRYPT_MAX_COST: u32 = 16;

/// Makes a hash. Takes as long as the policy wants; call it on a pool.
///
/// # Errors
/// A sentence without the password, when the password does not fit the algorithm (the policy refuses it before).
pub fn make(password: &Secret<String>, policy: &Policy) -> Result<Secret<String>, String> {
    let password = password.expose().as_bytes();
    match policy.algorithm {
        Algorithm::Bcrypt { cost } => {
            if password.len() > BCRYPT_MAX_BYTES {
                return Err("the password is longer than bcrypt can take".to_owned());
            }
            let hash = bcrypt::hash_with_salt(password, cost, crypto::make_random::<16>());
            hash.map(|parts| Secret::new(parts.to_string())).map_err(|error| format!("bcrypt: {error}"))
        }
        Algorithm::Argon2id => {
            let salt = SaltString::encode_b64(&crypto::make_random::<16>()).map_err(|error| error.to_string())?;
            let hash = argon2id()?.hash_password(password, &salt);
            hash.map(|hash| Secret::new(hash.to_string())).map_err(|error| format!("argon2: {error}"))
        }
    }
}

fn argon2id() -> Result<Argon2<'static>, String> {
    let (memory, passes, lanes) = ARGON2;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, params))
}

/// Whether a stored hash is one that can be verified within bounds. One that is not must cost a dummy verification.
#[must_use]
pub fn is_verifiable(encoded: &str, policy: &Policy) -> bool {
    if let Some(cost) = bcrypt_cost(encoded) {
        let own = match policy.algorithm {
            Algorithm::Bcrypt { cost } => cost,
            Algorithm::Argon2id => 0,
        };
        return (4..=BCRYPT_MAX_COST.max(own)).contains(&cost);
    }
    argon2_params(encoded).is_some()
}

/// Whether `password` is the one of a verifiable hash. Takes as long as the hash wants; call it on a pool.
#[must_use]
pub fn verify(password: &Secret<String>, encoded: &str) -> bool {
    let password = password.expose().as_bytes();
    if bcrypt_cost(encoded).is_some() {
        // The bcrypt of sentri 5 hashed the first 72 bytes of longer passwords: their owners must still get in. New
        // passwords are never cut off, the policy refuses them.
        return bcrypt::verify(password, encoded).unwrap_or(false);
    }
    let Ok(hash) = PasswordHash::new(encoded) else { return false };
    Argon2::default().verify_password(password, &hash).is_ok()
}

/// Whether a stored hash is weaker than what the policy makes now. Never from argon2id to bcrypt, and never for a
/// password that the policy's algorithm could not take whole.
#[must_use]
pub fn needs_rehash(encoded: &str, password: &str, policy: &Policy) -> bool {
    match policy.algorithm {
        Algorithm::Bcrypt { cost } => {
            bcrypt_cost(encoded).is_some_and(|stored| stored < cost)
                && password.len() <= BCRYPT_MAX_BYTES
                && !password.contains('\0')
        }
        Algorithm::Argon2id => match argon2_params(encoded) {
            Some((memory, passes, _)) => {
                (u64::from(memory) * u64::from(passes)) < u64::from(ARGON2.0) * u64::from(ARGON2.1)
            }
            None => bcrypt_cost(encoded).is_some(),
        },
    }
}

/// The cost of a well-formed `$2a$`, `$2b$` or `$2y$` hash.
fn bcrypt_cost(encoded: &str) -> Option<u32> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|version| encoded.strip_prefix(version))?;
    let (cost, tail) = rest.split_once('$')?;
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'/';
    (cost.len() == 2 && tail.len() == 53 && tail.bytes().all(alphabet)).then(|| cost.parse().ok()).flatten()
}

/// Memory in KiB, passes and lanes of a well-formed argon2id hash within bounds.
fn argon2_params(encoded: &str) -> Option<(u32, u32, u32)> {
    let hash = PasswordHash::new(encoded).ok().filter(|hash| hash.algorithm == argon2::ARGON2ID_IDENT)?;
    let params = Params::try_from(&hash).ok()?;
    let found = (params.m_cost(), params.t_cost(), params.p_cost());
    let bounded = found.0 <= ARGON2_MAX.0 && found.1 <= ARGON2_MAX.1 && found.2 <= ARGON2_MAX.2;
    (bounded && hash.hash.is_some() && hash.salt.is_some()).then_some(found)
}
