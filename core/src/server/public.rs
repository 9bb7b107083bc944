//! Errors as clients may see them.

use serde_json::Value;

use crate::error::Error;
use crate::failure::{Failure, StoreError};

/// Replaces a message that is for the operator, which may name database roles and tables. Other errors stay as they
/// are.
pub(super) fn for_callers(error: Error) -> Error {
    let cause = error.details.as_ref().and_then(|details| details.get("cause")).and_then(Value::as_str);
    match cause {
        Some(cause) if cause == error.message => {
            let (shown, _) = Failure::from(StoreError::Configuration(String::new())).into_public();
            Error { message: shown.message, ..error }
        }
        _ => error,
    }
}
