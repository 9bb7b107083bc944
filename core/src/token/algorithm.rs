//! The one table of signature algorithms (RFC 7518, 3.1; RFC 8037).

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, EcdsaSigningAlgorithm, RsaEncoding, VerificationAlgorithm};

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of RFC 7518")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// What kind of key an algorithm wants, with the primitives that go with it.
#[derive(Clone, Copy)]
pub enum Family {
    /// A shared secret.
    Hmac(hmac::Algorithm),
    /// An RSA key pair.
    Rsa {
        /// How to sign.
        sign: &'static dyn RsaEncoding,
        /// How to verify; 2048 to 8192 bits.
        verify: &'static dyn VerificationAlgorithm,
    },
    /// A key pair on a NIST curve; signatures are `r || s`.
    Ec {
        /// How to sign.
        sign: &'static EcdsaSigningAlgorithm,
        /// How to verify.
        verify: &'static dyn VerificationAlgorithm,
        /// JWK name of the curve.
        curve: &'static str,
        /// Bytes of one coordinate.
        width: usize,
    },
    /// An Ed25519 key pair.
    Ed25519 {
        /// How to verify.
        verify: &'static dyn VerificationAlgorithm,
    },
}

impl Algorithm {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 12] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The name in JOSE headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of exactly that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Whether signer and verifier share one secret.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// The least a secret should have: as much as the hash gives (RFC 7518, 3.2). 0 for asymmetric algorithms.
    #[must_use]
    pub const fn min_secret_bytes(self) -> usize {
        match self {
            Self::HS256 => 32,
            Self::HS384 => 48,
            Self::HS512 => 64,
            _ => 0,
        }
    }

    /// The primitives.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::HS256 => Family::Hmac(hmac::HMAC_SHA256),
            Self::HS384 => Family::Hmac(hmac::HMAC_SHA384),
            Self::HS512 => Family::Hmac(hmac::HMAC_SHA512),
            Self::RS256 => rsa(&signature::RSA_PKCS1_SHA256, &signature::RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => rsa(&signature::RSA_PKCS1_SHA384, &signature::RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => rsa(&signature::RSA_PKCS1_SHA512, &signature::RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => rsa(&signature::RSA_PSS_SHA256, &signature::RSA_PSS_2048_8192_SHA256),
            Self::PS384 => rsa(&signature::RSA_PSS_SHA384, &signature::RSA_PSS_2048_8192_SHA384),
            Self::PS512 => rsa(&signature::RSA_PSS_SHA512, &signature::RSA_PSS_2048_8192_SHA512),
            Self::ES256 => Family::Ec {
                sign: &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                verify: &signature::ECDSA_P256_SHA256_FIXED,
                curve: "P-256",
                width: 32,
            },
            Self::ES384 => Family::Ec {
                sign: &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                verify: &signature::ECDSA_P384_SHA384_FIXED,
                curve: "P-384",
                width: 48,
            },
            Self::EdDSA => Family::Ed25519 { verify: &signature::ED25519 },
        }
    }
}

fn rsa(sign: &'static dyn RsaEncoding, verify: &'static dyn VerificationAlgorithm) -> Family {
    Family::Rsa { sign, verify }
}
