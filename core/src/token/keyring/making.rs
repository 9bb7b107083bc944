//! Makes a ring from the option `secret`, or from the keys in the database.

use super::{KeyRing, RingKey};
use crate::clock::Millis;
use crate::error::Error;
use crate::store::model::StoredKey;
use crate::token::algorithm::Algorithm;
use crate::token::foreign::recognize;
use crate::token::key::{KeyError, SigningKey};
use crate::token::pem::looks_like_pem;
use crate::token::wrap::{WrappingKey, is_wrapped};

impl KeyRing {
    /// Makes a ring of a single key from the options `secret` and `algorithm`. If `algorithm` is not set, a private key
    /// in PEM, or in base64 of PEM, is for RS256, ES256, ES384 or `EdDSA` by its type, and any other text is for HS256.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option, if the secret is a path, a key in an unsupported form, empty, weak,
    /// or unfit for the algorithm.
    pub fn from_secret(secret: impl AsRef<[u8]>, algorithm: Option<Algorithm>) -> Result<Self, Error> {
        let secret = secret.as_ref();
        let is_pem = std::str::from_utf8(secret).is_ok_and(looks_like_pem);
        // A PEM text is not tried in other forms.
        let unpacked = if is_pem { None } else { recognize(secret).map_err(|error| about_secret(error, None))? };
        let secret = unpacked.as_ref().map_or(secret, |pem| pem.as_bytes());
        let key = if let Some(pem) = std::str::from_utf8(secret).ok().filter(|text| looks_like_pem(text)) {
            if algorithm.is_some_and(Algorithm::is_symmetric) {
                // With a PEM text as the HMAC secret, anybody who knows the text of a public key could forge tokens.
                return Err(Error::configuration(
                    "algorithm: HS256, HS384 and HS512 need a plain secret, but `secret` is a PEM key; leave \
                     `algorithm` out",
                ));
            }
            SigningKey::from_pem(pem, algorithm)
        } else {
            let algorithm = algorithm.unwrap_or(Algorithm::Hs256);
            if !algorithm.is_symmetric() {
                return Err(Error::configuration(format!(
                    "algorithm: {algorithm} needs `secret` to be a PEM private key; leave `secret` out to have keys \
                     made and stored"
                )));
            }
            SigningKey::from_secret(secret, algorithm)
        };
        Self::from_signing_key(key.map_err(|error| about_secret(error, algorithm))?)
    }

    /// Makes a ring of a single key that has always been active.
    ///
    /// # Errors
    /// None in practice, since a derived key is never empty.
    pub fn from_signing_key(key: SigningKey) -> Result<Self, Error> {
        let key = RingKey::new(key, Millis::MIN, None).map_err(|error| about_secret(error, None))?;
        Ok(Self { keys: vec![key] })
    }

    /// Makes a ring of all stored keys of any age, so that to delete a row ends the validity of its tokens. Wrapped
    /// keys are unwrapped with `wrapping`. Keys that were stored in plain text before `encryptionKey` was set still
    /// work.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` if there is no key, or if a key is damaged, wrapped under another encryption key, or
    /// stored under a `kid` that is not its thumbprint.
    pub fn from_stored(stored: &[StoredKey], wrapping: Option<&WrappingKey>) -> Result<Self, Error> {
        let mut keys = stored.iter().map(|row| from_row(row, wrapping)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(Error::configuration("keys: none is stored"));
        }
        keys.sort_by(|a, b| b.active_from.cmp(&a.active_from).then_with(|| b.signing.kid().cmp(&a.signing.kid())));
        Ok(Self { keys })
    }
}

fn from_row(row: &StoredKey, wrapping: Option<&WrappingKey>) -> Result<RingKey, Error> {
    let about = |reason: &str| Error::configuration(format!("keys: stored key {}: {reason}", row.kid));
    let algorithm = Algorithm::from_name(&row.algorithm).ok_or_else(|| about("unknown algorithm"))?;
    let stored = row.private_key.expose();
    let key = match wrapping {
        _ if !is_wrapped(stored) => SigningKey::from_pem(stored, Some(algorithm)),
        None => return Err(about("it is wrapped: set encryptionKey to what it was when the key was made")),
        Some(wrapping) => {
            let pem = wrapping.unwrap(stored, &row.kid).map_err(|error| about(error.0))?;
            SigningKey::from_pem(pem.expose(), Some(algorithm))
        }
    }
    .map_err(|error| about(error.0))?;
    if key.kid() != Some(row.kid.as_str()) {
        return Err(about("the private key belongs to another kid"));
    }
    RingKey::new(key, row.active_from, row.retired_at).map_err(|error| about(error.0))
}

fn about_secret(error: KeyError, algorithm: Option<Algorithm>) -> Error {
    match algorithm {
        Some(algorithm) => Error::configuration(format!("secret: {error} (algorithm: {algorithm})")),
        None => Error::configuration(format!("secret: {error}")),
    }
}
