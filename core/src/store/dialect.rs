//! The one table of what differs between databases. Everything else in the SQL store is written once.

use std::borrow::Cow;
use std::fmt::Write as _;

/// How a database spells what standard SQL leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// For messages and for choosing a schema file.
    pub name: &'static str,
    /// Parameters are `$1, $2 ..` instead of `?`.
    pub numbered: bool,
    /// Whether INSERT, UPDATE and DELETE know RETURNING. Without it a change is followed by a SELECT in the same batch.
    pub returning: bool,
    /// Appended to a SELECT of rows that must not change before the transaction ends. Empty where writers are serial.
    pub for_update: &'static str,
    /// The same, shared with other readers of the kind.
    pub for_share: &'static str,
    /// A SELECT that lets one migration pass at a time until its transaction ends. `None` where writers are serial.
    pub migration_lock: Option<&'static str>,
    /// The tables as they are when nothing was there: statements, each ended by a semicolon at the end of a line.
    pub tables: &'static str,
    /// The type of a column for an instant.
    pub time: &'static str,
    /// The type of a column for text that compares byte by byte.
    pub binary_text: &'static str,
    /// A SELECT of the columns of the table `?`: name, type. No rows: there is no such table.
    pub columns_of: &'static str,
    /// A SELECT of what is unique in the table `?` beside its primary key: name, whether it is a constraint (0 or 1),
    /// its columns in alphabetical order with commas between.
    pub uniques_of: &'static str,
}

/// SQLite 3.35 or later.
pub static SQLITE: Dialect = Dialect {
    name: "sqlite",
    numbered: false,
    returning: true,
    for_update: "",
    for_share: "",
    migration_lock: None,
    tables: include_str!("schema/sqlite.sql"),
    time: "TEXT",
    binary_text: "TEXT",
    columns_of: "SELECT name, type FROM pragma_table_info(?)",
    uniques_of: "SELECT l.name, CASE l.origin WHEN 'c' THEN 0 ELSE 1 END, \
                 (SELECT group_concat(c.name, ',') FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY name) AS c) \
                 FROM pragma_index_list(?) AS l WHERE l.\"unique\" = 1 AND l.origin <> 'pk'",
};

/// PostgreSQL 10 or later, and what speaks its protocol and SQL.
pub static POSTGRES: Dialect = Dialect {
    name: "postgres",
    numbered: true,
    returning: true,
    for_update: " FOR UPDATE",
    for_share: " FOR SHARE",
    // Any constant will do that no other program takes; this one spells "sentri" in ASCII.
    migration_lock: Some("SELECT pg_advisory_xact_lock(126943905673833)"),
    tables: include_str!("schema/postgres.sql"),
    time: "TIMESTAMP(6)",
    binary_text: "TEXT COLLATE \"C\"",
    columns_of: "SELECT CAST(attname AS TEXT), format_type(atttypid, NULL) FROM pg_attribute \
                 WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped",
    uniques_of: "SELECT CAST(COALESCE(c.conname, i.relname) AS TEXT), CASE WHEN c.oid IS NULL THEN 0 ELSE 1 END, \
                 (SELECT string_agg(CAST(a.attname AS TEXT), ',' ORDER BY CAST(a.attname AS TEXT)) \
                 FROM pg_attribute AS a WHERE a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)) \
                 FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid \
                 LEFT JOIN pg_constraint AS c ON c.conindid = x.indexrelid AND c.contype = 'u' \
                 WHERE x.indrelid = to_regclass(?) AND x.indisunique AND NOT x.indisprimary",
};

impl Dialect {
    /// `sql` with the parameters as this database wants them. The statements of the store hold no other `?`.
    #[must_use]
    pub fn number<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        if !self.numbered || !sql.contains('?') {
            return Cow::Borrowed(sql);
        }
        let mut out = String::with_capacity(sql.len() + 16);
        for (index, part) in sql.split('?').enumerate() {
            if index > 0 {
                // Writing to a String does not fail.
                let _ = write!(out, "${index}");
            }
            out.push_str(part);
        }
        Cow::Owned(out)
    }
}

#[cfg(test)]
mod tests {
    use super::{POSTGRES, SQLITE};

    #[test]
    fn parameters_are_numbered_where_wanted() {
        assert_eq!(POSTGRES.number("a = ? AND b = ?"), "a = $1 AND b = $2");
        assert_eq!(SQLITE.number("a = ? AND b = ?"), "a = ? AND b = ?");
        assert_eq!(POSTGRES.number("SELECT 1"), "SELECT 1");
    }
}
