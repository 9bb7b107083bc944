//! Internal failures, and their conversion to a public [`Error`].

use std::time::Duration;

use crate::error::{Error, ErrorCode};

/// An internal failure. Services return it; `http` and the programmatic calls convert it to a public error once.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A decision that the caller receives unchanged.
    #[error(transparent)]
    Refused(#[from] Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue for password hashing is full, or the wait in it was too long.
    #[error("the password hashing queue is full")]
    HashQueueFull,
    /// A defect; the text goes to the log, never to a client.
    #[error("{0}")]
    Internal(String),
}

/// The failure of a store operation, as far as a caller can act on it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique constraint refused the write.
    #[error("unique constraint violated: {0}")]
    Unique(String),
    /// The transaction lost a race and can be run again (40001, 40P01, `SQLITE_BUSY`, 1213).
    #[error("serialization failure: {0}")]
    Conflict(String),
    /// The database can't be reached or did not answer in time. The outcome of a write is unknown.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// A table or column is missing, since `migrate()` was not run.
    #[error("schema missing: {0}")]
    SchemaMissing(String),
    /// The configuration is wrong. The text names the option and the cure, for the operator of the server.
    #[error("{0}")]
    Configuration(String),
    /// Any other failure, which is a defect.
    #[error("database error: {0}")]
    Other(String),
}

/// The `Retry-After` of an answer while a dependency is unavailable.
pub const RETRY_AFTER_UNAVAILABLE: Duration = Duration::from_secs(2);

impl Failure {
    /// Returns the public error, and the cause for the log if the public error hides it.
    #[must_use]
    pub fn into_public(self) -> (Error, Option<String>) {
        match self {
            Self::Refused(error) => (error, None),
            Self::Store(StoreError::Unavailable(cause) | StoreError::Conflict(cause)) => {
                (unavailable("The database is temporarily unavailable"), Some(cause))
            }
            Self::Store(StoreError::SchemaMissing(cause)) => {
                (Error::configuration("The sentri tables are missing: call migrate() once at startup"), Some(cause))
            }
            Self::Store(StoreError::Configuration(cause)) => {
                (Error::configuration("The database is not as sentri needs it: the log says what to do"), Some(cause))
            }
            Self::Store(error @ (StoreError::Unique(_) | StoreError::Other(_))) => {
                (ErrorCode::InternalError.into(), Some(error.to_string()))
            }
            Self::HashQueueFull => (unavailable("Too many logins at once"), None),
            Self::Internal(cause) => (ErrorCode::InternalError.into(), Some(cause)),
        }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code.into())
    }
}

fn unavailable(message: &str) -> Error {
    Error::new(ErrorCode::ServiceUnavailable, message).with_retry_after(RETRY_AFTER_UNAVAILABLE)
}
