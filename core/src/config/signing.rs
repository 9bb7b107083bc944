//! The signing keys: `secret`, `algorithm`, `keys`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::reader::Reader;
use super::secret::read_secret;
use super::time::{DAY, millis};
use crate::clock::Millis;
use crate::error::Error;
use crate::token::jwks::MAX_SET_KEYS;
use crate::token::wrap::WrappingKey;
use crate::token::{Algorithm, KeyRing};

/// The source of the signing keys.
#[derive(Debug)]
pub enum Signing {
    /// The key is given as `secret`.
    Fixed(Arc<KeyRing>),
    /// The keys are made once and kept in the database.
    Stored(KeyRules),
    /// The keys are made at start-up and lost with the process (`keys: 'ephemeral'`).
    Ephemeral(KeyRules),
}

/// The rules by which the server makes and replaces signing keys.
#[derive(Debug, Clone)]
pub struct KeyRules {
    /// The algorithm of new keys. It is never symmetric. `None`: that of the newest stored key, and RS256 for the first
    /// key.
    pub algorithm: Option<Algorithm>,
    /// Modulus length in bits, for RSA.
    pub key_size: u32,
    /// The age at which a signing key is replaced (`keys.rotateEvery`).
    pub rotate_every: Option<Millis>,
    /// The key that encrypts private keys in the database (`encryptionKey`).
    pub encryption_key: Option<Arc<WrappingKey>>,
}

/// The time for which a retired key is kept and published after its last token, for clocks that differ.
pub const KEY_SLACK: Millis = 60_000;

/// Refuses `keys.rotateEvery` where more keys would be published at once than clients accept.
pub(super) fn check_overlap(signing: &Signing, access_ttl: Millis) -> Result<(), Error> {
    let Signing::Stored(KeyRules { rotate_every: Some(every), .. }) = signing else { return Ok(()) };
    // Beside the retired keys there are the key in use, its successor, and a key that is about to expire.
    let retired = i64::try_from(MAX_SET_KEYS).unwrap_or(i64::MAX) - 3;
    let shortest = (access_ttl + KEY_SLACK) / retired;
    if *every >= shortest {
        return Ok(());
    }
    let hours = shortest.div_euclid(60 * 60 * 1000) + 1;
    Err(Error::configuration(format!(
        "keys.rotateEvery must be at least {hours}h with this accessExpiresIn: a key is published until its last token \
         has expired, and clients accept {MAX_SET_KEYS} keys"
    )))
}

/// Reads `secret`, `algorithm` and `keys`.
pub(super) fn signing(
    read: &mut Reader<'_>,
    wrapping: Option<Arc<WrappingKey>>,
    production: bool,
    warnings: &mut Vec<String>,
) -> Result<Signing, Error> {
    let algorithm = match read.text("algorithm")? {
        None => None,
        Some(name) => Some(Algorithm::from_name(name).ok_or_else(|| {
            read.error(
                "algorithm",
                format!("must be one of {}", Algorithm::all().map(Algorithm::as_str).collect::<Vec<_>>().join(", ")),
            )
        })?),
    };
    let keys = read.value("keys");
    let Some(secret) = read_secret(read)? else {
        if let Some(algorithm) = algorithm.filter(|algorithm| algorithm.is_symmetric()) {
            return Err(read.error("secret", format!("is missing: algorithm {} needs one", algorithm.as_str())));
        }
        return own_keys(keys, algorithm, wrapping);
    };
    if keys.is_some() {
        return Err(read.error("keys", "and secret exclude each other: stored keys are made when secret is left out"));
    }
    let secret = secret.expose();
    if secret.is_empty() {
        return Err(read.error("secret", "must not be empty: give a private key (PEM) or a long random string"));
    }
    let ring = KeyRing::from_secret(secret, algorithm)?;
    let algorithm = algorithm.unwrap_or(Algorithm::Hs256);
    let shared = algorithm.is_symmetric() && ring.jwks(0, 0).is_none();
    if shared && secret.len() < algorithm.hash_bytes() {
        let message = format!(
            "secret has {} bytes; {} wants at least {} random ones (RFC 7518, 3.2): \
             make one with `openssl rand -base64 48`",
            secret.len(),
            algorithm.as_str(),
            algorithm.hash_bytes()
        );
        if production {
            return Err(Error::configuration(message));
        }
        warnings.push(message);
    }
    Ok(Signing::Fixed(Arc::new(ring)))
}

fn own_keys(
    keys: Option<&Value>,
    algorithm: Option<Algorithm>,
    encryption_key: Option<Arc<WrappingKey>>,
) -> Result<Signing, Error> {
    let mut rules = KeyRules { algorithm, key_size: 2048, rotate_every: None, encryption_key };
    match keys {
        None => Ok(Signing::Stored(rules)),
        Some(Value::String(word)) if word == "ephemeral" => Ok(Signing::Ephemeral(rules)),
        Some(Value::String(_)) => Err(Error::configuration("keys must be 'ephemeral' or an object")),
        Some(object) => {
            let mut read = Reader::new("keys", object)?;
            rules.key_size = read.integer("keySize", 2048, 2048..=8192)?;
            if read.value("rotateEvery").is_some() {
                let every = read.duration("rotateEvery", DAY)?;
                if every < Duration::from_secs(60 * 60) {
                    return Err(read.error("rotateEvery", "must be at least 1h"));
                }
                rules.rotate_every = Some(millis(every));
            }
            // `config::encryption` reads this older name of `encryptionKey`.
            read.value("encryptionKey");
            read.finish()?;
            Ok(Signing::Stored(rules))
        }
    }
}
