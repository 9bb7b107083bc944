//! Puts the tables into a schema of the operator's choice, by qualified names.
//!
//! Setting `search_path` is no way. It needs a parameter at the start of a connection, which poolers refuse, or a
//! setting of the session, which poolers in transaction mode pass on to the next client.

/// The prefix of the names of tables and of indexes.
const PREFIX: &str = "sentri_";
/// The words before a name that takes no schema, since the object belongs to the schema of its table.
const UNQUALIFIED: [&str; 3] = ["INDEX ", "INDEX IF NOT EXISTS ", "CONSTRAINT "];

pub(super) struct Schema {
    /// The name of the schema in quotes, with a dot after it.
    qualifier: String,
    /// The look-up of a table by the parameter `$1`: the text in the dialect, and the text that replaces it.
    look_up: (&'static str, String),
}

impl Schema {
    pub fn new(name: &str) -> Self {
        let qualifier = format!("\"{}\".", name.replace('"', "\"\""));
        let look_up = format!("to_regclass('{}' || $1)", qualifier.replace('\'', "''"));
        Self { qualifier, look_up: ("to_regclass($1)", look_up) }
    }

    /// Returns a statement of the store, spelt for PostgreSQL, with its tables in this schema.
    pub fn qualify(&self, sql: &str) -> String {
        let sql = sql.replace(self.look_up.0, &self.look_up.1);
        // Names of dropped constraints and indexes come from the database, in quotes.
        let sql = sql.replace("DROP INDEX \"", &format!("DROP INDEX {}\"", self.qualifier));
        let mut out = String::with_capacity(sql.len() + 64);
        for (index, part) in sql.split(PREFIX).enumerate() {
            if index > 0 {
                let is_table = !UNQUALIFIED.iter().any(|words| out.ends_with(words))
                    && !out.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '\'' | '.'));
                if is_table {
                    out.push_str(&self.qualifier);
                }
                out.push_str(PREFIX);
            }
            out.push_str(part);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Schema;

    #[test]
    fn tables_are_qualified_and_nothing_else() {
        let schema = Schema::new("a\"b'c");
        for (sql, qualified) in [
            ("SELECT sentri_users.id FROM sentri_users", "SELECT @sentri_users.id FROM @sentri_users"),
            ("x REFERENCES sentri_users (id)", "x REFERENCES @sentri_users (id)"),
            (
                "CREATE UNIQUE INDEX IF NOT EXISTS sentri_sessions_user_id ON sentri_sessions (user_id)",
                "CREATE UNIQUE INDEX IF NOT EXISTS sentri_sessions_user_id ON @sentri_sessions (user_id)",
            ),
            ("DROP INDEX \"sentri_x\"", "DROP INDEX @\"sentri_x\""),
            (
                "ALTER TABLE sentri_identifiers DROP CONSTRAINT \"sentri_x\"",
                "ALTER TABLE @sentri_identifiers DROP CONSTRAINT \"sentri_x\"",
            ),
        ] {
            assert_eq!(schema.qualify(sql), qualified.replace('@', "\"a\"\"b'c\"."), "{sql}");
        }
    }

    #[test]
    fn a_look_up_is_qualified_as_a_text() {
        let schema = Schema::new("a\"b'c");
        assert_eq!(schema.qualify("x = to_regclass($1)"), "x = to_regclass('\"a\"\"b''c\".' || $1)");
    }
}
