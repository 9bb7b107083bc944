//! Keys, parsed once: what signs, and what verifies.

use aws_lc_rs::hmac;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RsaKeyPair};
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding, SecretDocument};
use rsa::traits::PublicKeyParts as _;
use serde_json::Value;

use super::TokenError;
use super::algorithm::{Algorithm, Family};
use super::jwk;
use crate::crypto::{self, Secret};

/// The least modulus length that is accepted, in bits (NIST SP 800-57).
pub const MIN_RSA_BITS: usize = 2048;

/// The longest modulus: verifying under longer ones is work that an attacker chooses.
pub const MAX_RSA_BITS: usize = 8192;

enum Signer {
    Hmac(Arc<hmac::Key>),
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key that signs, with everything derived from it once.
pub struct SigningKey {
    algorithm: Algorithm,
    signer: Signer,
    verifying: VerifyingKey,
    kid: Option<String>,
    public_jwk: Option<Value>,
    /// From which the refresh key is derived: the secret, or the PKCS#8 document.
    private: Secret<Vec<u8>>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({}, {})", self.algorithm.as_str(), self.kid.as_deref().unwrap_or("-"))
    }
}

impl SigningKey {
    /// A key from a secret, for HS256, HS384 and HS512. It has no `kid`: one made from the secret would only give an
    /// attacker something more to test guesses on.
    ///
    /// # Errors
    /// A sentence to follow `secret`.
    pub fn from_secret(secret: &[u8], algorithm: Algorithm) -> Result<Self, String> {
        let Family::Hmac(hash) = algorithm.family() else {
            return Err(format!("is not a private key, which algorithm {} needs (PEM)", algorithm.as_str()));
        };
        if secret.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let key = Arc::new(hmac::Key::new(hash, secret));
        Ok(Self {
            algorithm,
            verifying: VerifyingKey { algorithm, verifier: Verifier::Hmac(Arc::clone(&key)) },
            signer: Signer::Hmac(key),
            kid: None,
            public_jwk: None,
            private: Secret::new(secret.to_vec()),
        })
    }

    /// A key from PEM: RSA (PKCS#1, PKCS#8), EC on P-256 or P-384 (SEC 1, PKCS#8), Ed25519 (PKCS#8). Without an
    /// algorithm it is RS256, ES256, ES384 or EdDSA, by the type of the key.
    ///
    /// # Errors
    /// A sentence to follow `secret`, without any of its content.
    pub fn from_pem(pem: &str, algorithm: Option<Algorithm>) -> Result<Self, String> {
        let (label, document) = SecretDocument::from_pem(pem.trim()).map_err(|_| unreadable())?;
        let der = document.as_bytes();
        let key = match label {
            "RSA PRIVATE KEY" => {
                let key = rsa::RsaPrivateKey::from_pkcs1_der(der).map_err(|_| unreadable())?;
                let pkcs8 = key.to_pkcs8_der().map_err(|_| unreadable())?;
                Self::from_pkcs8(pkcs8.as_bytes())
            }
            "EC PRIVATE KEY" => Self::from_sec1(der),
            "PRIVATE KEY" => Self::from_pkcs8(der),
            "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE" => {
                return Err("is a public key: signing needs the private one".to_owned());
            }
            "ENCRYPTED PRIVATE KEY" => return Err("is an encrypted private key: decrypt it first".to_owned()),
            _ => None,
        }
        .ok_or_else(unreadable)??;
        key.with_algorithm(algorithm)
    }

    /// Makes a key pair. Answers it with its PKCS#8 PEM. `rsa_bits` counts for RSA alone.
    ///
    /// # Errors
    /// A sentence about what failed.
    pub fn generate(algorithm: Algorithm, rsa_bits: usize) -> Result<(Self, Secret<String>), String> {
        let failed = |_| format!("no {} key could be made", algorithm.as_str());
        let der = match algorithm.family() {
            Family::Hmac(_) => return Err("a shared secret is not made here".to_owned()),
            Family::Rsa { .. } => {
                let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, rsa_bits).map_err(|e| e.to_string())?;
                key.to_pkcs8_der().map_err(|e| e.to_string())?
            }
            Family::Ec { sign, .. } => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(sign, &SystemRandom::new()).map_err(failed)?;
                SecretDocument::try_from(pkcs8.as_ref()).map_err(|e| e.to_string())?
            }
            Family::Ed25519 { .. } => {
                let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
                SecretDocument::try_from(pkcs8.as_ref()).map_err(|e| e.to_string())?
            }
        };
        let pem = der.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|e| e.to_string())?;
        let key = Self::from_pem(&pem, Some(algorithm))?;
        Ok((key, Secret::new(pem.to_string())))
    }

    /// `None`: not a document of a kind we know. `Some(Err)`: known, and refused.
    fn from_pkcs8(der: &[u8]) -> Option<Result<Self, String>> {
        if let Ok(key) = rsa::RsaPrivateKey::from_pkcs8_der(der) {
            return Some(Self::from_rsa(&key, der));
        }
        for algorithm in [Algorithm::ES256, Algorithm::ES384] {
            let Family::Ec { sign, .. } = algorithm.family() else { continue };
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(sign, der) {
                return Some(Self::from_ec(pair, algorithm, der));
            }
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
        let public = pair.public_key().as_ref().to_vec();
        let jwk = jwk::ed25519(&public);
        Some(Self::assemble(Algorithm::EdDSA, Signer::Ed25519(pair), &public, jwk, der))
    }

    fn from_sec1(der: &[u8]) -> Option<Result<Self, String>> {
        [Algorithm::ES256, Algorithm::ES384].into_iter().find_map(|algorithm| {
            let Family::Ec { sign, .. } = algorithm.family() else { return None };
            let pair = EcdsaKeyPair::from_private_key_der(sign, der).ok()?;
            // The canonical private part, whatever form the key came in.
            let pkcs8 = pair.to_pkcs8v1().ok()?;
            Some(Self::from_ec(pair, algorithm, pkcs8.as_ref()))
        })
    }

    fn from_rsa(key: &rsa::RsaPrivateKey, der: &[u8]) -> Result<Self, String> {
        let bits = key.n().bits();
        if bits < MIN_RSA_BITS {
            return Err(format!("is an RSA key of {bits} bits: at least {MIN_RSA_BITS} are needed"));
        }
        let (n, e) = (key.n().to_bytes_be(), key.e().to_bytes_be());
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| "is an RSA key that is not sound".to_owned())?;
        let public = pair.public_key().as_ref().to_vec();
        Self::assemble(Algorithm::RS256, Signer::Rsa(pair), &public, jwk::rsa(&n, &e), der)
    }

    fn from_ec(pair: EcdsaKeyPair, algorithm: Algorithm, der: &[u8]) -> Result<Self, String> {
        let Family::Ec { curve, width, .. } = algorithm.family() else { return Err(unreadable()) };
        let public = pair.public_key().as_ref().to_vec();
        // An uncompressed point: 4, x, y (SEC 1, 2.3.3).
        let (x, y) = public.get(1..).and_then(|point| point.split_at_checked(width)).ok_or_else(unreadable)?;
        let jwk = jwk::ec(curve, x, y);
        Self::assemble(algorithm, Signer::Ec(pair), &public, jwk, der)
    }

    fn assemble(
        algorithm: Algorithm,
        signer: Signer,
        public: &[u8],
        jwk: jwk::Members,
        der: &[u8],
    ) -> Result<Self, String> {
        let kid = jwk::thumbprint(&jwk);
        let verifying = VerifyingKey::from_public(algorithm, public).map_err(|_| unreadable())?;
        let public_jwk = Some(jwk::published(&jwk, algorithm, &kid));
        Ok(Self { algorithm, signer, verifying, kid: Some(kid), public_jwk, private: Secret::new(der.to_vec()) })
    }

    /// The same key under another algorithm of its family.
    fn with_algorithm(mut self, wanted: Option<Algorithm>) -> Result<Self, String> {
        let Some(algorithm) = wanted.filter(|wanted| *wanted != self.algorithm) else { return Ok(self) };
        let (Signer::Rsa(pair), Family::Rsa { .. }) = (&self.signer, algorithm.family()) else {
            return Err(format!("is a key for {}, not for algorithm {}", self.algorithm.as_str(), algorithm.as_str()));
        };
        self.verifying = VerifyingKey::from_public(algorithm, pair.public_key().as_ref()).map_err(|_| unreadable())?;
        if let Some(jwk) = &mut self.public_jwk {
            jwk["alg"] = algorithm.as_str().into();
        }
        self.algorithm = algorithm;
        Ok(self)
    }

    /// The algorithm it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// RFC 7638 thumbprint; none for a shared secret.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The public JWK: `kty`, key members, `use`, `alg`, `kid`; none for a shared secret.
    #[must_use]
    pub const fn public_jwk(&self) -> Option<&Value> {
        self.public_jwk.as_ref()
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub const fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The key of refresh tokens: HMAC-SHA-256 under a key derived from the private part (RFC 5869), so that nobody
    /// who knows only public keys can check, let alone make, a refresh token.
    #[must_use]
    pub fn derive_refresh_key(&self) -> hmac::Key {
        let derived = crypto::derive_key(self.private.expose(), b"sentri refresh token v1");
        hmac::Key::new(hmac::HMAC_SHA256, derived.expose())
    }

    /// Signs.
    ///
    /// # Errors
    /// `Invalid` when the library refuses, which a checked key gives it no reason for.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let failed = |_| TokenError::Invalid("signing failed");
        match (&self.signer, self.algorithm.family()) {
            (Signer::Hmac(key), _) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            (Signer::Rsa(pair), Family::Rsa { sign, .. }) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(sign, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            (Signer::Ec(pair), _) => Ok(pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec()),
            (Signer::Ed25519(pair), _) => Ok(pair.sign(message).as_ref().to_vec()),
            (Signer::Rsa(_), _) => Err(TokenError::Invalid("key and algorithm differ")),
        }
    }
}

fn unreadable() -> String {
    "is not a private key that can be read: PEM of RSA (2048 bits or more), EC (P-256, P-384) or Ed25519".to_owned()
}

#[derive(Clone)]
enum Verifier {
    Hmac(Arc<hmac::Key>),
    Public(Arc<ParsedPublicKey>),
}

/// A key that verifies, bound to one algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    verifier: Verifier,
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifyingKey({})", self.algorithm.as_str())
    }
}

impl VerifyingKey {
    /// From a public key in the form that the library wants: DER for RSA, an uncompressed point, 32 bytes.
    ///
    /// # Errors
    /// `Invalid` for a key that is not on its curve or too short.
    pub fn from_public(algorithm: Algorithm, public: &[u8]) -> Result<Self, TokenError> {
        let verify = match algorithm.family() {
            Family::Hmac(_) => return Err(TokenError::Invalid("a shared secret is not public")),
            Family::Rsa { verify, .. } | Family::Ec { verify, .. } | Family::Ed25519 { verify } => verify,
        };
        let parsed = ParsedPublicKey::new(verify, public).map_err(|_| TokenError::Invalid("bad public key"))?;
        Ok(Self { algorithm, verifier: Verifier::Public(Arc::new(parsed)) })
    }

    /// From modulus and exponent, big-endian. Their soundness is the key set's concern.
    ///
    /// # Errors
    /// `Invalid` for a key that the library refuses.
    pub fn from_rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Self, TokenError> {
        let bad = TokenError::Invalid("bad RSA public key");
        let (n, e) = (rsa::BigUint::from_bytes_be(n), rsa::BigUint::from_bytes_be(e));
        let public = rsa::RsaPublicKey::new_with_max_size(n, e, MAX_RSA_BITS).map_err(|_| bad)?;
        let der = public.to_pkcs1_der().map_err(|_| bad)?;
        Self::from_public(algorithm, der.as_bytes())
    }

    /// From a secret of at least one byte.
    ///
    /// # Errors
    /// `Invalid` for an empty secret or an asymmetric algorithm.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, TokenError> {
        match algorithm.family() {
            Family::Hmac(hash) if !secret.is_empty() => {
                Ok(Self { algorithm, verifier: Verifier::Hmac(Arc::new(hmac::Key::new(hash, secret))) })
            }
            _ => Err(TokenError::Invalid("bad secret")),
        }
    }

    /// The one algorithm that the key is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Verifier::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Verifier::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}
