//! What tables of sentri 5 on MySQL need beside the additions: byte-wise text in every script, and instants in UTC.
//!
//! Ids stay as they are: foreign keys refer to them, maybe from tables of the application, and MySQL changes neither side
//! of one.

use super::{Column, OLD_INSTANTS, ddl};
use crate::store::executor::Statement;

/// Kept aside and set; `Dialect::migration_unlock` brings the old one back. A TIMESTAMP becomes a DATETIME by the time
/// zone of the connection.
const IN_UTC: [&str; 2] = ["SET @sentri_time_zone = @@session.time_zone", "SET time_zone = '+00:00'"];

/// Texts that are compared, or may be in any script.
const TEXTS: [(&str, &str, &str); 4] = [
    ("sentri_users", "password_hash", "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"),
    ("sentri_sessions", "user_agent", "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
    ("sentri_identifiers", "type", "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"),
    ("sentri_identifiers", "value", "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"),
];

/// The changes to `tables` as they are; none when they are as they should be.
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
    // A sentri 5 that still runs beside us leaves this one to the database.
    let default = if name == "created_at" { " DEFAULT CURRENT_TIMESTAMP(6)" } else { "" };
    is_old_instant.then(|| format!("MODIFY {name} DATETIME(6) NOT NULL{default}"))
}
