//! Classifies an error that the host reports, by the tables of the drivers in the core.
//!
//! `code` is the driver's own code, `number` and `state` come with it from MySQL and SQLite, and `name` is the class of
//! the error. An error of a server's driver without any code is a connection failure, such as a closed connection or a
//! timeout.

use rusqlite::ffi;
use serde_json::Value;

use crate::failure::StoreError;
use crate::store::dialect::{Dialect, Errors};
use crate::store::{mysql, postgres, sqlite};

pub(super) fn from_host(dialect: &Dialect, failed: &Value) -> StoreError {
    let text = |name: &str| failed.get(name).and_then(Value::as_str);
    let message = text("message").unwrap_or_default();
    let (code, state) = (text("code").unwrap_or_default(), text("state").unwrap_or_default());
    let number = failed.get("number").and_then(Value::as_i64);
    if code == "LATE" {
        return StoreError::Unavailable(message.to_owned());
    }
    // This is a mistake in the host's code, and no error of the database. For SQLite, errors without a code go on to
    // its own rules.
    if code.is_empty() && number.is_none() && DEFECTS.contains(&text("name").unwrap_or_default()) && !dialect.is_file {
        return StoreError::Other(message.to_owned());
    }
    match dialect.errors {
        Errors::SqlState if is_sql_state(code) => postgres::failure::from_code(code, message, text("constraint"), None),
        Errors::SqlState => StoreError::Unavailable(connection(code, message)),
        Errors::Numbers => {
            match number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number >= 1000) {
                Some(number) => mysql::failure::from_code(number, state, message),
                None => StoreError::Unavailable(connection(code, message)),
            }
        }
        Errors::ResultCodes => from_sqlite(code, number, message),
    }
}

/// Whether a code is an SQLSTATE, which has five digits and capitals. Codes of the operating system, such as `EPIPE`,
/// are longer or begin with an `E`, which no SQLSTATE does.
fn is_sql_state(code: &str) -> bool {
    code.len() == 5 && !code.starts_with('E') && code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

fn connection(code: &str, message: &str) -> String {
    if code.is_empty() { message.to_owned() } else { format!("{code}: {message}") }
}

fn from_sqlite(code: &str, number: Option<i64>, message: &str) -> StoreError {
    let is_closed = ["not open", "closed", "been destroyed", "not initialized"];
    if is_closed.iter().any(|word| message.contains(word)) {
        return StoreError::Unavailable(message.to_owned());
    }
    // Somebody else has a transaction open on the same connection.
    if message.contains("within a transaction") {
        return StoreError::Conflict(message.to_owned());
    }
    let named = SQLITE_CODES.iter().find(|(name, _)| code.starts_with(name)).map(|(_, number)| *number);
    let number = named.or_else(|| number.and_then(|number| i32::try_from(number).ok()));
    sqlite::from_code(number.unwrap_or(ffi::SQLITE_ERROR), message.to_owned())
}

const DEFECTS: [&str; 4] = ["TypeError", "ReferenceError", "RangeError", "SyntaxError"];

/// Result codes by the beginnings of their names, longer names first.
const SQLITE_CODES: [(&str, i32); 11] = [
    ("SQLITE_CONSTRAINT_UNIQUE", ffi::SQLITE_CONSTRAINT_UNIQUE),
    ("SQLITE_CONSTRAINT_PRIMARYKEY", ffi::SQLITE_CONSTRAINT_PRIMARYKEY),
    ("SQLITE_CONSTRAINT_FOREIGNKEY", ffi::SQLITE_CONSTRAINT_FOREIGNKEY),
    ("SQLITE_CONSTRAINT", ffi::SQLITE_CONSTRAINT),
    ("SQLITE_BUSY", ffi::SQLITE_BUSY),
    ("SQLITE_LOCKED", ffi::SQLITE_LOCKED),
    ("SQLITE_CANTOPEN", ffi::SQLITE_CANTOPEN),
    ("SQLITE_FULL", ffi::SQLITE_FULL),
    ("SQLITE_READONLY", ffi::SQLITE_READONLY),
    ("SQLITE_IOERR", ffi::SQLITE_IOERR),
    ("SQLITE_PROTOCOL", ffi::SQLITE_PROTOCOL),
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::from_host;
    use crate::failure::StoreError;
    use crate::store::dialect::Dialect;

    fn kind(name: &str, failed: &Value) -> &'static str {
        match from_host(Dialect::foreign(name).unwrap(), failed) {
            StoreError::Unique(_) => "unique",
            StoreError::Conflict(_) => "conflict",
            StoreError::Unavailable(_) => "unavailable",
            StoreError::SchemaMissing(_) => "schema",
            StoreError::Configuration(_) => "configuration",
            StoreError::Other(_) => "other",
        }
    }

    #[test]
    fn errors_of_the_drivers_are_distinguished() {
        let code = |code: &str| json!({ "code": code, "message": "m" });
        let number =
            |number: i64, state: &str| json!({ "code": "ER_X", "number": number, "state": state, "message": "m" });
        let sqlite = |code: &str, number: i64| json!({ "code": code, "number": number, "message": "m" });
        let only = |message: &str| json!({ "message": message });
        let table = [
            ("postgres", code("23505"), "unique"),
            ("postgres", code("23503"), "conflict"),
            ("postgres", code("40001"), "conflict"),
            ("postgres", code("40P01"), "conflict"),
            ("postgres", code("57P01"), "unavailable"),
            ("postgres", code("08006"), "unavailable"),
            ("postgres", code("42P01"), "schema"),
            ("postgres", code("42601"), "other"),
            ("postgres", code("ECONNREFUSED"), "unavailable"),
            ("postgres", code("EPIPE"), "unavailable"),
            ("postgres", only("timeout exceeded when trying to connect"), "unavailable"),
            ("postgres", json!({ "name": "TypeError", "message": "x is not a function" }), "other"),
            ("mysql", json!({ "name": "TypeError", "message": "x is not a function" }), "other"),
            ("postgres", code("LATE"), "unavailable"),
            ("mysql", number(1062, "23000"), "unique"),
            ("mysql", number(1213, "40001"), "conflict"),
            ("mysql", number(1205, "HY000"), "conflict"),
            ("mysql", number(1452, "23000"), "conflict"),
            ("mysql", number(1146, "42S02"), "schema"),
            ("mysql", number(1064, "42000"), "other"),
            ("mysql", json!({ "code": "ECONNREFUSED", "number": -111, "message": "m" }), "unavailable"),
            ("mysql", code("PROTOCOL_CONNECTION_LOST"), "unavailable"),
            ("mysql", only("Pool is closed."), "unavailable"),
            ("sqlite", code("SQLITE_CONSTRAINT_UNIQUE"), "unique"),
            ("sqlite", code("SQLITE_CONSTRAINT_PRIMARYKEY"), "unique"),
            ("sqlite", code("SQLITE_CONSTRAINT_FOREIGNKEY"), "conflict"),
            ("sqlite", code("SQLITE_BUSY_SNAPSHOT"), "conflict"),
            ("sqlite", code("SQLITE_IOERR_FSYNC"), "unavailable"),
            ("sqlite", sqlite("ERR_SQLITE_ERROR", 2067), "unique"),
            ("sqlite", sqlite("ERR_SQLITE_ERROR", 1555), "unique"),
            ("sqlite", sqlite("ERR_SQLITE_ERROR", 787), "conflict"),
            ("sqlite", sqlite("ERR_SQLITE_ERROR", 5), "conflict"),
            ("sqlite", sqlite("ERR_SQLITE_ERROR", 1299), "other"),
            ("sqlite", json!({ "code": "SQLITE_ERROR", "message": "no such table: x" }), "schema"),
            ("sqlite", only("cannot start a transaction within a transaction"), "conflict"),
            ("sqlite", only("The database connection is not open"), "unavailable"),
        ];
        for (dialect, failed, wanted) in table {
            assert_eq!(kind(dialect, &failed), wanted, "{dialect} {failed}");
        }
    }

    #[test]
    fn values_are_not_quoted() {
        let duplicate = json!({
            "code": "ER_DUP_ENTRY", "number": 1062, "state": "23000",
            "message": "Duplicate entry 'someone@example.com' for key 'k'",
        });
        let invalid = json!({ "code": "22P02", "message": "invalid input syntax: \"someone@example.com\"" });
        for (dialect, failed) in [("mysql", duplicate), ("postgres", invalid)] {
            let error = from_host(Dialect::foreign(dialect).unwrap(), &failed);
            assert!(!error.to_string().contains("someone"), "{error}");
        }
    }
}
