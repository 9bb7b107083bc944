//! Errors of the driver and the server, told apart by what a caller can do.

use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::failure::StoreError;
use crate::tls;

/// The failure that `error` stands for. Holds the server's message only where that can't quote a value of a row.
pub(super) fn from_driver(error: &Error) -> StoreError {
    match error.as_db_error() {
        Some(error) => from_server(error),
        // Defects of ours, found before anything was sent or after all was received.
        None if is_defect(error) => StoreError::Other(chain(error)),
        None => StoreError::Unavailable(chain(error) + &cure(error)),
    }
}

/// Whether the connection may serve the next caller after `error`.
pub(super) fn leaves_connection_sound(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        !matches!(from_server(db), StoreError::Unavailable(_)) && !is_stale(db.code().code(), db.message())
    })
}

fn from_server(error: &DbError) -> StoreError {
    from_code(error.code().code(), error.message(), error.constraint())
}

/// The failure behind an SQLSTATE of five characters.
pub(in crate::store) fn from_code(code: &str, message: &str, constraint: Option<&str>) -> StoreError {
    let text = describe(code, message, constraint);
    if is_stale(code, message) {
        return StoreError::Conflict(text);
    }
    let class = code.get(..2).unwrap_or_default();
    match code {
        "23505" => StoreError::Unique(text),
        // Serialization, deadlock, a lock not to be had; a referenced row that went away meanwhile; somebody else made
        // the same table, column or object.
        "40001" | "40P01" | "55P03" | "23503" | "42P07" | "42701" | "42710" => StoreError::Conflict(text),
        "42P01" | "42703" => StoreError::SchemaMissing(text),
        // Shut down, out of connections, still starting, a limit of the server's; a standby that was the primary.
        "57P01" | "57P02" | "57P03" | "57P05" | "57014" | "53300" | "25006" => StoreError::Unavailable(text),
        // Broken connections; refused logins and missing databases, which an operator mends outside.
        _ if matches!(class, "08" | "28") || code == "3D000" => StoreError::Unavailable(text),
        _ => StoreError::Other(text),
    }
}

/// A prepared statement that the connection no longer has as it was: a migration changed its columns, or a pooler
/// handed us another server connection. A new connection prepares it again.
fn is_stale(code: &str, message: &str) -> bool {
    match code {
        "0A000" => message.contains("cached plan"),
        "26000" | "42P05" => true,
        _ => false,
    }
}

fn describe(code: &str, message: &str, constraint: Option<&str>) -> String {
    match (code.get(..2).unwrap_or_default(), constraint) {
        // Data exceptions quote the value in their message; a violated constraint does in its detail.
        ("22", _) => format!("{code}: a value does not fit its column"),
        ("23", constraint) => format!("{code}: constraint {}", constraint.unwrap_or("of unknown name")),
        _ => format!("{code}: {message}"),
    }
}

fn is_defect(error: &Error) -> bool {
    let text = error.to_string();
    ["error serializing", "error deserializing", "invalid co", "query returned", "expected "]
        .iter()
        .any(|start| text.starts_with(start))
}

/// What to do about TLS that failed.
fn cure(error: &Error) -> String {
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match text.as_str() {
        "server does not support TLS" => "; switch it on there, or say sslmode=disable".to_owned(),
        _ => tls::cure(error, &NAMES),
    }
}

const NAMES: tls::Names = tls::Names {
    root: "sslrootcert in the URL or ssl.ca in the object",
    any_host: "sslmode=verify-ca with sslrootcert",
    client: "sslcert and sslkey in the URL or ssl.cert and ssl.key in the object",
};

/// The error and its causes; the driver's own texts hold neither passwords nor values.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
