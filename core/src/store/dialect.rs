//! The one table of what differs between databases. Everything else in the SQL store is written once.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::store::executor::Value;

/// Stands between a column and its parameter in a comparison byte by byte.
const EXACT: &str = " == ";

/// The spelling of a database where standard SQL leaves it open.
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
    /// The end of an INSERT that shall wait for another of the same unique value, and then go on if that one is gone.
    /// Empty where every INSERT does, without a lock that two of them may hold.
    pub waits: &'static str,
    /// A SELECT of one row that lets one migration pass at a time until its transaction ends, or until
    /// `migration_unlock`; no row when it did not come to pass. `None` where writers are serial.
    pub migration_lock: Option<&'static str>,
    /// The statement after a batch that changes the schema, however that went, on the same connection. Where a
    /// change of the schema ends a transaction, so that a lock can't be part of one.
    pub migration_unlock: Option<&'static str>,
    /// The tables as they are when nothing was there: statements, each ended by a semicolon at the end of a line.
    pub tables: &'static str,
    /// The type of a column for an instant.
    pub time: &'static str,
    /// The type of a column for text that compares byte by byte.
    pub binary_text: &'static str,
    /// The type of a column for text of any length in any script.
    pub long_text: &'static str,
    /// A SELECT of the columns of the table `?`: name, type. No rows: there is no such table.
    pub columns_of: &'static str,
    /// A SELECT of what is unique in the table `?` beside its primary key: name, whether it is a constraint (0 or 1),
    /// its columns in alphabetical order with commas between.
    pub uniques_of: &'static str,
    /// A SELECT of a row if the table `?` has the index `?`. `None` where CREATE INDEX knows IF NOT EXISTS.
    pub index_of: Option<&'static str>,
    /// Appended to a SELECT of rows to be changed that shall leave out what another transaction is changing. Empty where not
    /// every version knows that; losers of a race are run again there.
    pub skip_locked: &'static str,
    /// The columns of the index of a user's sessions that are not revoked, in the order in which they were made. Partial
    /// where the database can, so that revoked sessions cost a login nothing.
    pub live_sessions: &'static str,
    /// Quotes the name of an index or a constraint.
    pub quote: char,
    /// The text before and after a column with an instant in a list of results, to bring it in a form that the driver
    /// hands on unchanged. Empty where that is the column itself.
    pub instant: (&'static str, &'static str),
}

/// SQLite 3.35 or later.
pub static SQLITE: Dialect = Dialect {
    name: "sqlite",
    numbered: false,
    returning: true,
    for_update: "",
    for_share: "",
    waits: "",
    migration_lock: None,
    migration_unlock: None,
    tables: include_str!("schema/sqlite.sql"),
    time: "TEXT",
    binary_text: "TEXT",
    long_text: "TEXT",
    columns_of: "SELECT name, type FROM pragma_table_info(?)",
    uniques_of: "SELECT l.name, CASE l.origin WHEN 'c' THEN 0 ELSE 1 END AS is_constraint, \
                 (SELECT group_concat(c.name, ',') FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY name) AS c) \
                 AS names FROM pragma_index_list(?) AS l WHERE l.\"unique\" = 1 AND l.origin <> 'pk'",
    index_of: None,
    skip_locked: "",
    live_sessions: "(user_id, created_at, id) WHERE revoked_at IS NULL",
    quote: '"',
    instant: ("", ""),
};

/// PostgreSQL 10 or later, and what speaks its protocol and SQL.
pub static POSTGRES: Dialect = Dialect {
    name: "postgres",
    numbered: true,
    returning: true,
    for_update: " FOR UPDATE",
    for_share: " FOR SHARE",
    waits: "",
    // Any constant will do that no other program takes; this one spells "sentri" in ASCII.
    migration_lock: Some("SELECT pg_advisory_xact_lock(126943905673833)"),
    migration_unlock: None,
    tables: include_str!("schema/postgres.sql"),
    time: "TIMESTAMP(6)",
    binary_text: "TEXT COLLATE \"C\"",
    long_text: "TEXT",
    columns_of: "SELECT CAST(attname AS TEXT) AS name, format_type(atttypid, NULL) AS kind FROM pg_attribute \
                 WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped",
    uniques_of: "SELECT CAST(COALESCE(c.conname, i.relname) AS TEXT) AS name, CASE WHEN c.oid IS NULL THEN 0 ELSE 1 END AS is_constraint, \
                 (SELECT string_agg(CAST(a.attname AS TEXT), ',' ORDER BY CAST(a.attname AS TEXT)) \
                 FROM pg_attribute AS a WHERE a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)) AS names \
                 FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid \
                 LEFT JOIN pg_constraint AS c ON c.conindid = x.indexrelid AND c.contype = 'u' \
                 WHERE x.indrelid = to_regclass(?) AND x.indisunique AND NOT x.indisprimary",
    index_of: None,
    skip_locked: " FOR UPDATE SKIP LOCKED",
    live_sessions: "(user_id, created_at, id) WHERE revoked_at IS NULL",
    quote: '"',
    instant: ("", ""),
};

macro_rules! mysql_lock {
    () => {
        // Names of locks are those of the whole server, and short.
        "CONCAT('sentri:', SHA1(DATABASE()))"
    };
}

/// MySQL 5.7 or later and `MariaDB` 10.3 or later, with `InnoDB`.
pub static MYSQL: Dialect = Dialect {
    name: "mysql",
    numbered: false,
    // MariaDB has it for INSERT and DELETE, MySQL for none.
    returning: false,
    for_update: " FOR UPDATE",
    for_share: " LOCK IN SHARE MODE",
    // A plain INSERT that meets a duplicate takes a shared lock: several of them would then wait for each other.
    waits: " ON DUPLICATE KEY UPDATE type = type",
    migration_lock: Some(concat!("SELECT 1 FROM DUAL WHERE GET_LOCK(", mysql_lock!(), ", 50) = 1")),
    // With it goes the setting that an adoption made, see `migrate::mysql`.
    migration_unlock: Some(concat!(
        "SET time_zone = COALESCE(@sentri_time_zone, @@session.time_zone), ",
        "@sentri_unlocked = RELEASE_LOCK(",
        mysql_lock!(),
        ")"
    )),
    tables: include_str!("schema/mysql.sql"),
    time: "DATETIME(6)",
    // Bytes: the binary collations of text ignore spaces at the end, and which of them do not depends on the server.
    binary_text: "VARBINARY(1100)",
    long_text: "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    columns_of: "SELECT column_name AS name, CONCAT_WS(' ', column_type, collation_name) AS kind FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ?",
    uniques_of: "SELECT index_name AS name, 0 AS is_constraint, \
                 GROUP_CONCAT(column_name ORDER BY column_name SEPARATOR ',') AS names \
                 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? \
                 AND non_unique = 0 AND index_name <> 'PRIMARY' GROUP BY index_name",
    index_of: Some(
        "SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? \
         AND index_name = ? LIMIT 1",
    ),
    skip_locked: "",
    live_sessions: "(user_id, revoked_at, created_at, id)",
    quote: '`',
    instant: ("", ""),
};

/// PostgreSQL through a driver that may turn a timestamp into anything, by the time zone and the parsers of its host.
pub static FOREIGN_POSTGRES: Dialect = Dialect {
    // Right for columns with and without time zone, whatever the session's zone and date style.
    instant: ("CAST(EXTRACT(EPOCH FROM date_trunc('milliseconds', ", ")) * 1000 AS BIGINT)"),
    ..POSTGRES
};

/// MySQL through such a driver.
pub static FOREIGN_MYSQL: Dialect = Dialect { instant: ("CAST(", " AS CHAR)"), ..MYSQL };

impl Dialect {
    /// `sql` as this database wants it: parameters numbered where they are, `[column]` in the form of an instant, and
    /// `column == ?` as a comparison byte by byte, whatever the collation of the column is; [`Self::arrange`] gives the
    /// parameters for it. The statements of the store hold no other `?` and, but for `[]`, no other `[`.
    #[must_use]
    pub fn spell<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        let plain = !(sql.contains('[') || sql.contains(EXACT) || self.numbered && sql.contains('?'));
        // SQLite takes brackets for quotes, and has patterns with some.
        if self.name == "sqlite" || plain {
            return Cow::Borrowed(sql);
        }
        let mut out = String::with_capacity(sql.len() + 16);
        let mut parameters = 0;
        let mut opened = false;
        for part in sql.split_inclusive(['?', '[', ']']) {
            let (text, mark) = part.split_at(part.len() - usize::from(part.ends_with(['?', '[', ']'])));
            match mark {
                "?" => {
                    parameters += 1;
                    self.spell_parameter(&mut out, text, parameters);
                }
                "[" => out.push_str(text),
                // An empty list in the text of a statement.
                "]" if opened && text.is_empty() => out.push_str("[]"),
                "]" if opened => {
                    let (before, after) = self.instant;
                    let _ = write!(out, "{before}{text}{after}");
                    if !before.is_empty() {
                        // A name of its own: some drivers keep columns by name, and an expression has none.
                        let _ = write!(out, " AS {text}_instant");
                    }
                }
                _ => out.push_str(part),
            }
            opened = mark == "[";
        }
        Cow::Owned(out)
    }

    fn spell_parameter(&self, out: &mut String, before: &str, number: usize) {
        let (before, exact) = before.strip_suffix(EXACT).map_or((before, false), |before| (before, true));
        let equals = if exact { " = " } else { "" };
        // Writing to a String does not fail.
        let _ = match (self.name, exact) {
            ("mysql", true) => {
                let (before, column) = before.split_at(before.rfind([' ', '(']).map_or(0, |at| at + 1));
                // The first comparison finds the row by an index, the second looks at its bytes.
                write!(out, "{before}({column} = ? AND CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin = ?)")
            }
            _ if self.numbered => write!(out, "{before}{equals}${number}"),
            _ => write!(out, "{before}{equals}?"),
        };
    }

    /// The parameters of `sql` in the order of the marks in what [`Self::spell`] makes of it.
    #[must_use]
    pub fn arrange<'a>(&self, sql: &str, params: &'a [Value]) -> Vec<&'a Value> {
        let twice = |before: &str| self.name == "mysql" && before.ends_with(EXACT);
        let marks = sql.split('?').zip(params);
        marks.flat_map(|(before, value)| std::iter::repeat_n(value, if twice(before) { 2 } else { 1 })).collect()
    }

    /// The dialect of a database that another language speaks to: `postgres`, `mysql` or `sqlite`.
    #[must_use]
    pub fn foreign(name: &str) -> Option<&'static Self> {
        [&FOREIGN_POSTGRES, &FOREIGN_MYSQL, &SQLITE].into_iter().find(|dialect| dialect.name == name)
    }

    /// A name in quotes.
    #[must_use]
    pub fn quoted(&self, name: &str) -> String {
        let quote = self.quote;
        format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, MYSQL, POSTGRES, SQLITE, Value};

    #[test]
    fn parameters_are_numbered_where_wanted() {
        assert_eq!(POSTGRES.spell("a = ? AND b = ?"), "a = $1 AND b = $2");
        assert_eq!(SQLITE.spell("a = ? AND b = ?"), "a = ? AND b = ?");
        assert_eq!(POSTGRES.spell("SELECT 1"), "SELECT 1");
    }

    #[test]
    fn instants_are_brought_in_the_form_of_the_database() {
        let text = Dialect { instant: ("f(", ")"), ..POSTGRES };
        assert_eq!(
            text.spell("SELECT [at], b FROM t WHERE c = ?"),
            "SELECT f(at) AS at_instant, b FROM t WHERE c = $1"
        );
        assert_eq!(text.spell("ALTER t SET DEFAULT '[]'"), "ALTER t SET DEFAULT '[]'");
        assert_eq!(POSTGRES.spell("ALTER t SET DEFAULT '[]'"), "ALTER t SET DEFAULT '[]'");
        assert_eq!(MYSQL.spell("SELECT [at], b FROM t WHERE c = ?"), "SELECT at, b FROM t WHERE c = ?");
    }

    #[test]
    fn exact_comparisons_look_at_bytes() {
        let sql = "UPDATE t SET a = ? WHERE (u.id == ? OR b = ?)";
        assert_eq!(POSTGRES.spell(sql), "UPDATE t SET a = $1 WHERE (u.id = $2 OR b = $3)");
        assert_eq!(SQLITE.spell(sql), sql, "SQLite knows the sign");
        let bytes = "(u.id = ? AND CONVERT(u.id USING utf8mb4) COLLATE utf8mb4_bin = ?)";
        assert_eq!(MYSQL.spell(sql), format!("UPDATE t SET a = ? WHERE ({bytes} OR b = ?)"));
        let params = [Value::Int(1), Value::Int(2), Value::Int(3)];
        let [a, b, c] = &params;
        assert_eq!(MYSQL.arrange(sql, &params), [a, b, b, c]);
        assert_eq!(POSTGRES.arrange(sql, &params), [a, b, c]);
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(MYSQL.quoted("a`b"), "`a``b`");
        assert_eq!(POSTGRES.quoted("a\"b"), "\"a\"\"b\"");
    }
}
