//! Encryption of secrets in the database, by AES-256-GCM under keys that are derived from the application's keys.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroize as _;

use super::{Secret, derive_key, make_random, to_base64url};

const PREFIX: &str = "v1.";
/// The least length of a key in bytes.
pub const MIN_KEY_BYTES: usize = 16;

/// Keys that encrypt texts for one purpose. The first key encrypts, and all keys decrypt.
pub struct SealingKeys(Vec<LessSafeKey>);

impl SealingKeys {
    /// Derives the keys from random texts of at least [`MIN_KEY_BYTES`] bytes, better 32. The texts are not stretched,
    /// so a memorable phrase is not secure. `None`: there is no text, or one of them is shorter.
    #[must_use]
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a [u8]>, purpose: &[u8]) -> Option<Self> {
        let derive = |key: &[u8]| {
            let derived = (key.len() >= MIN_KEY_BYTES).then(|| derive_key(key, purpose))?;
            UnboundKey::new(&AES_256_GCM, derived.expose()).ok().map(LessSafeKey::new)
        };
        let keys: Vec<LessSafeKey> = keys.into_iter().map(derive).collect::<Option<_>>()?;
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Encrypts a text. Returns `v1.` and base64url of nonce, ciphertext and tag. Only the same `context` decrypts it,
    /// so a sealed value can't be moved to another row. `None`: the text is beyond the limit of the cipher.
    #[must_use]
    pub fn seal(&self, text: &str, context: &str) -> Option<Secret<String>> {
        let nonce = make_random::<NONCE_LEN>();
        let mut sealed = text.as_bytes().to_vec();
        let (unique, context) = (Nonce::assume_unique_for_key(nonce), Aad::from(context.as_bytes()));
        self.0.first()?.seal_in_place_append_tag(unique, context, &mut sealed).ok()?;
        Some(Secret::new(format!("{PREFIX}{}", to_base64url(&[&nonce, sealed.as_slice()].concat()))))
    }

    /// Decrypts `sealed` and returns the text. `None`: the keys or the `context` are others, or the value is damaged;
    /// these cases are not distinguished.
    #[must_use]
    pub fn open(&self, sealed: &str, context: &str) -> Option<Secret<String>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(PREFIX)?).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        self.0.iter().find_map(|key| {
            // A failed attempt to decrypt destroys its input, so each key gets a copy.
            let mut sealed = sealed.to_vec();
            let (nonce, context) = (Nonce::assume_unique_for_key(*nonce), Aad::from(context.as_bytes()));
            let plain = key.open_in_place(nonce, context, &mut sealed).ok()?;
            let text = std::str::from_utf8(plain).ok().map(|text| Secret::new(text.to_owned()));
            plain.zeroize();
            text
        })
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKeys(..)")
    }
}

/// Whether a stored text is sealed.
#[must_use]
pub fn is_sealed(stored: &str) -> bool {
    stored.starts_with(PREFIX)
}
