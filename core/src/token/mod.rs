//! Tokens: signed, verified and read here, by nobody else. Pure: bytes and `now` in, values out.
//!
//! * [`algorithm`] one table with everything about each JWS algorithm
//! * [`key`] the keys, parsed once; [`pem`] reads private keys, [`wrap`] keeps them at rest, [`weak`] knows bad RSA moduli
//! * [`jws`] the strict front door: compact JWS (RFC 7515) and nothing else
//! * [`claims`] and [`refresh`] what our two kinds of token say; neither verifies as the other
//! * [`keyring`] the keys of a server, rotated by swapping the whole ring
//! * [`jwks`] the keys of an issuer elsewhere; [`remote`] when to fetch them again and how long to trust them
//!
//! The algorithm always comes from configuration and key, never from a token (RFC 8725, 3.1).

#![allow(clippy::result_large_err, reason = "the large error is for set-up alone; tokens are refused with a small one")]

use crate::error::{Error, ErrorCode};

pub mod algorithm;
pub mod claims;
pub mod json;
pub mod jwks;
pub mod jws;
pub mod key;
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
    Invalid(&'static str),
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Expired => ErrorCode::TokenExpired.into(),
            TokenError::Invalid(_) => ErrorCode::TokenInvalid.into(),
        }
    }
}
