//! Random bytes, digests, key derivation, and the type that keeps secrets out of logs.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, hkdf, hmac, pbkdf2, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, Serializer};
use zeroize::Zeroize;

mod sealing;

pub use sealing::{MIN_KEY_BYTES, SealingKeys, is_sealed};

/// A value that must never be printed. `Debug` shows nothing of it, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A secret that an answer shows to its user. Only this type lets a secret be written as JSON.
pub struct ShownSecret(pub Secret<String>);

impl Serialize for ShownSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// Makes `N` random bytes by the operating system's generator.
///
/// # Panics
/// Panics if the operating system gives no randomness, since no secure fallback exists.
#[must_use]
pub fn make_random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Sets the process's default TLS cryptography, for libraries that use the default. Without it rustls panics if two
/// providers are compiled in. If the host has set a default, it stays.
pub(crate) fn choose_tls_provider() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// Makes a `UUIDv7` (RFC 9562, 5.7) as 36 lower-case characters. Ids that are made later sort later.
#[must_use]
pub fn make_id() -> String {
    uuid::Uuid::now_v7().hyphenated().to_string()
}

/// Returns the SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Returns the HMAC-SHA-256 (RFC 2104) of `message` under `key`.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref());
    out
}

/// Returns the HMAC-SHA-1 of `message` under `key`. Only TOTP uses it, since many authenticator apps support no other
/// hash function (RFC 6238, 1.2).
#[must_use]
pub fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    out.copy_from_slice(hmac::sign(&key, message).as_ref());
    out
}

/// Derives 32 bytes from `secret` by HKDF-SHA-256 (RFC 5869), for the purpose that `info` names.
#[must_use]
pub fn derive_key(secret: &[u8], info: &[u8]) -> Secret<[u8; 32]> {
    let mut out = [0; 32];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sentri").extract(secret);
    prk.expand(&[info], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut out))
        .expect("32 bytes are within what HKDF-SHA-256 can give");
    Secret::new(out)
}

/// The hash function within PBKDF2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PbkdfDigest {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Fills `out` by PBKDF2 with HMAC (RFC 8018, 5.2).
pub fn derive_by_pbkdf2(digest: PbkdfDigest, iterations: NonZeroU32, salt: &[u8], password: &[u8], out: &mut [u8]) {
    let algorithm = match digest {
        PbkdfDigest::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        PbkdfDigest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        PbkdfDigest::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        PbkdfDigest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    pbkdf2::derive(algorithm, iterations, salt, password, out);
}

/// Fills `out` with the key stream of AES-256 in counter mode, from the counter zero on. Returns `false` if `out` is
/// too long.
#[must_use]
pub fn aes_ctr_keystream(key: &[u8; 32], out: &mut [u8]) -> bool {
    out.fill(0);
    let context = EncryptionContext::Iv128(FixedLength::from([0; 16]));
    UnboundCipherKey::new(&AES_256, key)
        .and_then(EncryptingKey::ctr)
        .and_then(|key| key.less_safe_encrypt(out, context))
        .is_ok()
}

/// Whether two byte strings are equal, in time that depends on their lengths alone.
#[must_use]
pub fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    use subtle::ConstantTimeEq as _;
    a.ct_eq(b).into()
}

/// Encodes bytes in base64url without padding (RFC 4648, 5).
#[must_use]
pub fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
