//! The parts of statements that change tables, for every database.

use std::borrow::Cow;

use crate::store::executor::Statement;

/// Columns with instants that sentri 5 wrote.
pub(super) const OLD_INSTANTS: [(&str, &str); 4] = [
    ("sentri_users", "created_at"),
    ("sentri_sessions", "expires_at"),
    ("sentri_sessions", "created_at"),
    ("sentri_identifiers", "created_at"),
];

/// A column of a table, as the database has it.
pub(super) struct Column {
    pub name: String,
    pub kind: String,
}

impl Column {
    pub(super) fn is_json_roles(&self) -> bool {
        self.name == "roles" && self.kind.starts_with("json")
    }
}

/// Makes a statement that changes tables.
pub(super) fn ddl(sql: impl Into<Cow<'static, str>>) -> Statement {
    Statement::write(sql, []).once()
}

/// Returns the statements of a schema file.
pub(super) fn statements_of(script: &'static str) -> impl Iterator<Item = &'static str> {
    script.split(";\n").map(str::trim).filter(|sql| !sql.is_empty())
}
