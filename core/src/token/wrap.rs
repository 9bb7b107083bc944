//! Encryption of private keys in the database, by AES-256-GCM under a key that is derived from the option
//! `encryptionKey`.

use std::fmt;

use super::key::KeyError;
use crate::crypto::{MIN_KEY_BYTES, SealingKeys, Secret, is_sealed};

const PURPOSE: &[u8] = b"sentri key wrap v1";

/// Wraps and unwraps private keys.
pub struct WrappingKey(SealingKeys);

impl WrappingKey {
    /// Derives the wrapping key from an encryption key, a random text of at least 16 bytes, better 32. The text is not
    /// stretched, so a memorable phrase is not secure.
    ///
    /// # Errors
    /// The encryption key is shorter than 16 bytes.
    pub fn new(encryption_key: &[u8]) -> Result<Self, KeyError> {
        Self::of([encryption_key])
    }

    /// Derives a wrapping key from several encryption keys. The first wraps, and all of them unwrap.
    ///
    /// # Errors
    /// An encryption key is shorter than 16 bytes, or there is none.
    pub fn of<'a>(encryption_keys: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, KeyError> {
        const { assert!(MIN_KEY_BYTES == 16) };
        let keys = SealingKeys::new(encryption_keys, PURPOSE);
        keys.map(Self).ok_or(KeyError("encryptionKey is shorter than 16 bytes"))
    }

    /// Wraps a private key. Returns `v1.` and base64url of nonce, ciphertext and tag. It is bound to `kid`, so a row
    /// can't be moved to another name.
    ///
    /// # Errors
    /// None in practice, since keys are far below the limit of the cipher.
    pub fn wrap(&self, pem: &str, kid: &str) -> Result<Secret<String>, KeyError> {
        self.0.seal(pem, kid).ok_or(KeyError("the private key can't be wrapped"))
    }

    /// Unwraps a private key and returns its PEM.
    ///
    /// # Errors
    /// The encryption key or the `kid` is another, or the value is damaged. These cases are not distinguished.
    pub fn unwrap(&self, wrapped: &str, kid: &str) -> Result<Secret<String>, KeyError> {
        const FAILED: KeyError = KeyError("the stored private key can't be unwrapped: is encryptionKey the same?");
        self.0.open(wrapped, kid).ok_or(FAILED)
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKey(..)")
    }
}

/// Whether a stored private key is wrapped.
#[must_use]
pub fn is_wrapped(stored: &str) -> bool {
    is_sealed(stored)
}
