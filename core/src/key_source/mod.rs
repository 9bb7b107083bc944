//! The port to the key set of a remote issuer. [`https`] is the driver; [`uri`] checks its address.

use async_trait::async_trait;

use crate::token::remote::FetchFailure;

pub mod https;
pub mod uri;

/// The source of a key set.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The set as published, at most [`MAX_SET_BYTES`](crate::token::jwks::MAX_SET_BYTES) of it. There is one call at a
    /// time; the result is not trusted.
    async fn fetch(&self) -> Result<Vec<u8>, FetchError>;
}

/// Why a set could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct FetchError {
    /// The kind of the failure, which decides when the next attempt is made.
    pub failure: FetchFailure,
    /// For the log: the fault, without the address, which may hold a secret.
    pub cause: String,
}

impl FetchError {
    /// No answer, or an answer that asks to come again.
    pub fn unreachable(cause: impl Into<String>) -> Self {
        Self { failure: FetchFailure::Unreachable, cause: cause.into() }
    }

    /// An answer that will not mend itself.
    pub fn refused(cause: impl Into<String>) -> Self {
        Self { failure: FetchFailure::Refused, cause: cause.into() }
    }
}
