//! Private keys at rest, wrapped under `keys.encryptionKey`: AES-256-GCM, the `kid` bound to it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::TokenError;
use crate::crypto::{self, Secret};

const PREFIX: &str = "v1.";
const NONCE: usize = 12;

/// Whether a stored key is wrapped.
#[must_use]
pub fn is_wrapped(stored: &str) -> bool {
    stored.starts_with(PREFIX)
}

/// Wraps a PEM. The nonce is random; a ring has a handful of keys, so none repeats.
#[must_use]
pub fn wrap(pem: &str, encryption_key: &str, kid: &str) -> String {
    let nonce = crypto::make_random::<NONCE>();
    let mut sealed = pem.as_bytes().to_vec();
    key(encryption_key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(kid.as_bytes()), &mut sealed)
        .expect("AES-256-GCM seals a few kilobytes");
    let mut out = nonce.to_vec();
    out.append(&mut sealed);
    format!("{PREFIX}{}", crypto::to_base64url(&out))
}

/// Opens what [`wrap`] made.
///
/// # Errors
/// `Invalid` for another encryption key, another `kid`, or a changed text.
pub fn unwrap(stored: &str, encryption_key: &str, kid: &str) -> Result<Secret<String>, TokenError> {
    let wrong = TokenError::Invalid("wrapped key does not open");
    let mut bytes = stored.strip_prefix(PREFIX).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or(wrong)?;
    if bytes.len() < NONCE {
        return Err(wrong);
    }
    let mut sealed = bytes.split_off(NONCE);
    let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| wrong)?;
    let opened = key(encryption_key).open_in_place(nonce, Aad::from(kid.as_bytes()), &mut sealed).map_err(|_| wrong)?;
    String::from_utf8(opened.to_vec()).map(Secret::new).map_err(|_| wrong)
}

fn key(encryption_key: &str) -> LessSafeKey {
    let derived = crypto::derive_key(encryption_key.as_bytes(), b"sentri key encryption v1");
    let unbound = UnboundKey::new(&AES_256_GCM, derived.expose()).expect("32 bytes are an AES-256 key");
    LessSafeKey::new(unbound)
}
