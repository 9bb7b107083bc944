//! Signing keys and their public parts.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER as ENGINE;
use rsa::pkcs1::der::Decode as _;
use rsa::pkcs8::{EncodePrivateKey as _, ObjectIdentifier, PrivateKeyInfo};
use serde_json::{Map, Value, json};

pub use super::key_error::KeyError;
pub use super::verifying_key::VerifyingKey;

use super::algorithm::{Algorithm, Family, Primitive};
use super::pem::{self, PrivateKeyDer};
use super::weak::{MAX_RSA_BITS, MIN_RSA_BITS, check_rsa_public_key};
use super::{Reason, TokenError};
use crate::crypto::{Secret, sha256, to_base64url};

const RSA_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The longest signature, which is that of an RSA key of 8192 bits.
pub(super) const MAX_SIGNATURE_BYTES: usize = MAX_RSA_BITS / 8;

/// A key that signs with one algorithm, with its `kid` and its public part.
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<String>,
    public: Option<PublicKey>,
    private: Secret<Vec<u8>>,
    material: SigningMaterial,
}

/// The means of signing. `jsonwebtoken` makes the signatures, except for RSA, whose parsed key is kept. To parse an RSA
/// key takes six times as long as to sign with it (1.9 ms against 0.3 ms); for other keys the difference does not
/// matter.
enum SigningMaterial {
    Engine(EncodingKey, jsonwebtoken::Algorithm),
    Rsa(RsaKeyPair),
}

impl SigningMaterial {
    fn engine(key: EncodingKey, algorithm: Algorithm) -> Result<Self, KeyError> {
        let name = algorithm.as_str().parse().map_err(|_| KeyError("the algorithm is not supported"))?;
        Ok(Self::Engine(key, name))
    }
}

/// The public part of an asymmetric key, under the names of a JWK.
#[derive(Clone)]
enum PublicKey {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: &'static str, x: Vec<u8>, y: Vec<u8> },
    Ed { x: Vec<u8> },
}

impl SigningKey {
    /// Reads a private key in PEM: RSA (PKCS#1, PKCS#8) of 2048 to 8192 bits, EC on P-256 or P-384 (SEC1, PKCS#8), or
    /// Ed25519 (PKCS#8). Without `algorithm` the key is for RS256, ES256, ES384 or `EdDSA`, by its type. Its `kid` is
    /// the RFC 7638 thumbprint.
    ///
    /// # Errors
    /// The text holds no readable private key, or the key is weak or doesn't fit `algorithm`.
    pub fn from_pem(text: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        match pem::read_private_key(text)? {
            PrivateKeyDer::Pkcs1(der) => Self::from_rsa(RsaKeyPair::from_der(&der), algorithm),
            PrivateKeyDer::Sec1(der) => Self::from_ec(&der, algorithm),
            PrivateKeyDer::Pkcs8(der) => {
                let info = PrivateKeyInfo::try_from(der.as_slice())
                    .map_err(|_| KeyError("the PEM body is not a PKCS#8 key"))?;
                match info.algorithm.oid {
                    RSA_OID => Self::from_rsa(RsaKeyPair::from_pkcs8(&der), algorithm),
                    EC_OID => Self::from_ec(&der, algorithm),
                    ED25519_OID => Self::from_ed(&der, algorithm),
                    _ => Err(KeyError("the key is none of RSA, EC (P-256, P-384) and Ed25519")),
                }
            }
        }
    }

    /// Makes a key from a shared secret, for HS256, HS384 or HS512. It has no `kid`, since a thumbprint of the secret
    /// would help to guess it.
    ///
    /// # Errors
    /// The secret is empty, or the algorithm needs a private key.
    pub fn from_secret(secret: &[u8], algorithm: Algorithm) -> Result<Self, KeyError> {
        if !algorithm.is_symmetric() {
            return Err(KeyError("the algorithm needs a PEM private key"));
        }
        if secret.is_empty() {
            return Err(KeyError("the secret is empty"));
        }
        let private = Secret::new(secret.to_vec());
        let material = SigningMaterial::engine(EncodingKey::from_secret(secret), algorithm)?;
        Ok(Self { algorithm, kid: None, public: None, private, material })
    }

    /// Generates a key for `algorithm`, and returns it with its PKCS#8 PEM. `rsa_bits` (2048 to 8192) is for RSA alone.
    /// An RSA key takes from 0.1 s (2048 bits) to minutes (8192 bits), so this must not run on an event loop.
    ///
    /// # Errors
    /// The algorithm is symmetric, or the size is out of bounds.
    pub fn generate(algorithm: Algorithm, rsa_bits: usize) -> Result<(Self, Secret<String>), KeyError> {
        const FAILED: KeyError = KeyError("the key could not be generated");
        let pem = match algorithm.primitive() {
            Primitive::Hmac(_) => return Err(KeyError("only asymmetric keys are generated")),
            Primitive::Rsa { .. } => {
                if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&rsa_bits) {
                    return Err(KeyError("RSA keys have 2048 to 8192 bits"));
                }
                let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, rsa_bits).map_err(|_| FAILED)?;
                pem::write_pkcs8(key.to_pkcs8_der().map_err(|_| FAILED)?.as_bytes())
            }
            Primitive::Ec(curve) => {
                let document = EcdsaKeyPair::generate(curve.sign).and_then(|pair| pair.to_pkcs8v1());
                pem::write_pkcs8(document.map_err(|_| FAILED)?.as_ref())
            }
            Primitive::Ed => {
                let document = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1());
                pem::write_pkcs8(document.map_err(|_| FAILED)?.as_ref())
            }
        };
        let pem = Secret::new(pem);
        Ok((Self::from_pem(pem.expose(), Some(algorithm))?, pem))
    }

    fn from_rsa<E>(pair: Result<RsaKeyPair, E>, algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        // The parser's reasons are not distinguished, since by far the most frequent is a key that is too short.
        let pair = pair.map_err(|_| KeyError("the RSA key is damaged or shorter than 2048 bits"))?;
        let algorithm = fitting(algorithm, Algorithm::Rs256, Family::Rsa)?;
        let parts = rsa::pkcs1::RsaPublicKey::from_der(pair.public_key().as_ref())
            .map_err(|_| KeyError("the RSA key has no readable public part"))?;
        let (n, e) = (parts.modulus.as_bytes().to_vec(), parts.public_exponent.as_bytes().to_vec());
        check_rsa_public_key(&n, &e)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError("the RSA key can't be encoded"))?;
        let private = der.as_ref().to_vec();
        Ok(Self::asymmetric(algorithm, PublicKey::Rsa { n, e }, private, SigningMaterial::Rsa(pair)))
    }

    fn from_ec(der: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        let (found, curve, pair) = [Algorithm::Es256, Algorithm::Es384]
            .into_iter()
            .find_map(|candidate| {
                let Primitive::Ec(curve) = candidate.primitive() else { return None };
                let pair = EcdsaKeyPair::from_private_key_der(curve.sign, der).ok()?;
                Some((candidate, curve, pair))
            })
            .ok_or(KeyError("the EC key is damaged or not on P-256 or P-384"))?;
        if algorithm.is_some_and(|wanted| wanted != found) {
            return Err(KeyError("the algorithm doesn't fit the curve of the EC key"));
        }
        let document = pair.to_pkcs8v1().map_err(|_| KeyError("the EC key can't be encoded"))?;
        // The public key is an uncompressed point: 0x04, x, y (SEC 1, 2.3.3).
        let (x, y) = pair.public_key().as_ref()[1..].split_at(curve.coordinate_bytes);
        let public = PublicKey::Ec { curve: curve.name, x: x.to_vec(), y: y.to_vec() };
        let material = SigningMaterial::engine(EncodingKey::from_ec_der(document.as_ref()), found)?;
        Ok(Self::asymmetric(found, public, document.as_ref().to_vec(), material))
    }

    fn from_ed(der: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        let algorithm = fitting(algorithm, Algorithm::EdDsa, Family::Ed)?;
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError("the Ed25519 key is damaged"))?;
        let document = pair.to_pkcs8v1().map_err(|_| KeyError("the Ed25519 key can't be encoded"))?;
        let public = PublicKey::Ed { x: pair.public_key().as_ref().to_vec() };
        let material = SigningMaterial::engine(EncodingKey::from_ed_der(document.as_ref()), algorithm)?;
        Ok(Self::asymmetric(algorithm, public, document.as_ref().to_vec(), material))
    }

    fn asymmetric(algorithm: Algorithm, public: PublicKey, private: Vec<u8>, material: SigningMaterial) -> Self {
        let kid = Some(public.thumbprint());
        Self { algorithm, kid, public: Some(public), private: Secret::new(private), material }
    }

    /// Returns the same key with another `kid`, or without one.
    #[must_use]
    pub fn with_kid(mut self, kid: Option<String>) -> Self {
        self.kid = kid;
        self
    }

    /// Returns the algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the `kid`, which is the RFC 7638 thumbprint unless [`SigningKey::with_kid`] has set another. `None`: the
    /// key has none, as a shared secret.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns the public JWK (RFC 7517), as `GET /keys` publishes it. `None`: a shared secret has no public part.
    #[must_use]
    pub fn public_jwk(&self) -> Option<Value> {
        let mut jwk = self.public.as_ref()?.required_members();
        let (kid, alg) = (json!(self.kid), json!(self.algorithm.as_str()));
        if let Value::Object(members) = &mut jwk {
            members.insert("use".to_owned(), json!("sig"));
            members.insert("alg".to_owned(), alg);
            members.insert("kid".to_owned(), kid);
        }
        Some(jwk)
    }

    /// Returns the bytes from which other secrets are derived, which are the canonical PKCS#8 DER or the shared secret
    /// itself.
    #[must_use]
    pub const fn private_bytes(&self) -> &Secret<Vec<u8>> {
        &self.private
    }

    /// Returns the key that verifies the signatures of this key.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        let key = match &self.public {
            None => VerifyingKey::hmac(self.algorithm, self.private.expose())?,
            Some(PublicKey::Rsa { n, e }) => VerifyingKey::rsa(self.algorithm, n, e)?,
            Some(PublicKey::Ec { x, y, .. }) => VerifyingKey::ec(self.algorithm, x, y)?,
            Some(PublicKey::Ed { x }) => VerifyingKey::ed25519(x)?,
        };
        Ok(key.with_kid(self.kid.clone()))
    }

    /// Writes the signature of `message` to `out` and returns its length. An EC signature is raw `r || s` (RFC 7518,
    /// 3.4).
    pub(super) fn sign(&self, message: &[u8], out: &mut [u8; MAX_SIGNATURE_BYTES]) -> Result<usize, TokenError> {
        const FAILED: TokenError = TokenError::Invalid(Reason::Unsignable);
        match (&self.material, self.algorithm.primitive()) {
            (SigningMaterial::Rsa(pair), Primitive::Rsa { sign, .. }) => {
                let length = pair.public_modulus_len();
                let room = out.get_mut(..length).ok_or(FAILED)?;
                pair.sign(*sign, &SystemRandom::new(), message, room).map_err(|_| FAILED)?;
                Ok(length)
            }
            (SigningMaterial::Rsa(_), _) => Err(FAILED),
            (SigningMaterial::Engine(key, algorithm), _) => {
                // The provider is named, since the crate's own choice panics if a program links two.
                let signer = (ENGINE.signer_factory)(algorithm, key).map_err(|_| FAILED)?;
                let signature = signer.try_sign(message).map_err(|_| FAILED)?;
                out.get_mut(..signature.len()).ok_or(FAILED)?.copy_from_slice(&signature);
                Ok(signature.len())
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn fitting(wanted: Option<Algorithm>, default: Algorithm, family: Family) -> Result<Algorithm, KeyError> {
    let algorithm = wanted.unwrap_or(default);
    if algorithm.family() == family { Ok(algorithm) } else { Err(KeyError("the algorithm doesn't fit the key type")) }
}

impl PublicKey {
    /// Returns `kty` and the other members that RFC 7638, 3.2 requires, in lexicographic order.
    fn required_members(&self) -> Value {
        match self {
            Self::Rsa { n, e } => json!({ "e": to_base64url(e), "kty": "RSA", "n": to_base64url(n) }),
            Self::Ec { curve, x, y } => {
                json!({ "crv": curve, "kty": "EC", "x": to_base64url(x), "y": to_base64url(y) })
            }
            Self::Ed { x } => json!({ "crv": "Ed25519", "kty": "OKP", "x": to_base64url(x) }),
        }
    }

    fn thumbprint(&self) -> String {
        digest_of(&self.required_members())
    }
}

/// Returns the RFC 7638 thumbprint of a public JWK in base64url. It is the SHA-256 over the members that its `kty`
/// requires, in lexicographic order. `None`: such a member is missing, or `kty` is none of RSA, EC and OKP.
#[must_use]
pub fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let members: Option<Map<String, Value>> =
        names.iter().map(|name| Some(((*name).to_owned(), jwk.get(*name)?.as_str()?.into()))).collect();
    Some(digest_of(&Value::Object(members?)))
}

fn digest_of(required_members: &Value) -> String {
    to_base64url(&sha256(required_members.to_string().as_bytes()))
}
