//! The JWS algorithms (RFC 7518, 3.1; RFC 8037) in a table. No other code in the core enumerates them.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters,
    RsaSignatureEncoding,
};

/// A signature algorithm. The algorithm `none` is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
    Ps256,
    /// RSASSA-PSS with SHA-384 and a salt of 48 bytes.
    Ps384,
    /// RSASSA-PSS with SHA-512 and a salt of 64 bytes.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// The type of key that an algorithm needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// A shared secret.
    Hmac,
    /// An RSA key.
    Rsa,
    /// A key on a NIST curve.
    Ec,
    /// An Ed25519 key.
    Ed,
}

/// The cryptographic primitive behind an algorithm.
pub(super) enum Primitive {
    Hmac(hmac::Algorithm),
    Rsa { sign: &'static RsaSignatureEncoding, verify: &'static RsaParameters },
    Ec(Curve),
    Ed,
}

/// A NIST curve with the hash that JWS pairs it with.
#[derive(Clone, Copy)]
pub(super) struct Curve {
    /// `crv` of a JWK (RFC 7518, 6.2.1.1).
    pub name: &'static str,
    /// The length of `x` and of `y`, in bytes.
    pub coordinate_bytes: usize,
    pub sign: &'static EcdsaSigningAlgorithm,
    pub verify: &'static EcdsaVerificationAlgorithm,
}

struct Row {
    algorithm: Algorithm,
    name: &'static str,
    family: Family,
    hash_bytes: usize,
    primitive: Primitive,
}

const fn row(algorithm: Algorithm, name: &'static str, family: Family, hash_bytes: usize, primitive: Primitive) -> Row {
    Row { algorithm, name, family, hash_bytes, primitive }
}

const fn rsa(sign: &'static RsaSignatureEncoding, verify: &'static RsaParameters) -> Primitive {
    Primitive::Rsa { sign, verify }
}

const P256: Curve = Curve {
    name: "P-256",
    coordinate_bytes: 32,
    sign: &ECDSA_P256_SHA256_FIXED_SIGNING,
    verify: &ECDSA_P256_SHA256_FIXED,
};

const P384: Curve = Curve {
    name: "P-384",
    coordinate_bytes: 48,
    sign: &ECDSA_P384_SHA384_FIXED_SIGNING,
    verify: &ECDSA_P384_SHA384_FIXED,
};

// The rows are in the order of the enum, since a row is found by its index.
static TABLE: [Row; 12] = [
    row(Algorithm::Hs256, "HS256", Family::Hmac, 32, Primitive::Hmac(hmac::HMAC_SHA256)),
    row(Algorithm::Hs384, "HS384", Family::Hmac, 48, Primitive::Hmac(hmac::HMAC_SHA384)),
    row(Algorithm::Hs512, "HS512", Family::Hmac, 64, Primitive::Hmac(hmac::HMAC_SHA512)),
    row(Algorithm::Rs256, "RS256", Family::Rsa, 32, rsa(&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256)),
    row(Algorithm::Rs384, "RS384", Family::Rsa, 48, rsa(&RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384)),
    row(Algorithm::Rs512, "RS512", Family::Rsa, 64, rsa(&RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512)),
    row(Algorithm::Ps256, "PS256", Family::Rsa, 32, rsa(&RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256)),
    row(Algorithm::Ps384, "PS384", Family::Rsa, 48, rsa(&RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384)),
    row(Algorithm::Ps512, "PS512", Family::Rsa, 64, rsa(&RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512)),
    row(Algorithm::Es256, "ES256", Family::Ec, 32, Primitive::Ec(P256)),
    row(Algorithm::Es384, "ES384", Family::Ec, 48, Primitive::Ec(P384)),
    row(Algorithm::EdDsa, "EdDSA", Family::Ed, 64, Primitive::Ed),
];

impl Algorithm {
    /// Returns all algorithms, in the order of the documentation.
    #[must_use]
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        TABLE.iter().map(|row| row.algorithm)
    }

    /// Finds the algorithm of exactly this name. `rs256` and `RS256 ` are not found.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.algorithm)
    }

    /// Returns the name, which is the value of `alg`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// Returns the type of key that the algorithm needs.
    #[must_use]
    pub fn family(self) -> Family {
        self.row().family
    }

    /// Whether the algorithm needs a shared secret, so that there is no public key to publish.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        self.family() == Family::Hmac
    }

    /// Returns the length of the hash in bytes. A shorter HMAC secret is weak (RFC 7518, 3.2).
    #[must_use]
    pub fn hash_bytes(self) -> usize {
        self.row().hash_bytes
    }

    pub(super) fn primitive(self) -> &'static Primitive {
        &self.row().primitive
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.algorithm as usize, index, "{}", row.name);
        }
    }
}
