//! Private keys at rest: AES-256-GCM under a key derived from `keys.encryptionKey`.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key::KeyError;
use crate::crypto::{Secret, derive_key, make_random, to_base64url};

const PREFIX: &str = "v1.";
const PURPOSE: &[u8] = b"sentri key wrap v1";
const MIN_KEY_BYTES: usize = 16;

/// Wraps and unwraps private keys.
pub struct WrappingKey(LessSafeKey);

impl WrappingKey {
    /// The wrapping key made from the option `keys.encryptionKey`: random text of at least 16 bytes, better 32. It is
    /// not stretched, so a memorable phrase does not do.
    ///
    /// # Errors
    /// The key is shorter.
    pub fn new(encryption_key: &[u8]) -> Result<Self, KeyError> {
        if encryption_key.len() < MIN_KEY_BYTES {
            return Err(KeyError("keys.encryptionKey is shorter than 16 bytes"));
        }
        let derived = derive_key(encryption_key, PURPOSE);
        UnboundKey::new(&AES_256_GCM, derived.expose())
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| KeyError("keys.encryptionKey is not usable"))
    }

    /// `v1.` and base64url of nonce, ciphertext and tag. Bound to `kid`: a row can't be moved under another name.
    ///
    /// # Errors
    /// None in practice: keys are far below the limit of the cipher.
    pub fn wrap(&self, pem: &str, kid: &str) -> Result<Secret<String>, KeyError> {
        let nonce = make_random::<NONCE_LEN>();
        let mut sealed = pem.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(kid.as_bytes()), &mut sealed)
            .map_err(|_| KeyError("the private key can't be wrapped"))?;
        Ok(Secret::new(format!("{PREFIX}{}", to_base64url(&[&nonce, sealed.as_slice()].concat()))))
    }

    /// The PEM inside `wrapped`.
    ///
    /// # Errors
    /// Another encryption key, another `kid`, or damage; which one can't be told.
    pub fn unwrap(&self, wrapped: &str, kid: &str) -> Result<Secret<String>, KeyError> {
        const FAILED: KeyError = KeyError("the stored private key can't be unwrapped: is keys.encryptionKey the same?");
        let body = wrapped.strip_prefix(PREFIX).ok_or(FAILED)?;
        let mut bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| FAILED)?;
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LEN>().ok_or(FAILED)?;
        let plain = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(kid.as_bytes()), sealed)
            .map_err(|_| FAILED)?;
        let pem = Secret::new(std::str::from_utf8(plain).map_err(|_| FAILED)?.to_owned());
        zeroize::Zeroize::zeroize(plain);
        Ok(pem)
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
    stored.starts_with(PREFIX)
}
