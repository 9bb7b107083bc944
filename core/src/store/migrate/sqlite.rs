//! The changes that tables of sentri 5 on SQLite need beside new columns.

use super::ddl::{ddl, statements_of};
use crate::store::executor::Statement;

/// Returns the statements that replace the table of identifiers by one without the old constraints, since SQLite can't
/// drop a constraint.
pub(super) fn rebuilt_identifiers(tables: &'static str) -> Vec<Statement> {
    let table = "IF NOT EXISTS sentri_identifiers ";
    let create = statements_of(tables).find(|sql| sql.contains(table)).unwrap_or_default();
    vec![
        ddl(create.replace(table, "sentri_identifiers_rebuilt ")),
        ddl("INSERT INTO sentri_identifiers_rebuilt (id, user_id, type, value, created_at) \
             SELECT id, user_id, type, value, created_at FROM sentri_identifiers"),
        ddl("DROP TABLE sentri_identifiers"),
        ddl("ALTER TABLE sentri_identifiers_rebuilt RENAME TO sentri_identifiers"),
    ]
}

/// Returns the statement that turns the instants of a column into ISO texts. SQLite has no type for time, so rows of
/// sentri 5 may hold `YYYY-MM-DD HH:MM:SS`, ISO texts, or milliseconds or seconds as numbers. An unreadable value
/// becomes 1970, so that a session of unknown end has ended.
pub(super) fn instants_to_iso(table: &str, column: &str) -> String {
    let number = format!("typeof({column}) IN ('integer', 'real') OR {column} NOT GLOB '*[^0-9]*'");
    let ms = format!("CAST({column} AS REAL)");
    format!(
        "UPDATE {table} SET {column} = COALESCE(CASE WHEN {number} \
         THEN strftime('%Y-%m-%dT%H:%M:%fZ', CASE WHEN {ms} < 1e11 THEN {ms} ELSE {ms} / 1000.0 END, 'unixepoch') \
         ELSE strftime('%Y-%m-%dT%H:%M:%fZ', {column}) END, '1970-01-01T00:00:00.000Z') \
         WHERE typeof({column}) <> 'text' OR {column} NOT GLOB '????-??-??T??:??:??.???Z'"
    )
}
