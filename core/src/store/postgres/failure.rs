//! Classifies errors of the driver and the server by the caller's remedy.

use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::failure::StoreError;
use crate::tls;

/// Returns the failure for an error. It holds the server's message only if that can't quote a value of a row. `role` is
/// the role that sentri has at the server.
pub(super) fn from_driver(error: &Error, role: Option<&str>) -> StoreError {
    match error.as_db_error() {
        Some(error) => from_server(error, role),
        // These are defects of sentri, found before anything was sent or after everything was received.
        None if is_defect(error) => StoreError::Other(chain(error)),
        None => StoreError::Unavailable(chain(error) + &cure(error)),
    }
}

/// Whether the connection may serve the next caller after `error`.
pub(super) fn leaves_connection_sound(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        !matches!(from_server(db, None), StoreError::Unavailable(_)) && !is_stale(db.code().code(), db.message())
    })
}

/// Whether a statement that was prepared by name is missing, or another statement has its name.
pub(super) fn lost_its_name(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| matches!(db.code().code(), "26000" | "42P05"))
}

fn from_server(error: &DbError, role: Option<&str>) -> StoreError {
    from_code(error.code().code(), error.message(), error.constraint(), role)
}

/// Returns the failure for an SQLSTATE of five characters.
pub(in crate::store) fn from_code(
    code: &str,
    message: &str,
    constraint: Option<&str>,
    role: Option<&str>,
) -> StoreError {
    let text = describe(code, message, constraint);
    if is_stale(code, message) {
        return StoreError::Conflict(text);
    }
    let class = code.get(..2).unwrap_or_default();
    match code {
        "23505" => StoreError::Unique(text),
        // A serialization failure, a deadlock, a lock that was not free; a referenced row that was deleted meanwhile; a
        // table, column or object that somebody else made meanwhile.
        "40001" | "40P01" | "55P03" | "23503" | "42P07" | "42701" | "42710" => StoreError::Conflict(text),
        "42P01" | "42703" => StoreError::SchemaMissing(text),
        // A view or a policy of the application keeps a column from being changed.
        "0A000" | "2BP01" if message.contains("cannot alter type") || message.contains("depend") => {
            let cure = "drop what depends on the column, call migrate(), and make it again";
            StoreError::Configuration(format!("db: PostgreSQL says {text}: {cure}"))
        }
        "42501" | "3F000" => StoreError::Configuration(misconfigured(&text, message, role)),
        // The server is shut down, starting, out of connections, at a time limit, or a standby that was the primary.
        "57P01" | "57P02" | "57P03" | "57P05" | "57014" | "53300" | "25006" => StoreError::Unavailable(text),
        // Broken connections, refused logins, and missing databases, which an operator must put right.
        _ if matches!(class, "08" | "28") || code == "3D000" => StoreError::Unavailable(text),
        _ => StoreError::Other(text),
    }
}

/// Whether a prepared statement is stale, since a migration changed its columns, or a pooler changed the server
/// connection. A new connection prepares it again.
fn is_stale(code: &str, message: &str) -> bool {
    match code {
        "0A000" => message.contains("cached plan"),
        "26000" | "42P05" => true,
        _ => false,
    }
}

fn describe(code: &str, message: &str, constraint: Option<&str>) -> String {
    match (code.get(..2).unwrap_or_default(), constraint) {
        // Data exceptions quote the value in their message, and a violated constraint quotes it in its detail.
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

/// Returns the cure for a failure of TLS.
fn cure(error: &Error) -> String {
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match text.as_str() {
        "server does not support TLS" => "; switch it on there, or say sslmode=disable".to_owned(),
        _ => tls::cure(error, &NAMES),
    }
}

/// Returns the text for a missing right or schema, with its cure.
fn misconfigured(text: &str, message: &str, role: Option<&str>) -> String {
    let role = role.map_or_else(|| "the role".to_owned(), quoted);
    let named = |kind: &str| {
        let rest = message.split_once(kind)?.1;
        Some(rest.split_whitespace().next()?.trim_matches('"').to_owned())
    };
    let cure = if message.starts_with("must be owner of") {
        format!("ALTER TABLE sentri_users OWNER TO {role}, and so on for every table that begins with sentri_")
    } else if message.contains("no schema has been selected") {
        format!("GRANT USAGE, CREATE ON SCHEMA public TO {role}, or name a schema: ?schema=.. in the URL of db")
    } else if let Some(table) = named("table ") {
        format!("GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES ON {} TO {role}", quoted(&table))
    } else if let Some(schema) = named("schema ") {
        let schema = quoted(&schema);
        match message.contains("does not exist") {
            true => format!("CREATE SCHEMA {schema} AUTHORIZATION {role}"),
            false => format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"),
        }
    } else {
        format!("GRANT what is missing to {role}")
    };
    format!("db: PostgreSQL says {text}. Let the owner of the database run: {cure}")
}

/// Returns a name for SQL, in quotes if it needs them.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_plain = name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

const NAMES: tls::Names = tls::Names {
    root: "sslrootcert in the URL or ssl.ca in the object",
    any_host: "sslmode=verify-ca with sslrootcert",
    client: "sslcert and sslkey in the URL or ssl.cert and ssl.key in the object",
};

/// Returns the texts of an error and its causes. The driver's own texts hold neither passwords nor values.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
