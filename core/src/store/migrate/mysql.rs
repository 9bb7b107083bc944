//! The changes that tables of sentri 5 on MySQL need beside new columns: text in every script that compares byte by
//! byte, and instants in UTC.
//!
//! Ids keep their types. Foreign keys refer to them, perhaps from tables of the application, and MySQL changes neither
//! side of a foreign key. Statements compare ids byte by byte (`Dialect::spell`).

use super::ddl::{Column, OLD_INSTANTS, ddl};
use crate::failure::StoreError;
use crate::store::executor::{Executor, Statement};
use crate::store::sql::SqlStore;

/// Saves the time zone of the connection and sets UTC, since a TIMESTAMP becomes a DATETIME by the connection's time
/// zone. `Dialect::migration_unlock` restores the old one.
const IN_UTC: [&str; 2] = ["SET @sentri_time_zone = @@session.time_zone", "SET time_zone = '+00:00'"];

/// The columns with texts that are compared or may be in any script, and their types.
const TEXTS: [(&str, &str, &str); 4] = [
    ("sentri_users", "password_hash", "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"),
    ("sentri_sessions", "user_agent", "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
    ("sentri_identifiers", "type", "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"),
    ("sentri_identifiers", "value", "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"),
];

const TABLES: [&str; 3] = ["sentri_users", "sentri_sessions", "sentri_identifiers"];
const CHARS: [&str; 6] = ["varchar", "char", "text", "tinytext", "mediumtext", "longtext"];
/// Types of bytes that may hold text. Some drivers read them as other types.
const BYTES: [&str; 6] = ["varbinary", "binary", "blob", "tinyblob", "mediumblob", "longblob"];
const LATER_INSTANTS: [&str; 4] = ["updated_at", "rotated_at", "last_used_at", "revoked_at"];
/// The length of the ids that sentri makes.
const ID_LENGTH: u32 = 36;

impl<E: Executor> SqlStore<E> {
    /// Gives columns of sentri 5 the types that statements are written for, and refuses columns whose values it can't
    /// read. This happens on every run and is no version, since 6.0.0 adopted tables without this check.
    pub(super) async fn adopt_mysql_types(&self) -> Result<(), StoreError> {
        let mut plan = Vec::new();
        for table in TABLES {
            for column in self.columns(table).await? {
                if let Some(wanted) = wanted(table, &column)? {
                    plan.push(ddl(format!("ALTER TABLE {table} MODIFY {} {wanted}", column.name)));
                }
            }
        }
        if plan.is_empty() {
            return Ok(());
        }
        self.change_schema(IN_UTC.map(ddl).into_iter().chain(plan)).await
    }
}

/// Returns the type that `column` must get, or `None` if its type is right or version 1 changes it.
fn wanted(table: &str, column: &Column) -> Result<Option<&'static str>, StoreError> {
    let Column { name, kind } = column;
    let base = kind.split(['(', ' ']).next().unwrap_or_default();
    let is_instant = matches!(base, "datetime" | "timestamp");
    let (is_right, needed) = match name.as_str() {
        "id" | "user_id" => {
            let length = kind.split(['(', ')']).nth(1).and_then(|length| length.parse::<u32>().ok());
            let has_room = length.is_none_or(|length| length >= ID_LENGTH);
            (base == "uuid" || CHARS.contains(&base) && has_room, "VARCHAR(36) NOT NULL")
        }
        "roles" if BYTES.contains(&base) => {
            return Ok(Some("TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"));
        }
        "roles" => (base == "json" || CHARS.contains(&base), "TEXT NOT NULL"),
        "ip_address" if matches!(base, "inet4" | "inet6") => return Ok(Some("VARCHAR(45)")),
        "ip_address" => (CHARS.contains(&base), "VARCHAR(45)"),
        "type" => (base == "enum" || CHARS.contains(&base) || BYTES.contains(&base), "VARCHAR(64) NOT NULL"),
        "password_hash" => (CHARS.contains(&base) || BYTES.contains(&base), "VARCHAR(255) NOT NULL"),
        "value" => (CHARS.contains(&base) || BYTES.contains(&base), "TEXT NOT NULL"),
        "user_agent" => (CHARS.contains(&base) || BYTES.contains(&base), "TEXT"),
        later if LATER_INSTANTS.contains(&later) => {
            if is_instant && kind != "datetime(6)" {
                return Ok(Some("DATETIME(6)"));
            }
            (is_instant, "DATETIME(6)")
        }
        "created_at" | "expires_at" => (is_instant, "DATETIME(6) NOT NULL"),
        "auth_epoch" | "generation" => (matches!(base, "bigint" | "int"), "BIGINT NOT NULL DEFAULT 0"),
        _ => (true, ""),
    };
    if is_right {
        return Ok(None);
    }
    let keys = if matches!(name.as_str(), "id" | "user_id") {
        "; drop the foreign keys on it before that, and add them again when both of their sides are changed"
    } else {
        ""
    };
    Err(StoreError::Configuration(format!(
        "db: the column {name} of {table} has the type {kind}, which sentri can't use. Change it and keep what it \
         means: ALTER TABLE {table} MODIFY {name} {needed}{keys}"
    )))
}

/// Returns the changes that `tables` need, or none if they are right already.
pub(super) fn adopt(tables: &[(&str, Vec<Column>)]) -> Vec<Statement> {
    let mut plan: Vec<Statement> = Vec::new();
    for (table, columns) in tables {
        let changes: Vec<String> = columns.iter().filter_map(|column| change_of(table, column)).collect();
        if !changes.is_empty() {
            plan.push(ddl(format!("ALTER TABLE {table} {}", changes.join(", "))));
        }
    }
    if !plan.is_empty() {
        plan.splice(0..0, IN_UTC.map(ddl));
    }
    plan
}

fn change_of(table: &str, column: &Column) -> Option<String> {
    let Column { name, kind } = column;
    if let Some((_, _, text)) = TEXTS.iter().find(|text| (text.0, text.1) == (table, name)) {
        let size = text.split(' ').next().unwrap_or_default().to_ascii_lowercase();
        let is_right = kind.ends_with(" utf8mb4_bin") && (kind.starts_with(&size) || size == "text");
        return (!is_right).then(|| format!("MODIFY {name} {text}"));
    }
    if column.is_json_roles() {
        return Some("MODIFY roles TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL".into());
    }
    let is_old_instant = OLD_INSTANTS.contains(&(table, name.as_str())) && kind != "datetime(6)";
    // A sentri 5 that still runs beside this process leaves this column to the database.
    let default = if name == "created_at" { " DEFAULT CURRENT_TIMESTAMP(6)" } else { "" };
    is_old_instant.then(|| format!("MODIFY {name} DATETIME(6) NOT NULL{default}"))
}
