//! Classifies errors of SQLite by the caller's remedy.

use rusqlite::{ErrorCode, ffi};

use crate::failure::StoreError;

/// Whether another connection holds a lock that the statement needs.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Returns the failure for an error.
pub(super) fn from_driver(error: rusqlite::Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error() {
        Some(error) => from_code(error.extended_code, text),
        None => StoreError::Other(text),
    }
}

/// Returns the failure for an extended result code. The texts of SQLite name tables and columns, never values.
pub(in crate::store) fn from_code(code: i32, text: String) -> StoreError {
    match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => return StoreError::Unique(text),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return StoreError::Conflict(text),
        _ => {}
    }
    // The lowest byte of an extended code is the primary code.
    match code & 0xff {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StoreError::Conflict(text),
        ffi::SQLITE_CANTOPEN | ffi::SQLITE_FULL | ffi::SQLITE_READONLY | ffi::SQLITE_IOERR | ffi::SQLITE_PROTOCOL => {
            StoreError::Unavailable(text)
        }
        ffi::SQLITE_CONSTRAINT => StoreError::Other(text),
        _ if text.contains("no such table") || text.contains("no such column") => StoreError::SchemaMissing(text),
        _ if text.contains("already exists") || text.contains("duplicate column name") => StoreError::Conflict(text),
        _ => StoreError::Other(text),
    }
}
