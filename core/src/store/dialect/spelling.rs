//! Turns statements of the store into the SQL of a database.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Dialect, FOREIGN_MYSQL, FOREIGN_POSTGRES, SQLITE};
use crate::store::value::Value;
use crate::store::wording::any_of;

/// The sign between a column and its parameter in a comparison byte by byte.
const EXACT: &str = " == ";

/// The dialects of databases that the host may access with a driver of its own.
static FOREIGN: [&Dialect; 3] = [&FOREIGN_POSTGRES, &FOREIGN_MYSQL, &SQLITE];

impl Dialect {
    /// Returns `sql` in the form of this database. It numbers parameters if needed, gives `[column]` the form of an
    /// instant, and makes `column == ?` a comparison byte by byte under any collation. [`Self::arrange`] returns the
    /// parameters for the result. The statements of the store hold no other `?` and, except for `[]`, no other `[`.
    #[must_use]
    pub fn spell<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        let plain = !(sql.contains('[') || sql.contains(EXACT) || self.numbered && sql.contains('?'));
        if self.as_written || plain {
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
                // This is an empty JSON list in the text of a statement.
                "]" if opened && text.is_empty() => out.push_str("[]"),
                "]" if opened => {
                    let (before, after) = self.instant;
                    let _ = write!(out, "{before}{text}{after}");
                    if !before.is_empty() {
                        // The column gets a name, since some drivers keep columns by name, and an expression has none.
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
        let _ = match self.collates && exact {
            true => {
                let (before, column) = before.split_at(before.rfind([' ', '(']).map_or(0, |at| at + 1));
                // The first comparison finds the row by an index, the second looks at its bytes.
                write!(out, "{before}({column} = ? AND CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin = ?)")
            }
            false if self.numbered => write!(out, "{before}{equals}${number}"),
            false => write!(out, "{before}{equals}?"),
        };
    }

    /// Returns the parameters of `sql` in the order of their marks in the result of [`Self::spell`].
    #[must_use]
    pub fn arrange<'a>(&self, sql: &str, params: &'a [Value]) -> Vec<&'a Value> {
        let twice = |before: &str| self.collates && before.ends_with(EXACT);
        let marks = sql.split('?').zip(params);
        marks.flat_map(|(before, value)| std::iter::repeat_n(value, if twice(before) { 2 } else { 1 })).collect()
    }

    /// Returns the dialect of a database that the host accesses, by its name.
    #[must_use]
    pub fn foreign(name: &str) -> Option<&'static Self> {
        FOREIGN.into_iter().find(|dialect| dialect.name == name)
    }

    /// Returns the names that [`Self::foreign`] knows, as a sentence lists them.
    #[must_use]
    pub fn foreign_names() -> String {
        any_of(FOREIGN.map(|dialect| format!("'{}'", dialect.name)))
    }

    /// Returns a name in the quotes of this database.
    #[must_use]
    pub fn quoted(&self, name: &str) -> String {
        let quote = self.quote;
        format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
    }
}

#[cfg(test)]
mod tests {
    use crate::store::dialect::{Dialect, MYSQL, POSTGRES, SQLITE};
    use crate::store::value::Value;

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
