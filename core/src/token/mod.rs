//! Tokens. Only this module signs, verifies and reads them. Pure: it takes bytes and `now`, and returns values.
//!
//! * [`algorithm`] is the table with all facts about each JWS algorithm.
//! * [`key`] has the keys, which are parsed once. [`pem`] reads private keys, [`wrap`] encrypts them for the database,
//!   and [`weak`] detects keys that must not be trusted.
//! * `foreign` refuses secrets that were meant as something else.
//! * [`jws`] verifies compact JWS (RFC 7515) strictly, and no other form.
//! * [`claims`], [`refresh`] and [`device`] have the content of the kinds of tokens, of which none verifies as another.
//! * [`keyring`] has the keys of a server, which a rotation replaces as a whole.
//! * [`jwks`] has the keys of a remote issuer, and [`remote`] decides when to fetch them again and how long to use
//!   them.
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

/// The reason why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token is right, except that it has expired. Refresh, then repeat.
    #[error("the token has expired")]
    Expired,
    /// The token is invalid. The reason is for tests and logs alone, since it would help a client to forge tokens.
    #[error("the token is invalid: {0}")]
    Invalid(Reason),
}

impl TokenError {
    /// Returns the reason for the field `reason` of events.
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
    /// It is no compact JWS, or its header or claims are malformed.
    Malformed,
    /// Its `typ` is that of another kind of token.
    Type,
    /// Its `alg` is unknown or not accepted.
    Algorithm,
    /// No key fits its `kid` and `alg`.
    UnknownKey,
    /// No key that fits made its signature.
    Signature,
    /// Its `nbf` is in the future, or its `iat` is more than a day in the future.
    NotYetValid,
    /// Its `iss` is not the configured issuer.
    Issuer,
    /// Its `aud` does not name the configured audience.
    Audience,
    /// It would be longer than [`jws::MAX_TOKEN_BYTES`].
    TooLong,
    /// The key can't sign.
    Unsignable,
}

impl Reason {
    /// Returns the name of the reason, in `snake_case`.
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
