//! Tokens: a strict JWS verifier and signer, the claims of access and refresh tokens, keys and key sets.
//!
//! Everything here is a pure function of its input and `now`; the algorithm comes from configuration and key, never
//! from a token (RFC 8725, 3.1).

use crate::error::{Error, ErrorCode};

pub mod algorithm;
pub mod claims;
pub mod jwk;
pub mod jwks;
pub mod jws;
pub mod key;
pub mod keyring;
pub mod refresh;
pub mod wrap;

/// Why a token is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Everything else is right; its time is over.
    Expired,
    /// Malformed, forged, or meant for something else. The reason is for tests and logs; callers learn only that.
    Invalid(&'static str),
}

impl std::fmt::Display for TokenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Expired => "expired",
            Self::Invalid(reason) => reason,
        })
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
