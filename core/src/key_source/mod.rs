//! The port by which a client gets the key set of a remote issuer. [`https`] fetches it, and [`uri`] checks its
//! address.

use async_trait::async_trait;

use crate::token::remote::FetchFailure;

pub mod https;
pub mod uri;

/// The source of a key set.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// Returns the set as published, at most [`MAX_SET_BYTES`](crate::token::jwks::MAX_SET_BYTES) of it. There is one
    /// call at a time. The caller validates the result.
    async fn fetch(&self) -> Result<Vec<u8>, FetchError>;
}

/// The reason why a set could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct FetchError {
    /// The kind of the failure, which decides when the next attempt is made.
    pub failure: FetchFailure,
    /// The fault, for the log. It does not name the address, which may hold a secret.
    pub cause: String,
}

impl FetchError {
    /// Makes the error for no answer, or for an answer after which a later attempt may succeed.
    pub fn unreachable(cause: impl Into<String>) -> Self {
        Self { failure: FetchFailure::Unreachable, cause: cause.into() }
    }

    /// Makes the error for an answer that later attempts will not change.
    pub fn refused(cause: impl Into<String>) -> Self {
        Self { failure: FetchFailure::Refused, cause: cause.into() }
    }
}
