//! Options that are functions, or objects with methods: `logger`, `hooks`, `router`.

use std::collections::HashSet;

use serde_json::Value;

use super::reader::{FUNCTION, Reader};
use crate::error::Error;
use crate::hook::Operation;

/// Whether there is a logger.
///
/// # Errors
/// `CONFIGURATION_ERROR`
pub(super) fn logger(read: &mut Reader<'_>) -> Result<bool, Error> {
    let Some(value) = read.value("logger") else { return Ok(false) };
    let callable = |method: &str| value.get(method).and_then(Value::as_str) == Some(FUNCTION);
    if ["info", "warn", "error"].into_iter().all(callable) {
        return Ok(true);
    }
    Err(read.error("logger", "must have the methods info, warn and error"))
}

/// Checks the hooks, functions that are called after logins and logouts.
///
/// # Errors
/// `CONFIGURATION_ERROR`
pub(super) fn hooks(read: &mut Reader<'_>) -> Result<(), Error> {
    let Some(value) = read.value("hooks") else { return Ok(()) };
    let mut read = Reader::new("hooks", value)?;
    for hook in ["onLogin", "onFailedLogin", "onLogout"] {
        read.function(hook)?;
    }
    read.finish()
}

/// Reads which use cases the host overrides.
///
/// # Errors
/// `CONFIGURATION_ERROR`
pub(super) fn overrides(read: &mut Reader<'_>) -> Result<HashSet<Operation>, Error> {
    let Some(value) = read.value("router") else { return Ok(HashSet::new()) };
    let mut read = Reader::new("router", value)?;
    let mut found = HashSet::new();
    for operation in Operation::ALL {
        if read.function(operation.as_str())? {
            found.insert(operation);
        }
    }
    read.finish()?;
    Ok(found)
}
