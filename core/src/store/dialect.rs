//! The one table of what differs between databases.

/// A kind of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.35 or later (`RETURNING`).
    Sqlite,
    /// PostgreSQL 12 or later, or a database that speaks like it.
    Postgres,
}

impl Dialect {
    /// The type of instants. SQLite keeps ISO 8601 text, which sorts and reads well.
    #[must_use]
    pub const fn timestamp(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT",
            Self::Postgres => "TIMESTAMP(6)",
        }
    }

    /// After a column's type: compare by bytes, whatever the database's own collation.
    #[must_use]
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " COLLATE \"C\"",
        }
    }

    /// After a `SELECT`: hold the row against writers until the end of the transaction. SQLite has one writer anyway.
    #[must_use]
    pub const fn for_share(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR SHARE",
        }
    }

    /// After a `SELECT`: hold the row against everybody else who locks it.
    #[must_use]
    pub const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// A statement that lets one transaction at a time past it, where a batch is not already alone.
    #[must_use]
    pub const fn lock_keys(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT pg_advisory_xact_lock(8313463951)"),
        }
    }

    /// SQL with the dialect's placeholders for `?`. None of our statements has a `?` of another meaning.
    #[must_use]
    pub fn placeholders(self, sql: &str) -> String {
        match self {
            Self::Sqlite => sql.to_owned(),
            Self::Postgres => {
                let mut out = String::with_capacity(sql.len() + 16);
                for (index, part) in sql.split('?').enumerate() {
                    if index > 0 {
                        out.push('$');
                        out.push_str(&index.to_string());
                    }
                    out.push_str(part);
                }
                out
            }
        }
    }
}

/// `?, ?, ?`
#[must_use]
pub fn list_of(length: usize) -> String {
    vec!["?"; length].join(", ")
}
