//! Tokens: signed, verified and read here alone. Pure: bytes and `now` in, values out.
//!
//! * [`algorithm`] one table with everything about each JWS algorithm
//! * [`key`] the keys, parsed once; [`pem`] reads private keys, [`wrap`] keeps them at rest, [`weak`] knows bad RSA
//!   moduli
//! * `foreign` refuses secrets that were meant as something else
//! * [`jws`] the strict front door: compact JWS (RFC 7515) and nothing else
//! * [`claims`], [`refresh`] and [`device`] the content of our kinds of token; none verifies as another
//! * [`keyring`] the keys of a server, rotated by swapping the whole ring
//! * [`jwks`] the keys of an issuer elsewhere; [`remote`] when to fetch them again and how long to trust them
//!
//! The algorithm always comes from configuration and key, never from a token (RFC 8725, 3.1).

#![allow(clippy::result_large_err, reason = "the large error is for set-up alone; tokens are refused with a small one")]

use crate::error::{Error, ErrorCode};

pub mod algorithm;
pub mod claims;
pub mod device;
mod foreign;
mod header;
pub mod json;
pub mod jwks;
pub mod jws;
pub mod key;
mod key_error;
pub mod keyring;
pub mod pem;
pub mod refresh;
pub mod remote;
mod verifying_key;
pub mod weak;
pub mod wrap;

pub use algorithm::Algorithm;
pub use claims::{AccessClaims, ClaimRules};
pub use key::{KeyError, SigningKey, VerifyingKey};
pub use keyring::KeyRing;
pub use refresh::RefreshClaims;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Everything about it is right but its time. Refresh, then repeat.
    #[error("the token has expired")]
    Expired,
    /// Anything else. The reason is for tests and logs: a client that learns it learns how to forge better.
    #[error("the token is invalid: {0}")]
    Invalid(Reason),
}

impl TokenError {
    /// The reason as events carry it.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Invalid(reason) => reason.as_str(),
        }
    }
}

/// The fault of a token that is refused, or that can't be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is no compact JWS with a header and claims as they must be.
    Malformed,
    /// Its `typ` is that of another kind of token.
    Type,
    /// Its `alg` is unknown or not among those that are accepted.
    Algorithm,
    /// No key is for it.
    UnknownKey,
    /// No key that is for it made its signature.
    Signature,
    /// Its `nbf` is to come, or its `iat` is more than a day ahead.
    NotYetValid,
    /// Its `iss` is another.
    Issuer,
    /// Its `aud` does not name the configured audience.
    Audience,
    /// It would be longer than any reader of ours takes.
    TooLong,
    /// The key can't sign.
    Unsignable,
}

impl Reason {
    /// The word for it, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Type => "type",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::NotYetValid => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::TooLong => "too_long",
            Self::Unsignable => "unsignable",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Expired => ErrorCode::TokenExpired.into(),
            TokenError::Invalid(_) => ErrorCode::TokenInvalid.into(),
        }
    }
}
