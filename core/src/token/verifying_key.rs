//! Verifying keys, which are parsed once and used often.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, ParsedPublicKey, RsaPublicKeyComponents};

use super::algorithm::{Algorithm, Curve, Primitive};
use super::header::encode_header;
use super::key_error::KeyError;
use super::weak::{check_ed25519_point, check_rsa_public_key};
use super::{Reason, TokenError};

/// A key that verifies with a single algorithm, whatever algorithm a token names (RFC 8725, 3.1).
pub struct VerifyingKey {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: &'static str,
    header: String,
    material: VerifyingMaterial,
}

#[allow(clippy::large_enum_variant, reason = "a few keys a process, and a box would cost a miss on every verification")]
enum VerifyingMaterial {
    Hmac(hmac::Key),
    Public(ParsedPublicKey),
}

impl VerifyingKey {
    /// Makes a key from a shared secret, for an HS algorithm.
    ///
    /// # Errors
    /// The secret is empty, or the algorithm is of another family.
    pub fn hmac(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        match algorithm.primitive() {
            Primitive::Hmac(_) if secret.is_empty() => Err(KeyError("the secret is empty")),
            Primitive::Hmac(hash) => Ok(Self::new(algorithm, VerifyingMaterial::Hmac(hmac::Key::new(*hash, secret)))),
            _ => Err(KeyError("the algorithm doesn't fit the key type")),
        }
    }

    /// Makes an RSA key from modulus `n` and exponent `e`, big-endian without leading zeros.
    ///
    /// # Errors
    /// The key is weak ([`check_rsa_public_key`]), or the algorithm is of another family.
    pub fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let Primitive::Rsa { verify, .. } = algorithm.primitive() else {
            return Err(KeyError("the algorithm doesn't fit the key type"));
        };
        check_rsa_public_key(n, e)?;
        RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(verify)
            .map(|key| Self::new(algorithm, VerifyingMaterial::Public(key)))
            .map_err(|_| KeyError("the RSA key is not usable"))
    }

    /// Makes a key from a point on the curve of `algorithm`, with both coordinates in full length (RFC 7518, 6.2.1).
    ///
    /// # Errors
    /// A coordinate has another length, the point is not on the curve, or the algorithm is of another family.
    pub fn ec(algorithm: Algorithm, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        let Primitive::Ec(Curve { coordinate_bytes, verify, .. }) = algorithm.primitive() else {
            return Err(KeyError("the algorithm doesn't fit the key type"));
        };
        if x.len() != *coordinate_bytes || y.len() != *coordinate_bytes {
            return Err(KeyError("an EC coordinate has the wrong length"));
        }
        ParsedPublicKey::new(*verify, [&[4], x, y].concat())
            .map(|key| Self::new(algorithm, VerifyingMaterial::Public(key)))
            .map_err(|_| KeyError("the EC point is not on the curve"))
    }

    /// Makes an Ed25519 key from 32 bytes.
    ///
    /// # Errors
    /// The length is another, or the point must not be trusted ([`check_ed25519_point`]).
    pub fn ed25519(x: &[u8]) -> Result<Self, KeyError> {
        check_ed25519_point(x)?;
        ParsedPublicKey::new(&ED25519, x)
            .map(|key| Self::new(Algorithm::EdDsa, VerifyingMaterial::Public(key)))
            .map_err(|_| KeyError("the Ed25519 key is not usable"))
    }

    fn new(algorithm: Algorithm, material: VerifyingMaterial) -> Self {
        let mut key = Self { algorithm, kid: None, typ: "JWT", header: String::new(), material };
        key.prepare();
        key
    }

    /// Returns the same key with this `kid`, or without one. A token that names a key is verified by that key alone.
    #[must_use]
    pub fn with_kid(mut self, kid: Option<String>) -> Self {
        self.kid = kid;
        self.prepare();
        self
    }

    /// Returns the same key, prepared for tokens of `typ` instead of `JWT`. Tokens of other types are verified more
    /// slowly.
    #[must_use]
    pub fn with_type(mut self, typ: &'static str) -> Self {
        self.typ = typ;
        self.prepare();
        self
    }

    fn prepare(&mut self) {
        self.header = encode_header(self.algorithm, self.typ, self.kid.as_deref());
    }

    /// Returns the algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the `kid`, by which tokens name the key.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(super) const fn typ(&self) -> &'static str {
        self.typ
    }

    /// Returns the encoded header that tokens of sentri under this key have.
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// Verifies a raw signature over `message`. An HMAC is compared in constant time and in full length.
    ///
    /// # Errors
    /// `Invalid` if the signature is not of this key.
    pub fn verify_signature(&self, message: &[u8], signature: &[u8]) -> Result<(), TokenError> {
        match &self.material {
            VerifyingMaterial::Hmac(key) => hmac::verify(key, message, signature),
            VerifyingMaterial::Public(key) => key.verify_sig(message, signature),
        }
        .map_err(|_| TokenError::Invalid(Reason::Signature))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
