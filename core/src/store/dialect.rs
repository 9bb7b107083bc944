//! The one table of differences between databases. Everything else in the SQL store is written once.

mod spelling;

/// The spelling of a database where standard SQL leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The name by which a host chooses it. Nothing is decided by it: each difference is a field.
    pub name: &'static str,
    /// Statements go as they are written: SQLite knows `==`, takes brackets for quotes, and has patterns with some.
    pub as_written: bool,
    /// Parameters are `$1, $2 ..` instead of `?`.
    pub numbered: bool,
    /// Text compares by a collation that may equate different texts, so that a comparison byte by byte takes two
    /// parameters.
    pub collates: bool,
    /// An instant as text has a space for its `T`, and no `Z`.
    pub spaced_instants: bool,
    /// The database is a file: there is no connection that could be lost.
    pub is_file: bool,
    /// The language in which the database reports errors.
    pub errors: Errors,
    /// The statement that finds out whether other servers take writes at the same time: a row whose second column is
    /// `ON`.
    pub cluster: Option<&'static str>,
    /// A SELECT of the encoding and the name of the database, where not every encoding holds every script.
    pub encoding: Option<&'static str>,
    /// The changes that tables of sentri 5 need.
    pub adoption: Adoption,
    /// Whether an index that is to be dropped is named with its table.
    pub drops_index_on_table: bool,
    /// Whether a constraint can be dropped; else its table is rebuilt.
    pub drops_constraints: bool,
    /// Whether a foreign key needs an index of its column.
    pub keys_need_index: bool,
    /// Whether INSERT, UPDATE and DELETE know RETURNING. Without it a change is followed by a SELECT in the same batch.
    pub returning: bool,
    /// Appended to a SELECT of rows that must not change before the transaction ends. Empty where writers are serial.
    pub for_update: &'static str,
    /// The same, shared with other readers of the kind.
    pub for_share: &'static str,
    /// The end of an INSERT that waits for a concurrent INSERT of the same unique value, and goes on if that is rolled
    /// back. Empty if every INSERT does, without a lock that two of them may hold.
    pub waits: &'static str,
    /// A SELECT of one row that admits one migration at a time until its transaction ends, or until `migration_unlock`;
    /// no row if the lock was not obtained. `None` where writers are serial.
    pub migration_lock: Option<&'static str>,
    /// The statement after a batch that changes the schema, whether it succeeded or not, on the same connection. For
    /// databases where a change of the schema ends a transaction, so that a lock can't be part of it.
    pub migration_unlock: Option<&'static str>,
    /// The tables of version 1 as they are when nothing was there: statements, each ended by a semicolon at the end of
    /// a line.
    pub tables: &'static str,
    /// The table of version 3, likewise.
    pub deleted_users: &'static str,
    /// The table of version 5, likewise.
    pub flows: &'static str,
    /// The tables of version 10, likewise.
    pub factors: &'static str,
    /// The table of the audit, likewise.
    pub audit: &'static str,
    /// The type of a column for an instant.
    pub time: &'static str,
    /// The type of a column for text that compares byte by byte.
    pub binary_text: &'static str,
    /// The type of a column for text of any length in any script.
    pub long_text: &'static str,
    /// A SELECT of the columns of the table `?`: name, type. No rows: there is no such table.
    pub columns_of: &'static str,
    /// A SELECT of the unique constraints and indexes of the table `?` beside its primary key: name, whether it is a
    /// constraint (0 or 1), its columns in alphabetical order with commas between.
    pub uniques_of: &'static str,
    /// A SELECT of a row if the table `?` has the index `?`. `None` where CREATE INDEX knows IF NOT EXISTS.
    pub index_of: Option<&'static str>,
    /// Whether DELETE takes ORDER BY and LIMIT. Where it does, that finds rows by an index; MariaDB before 11.1 goes
    /// through the whole table for a DELETE of rows that a SELECT has chosen.
    pub limits_deletes: bool,
    /// Appended to a SELECT of rows to be changed, to skip rows that another transaction is changing. Empty where not
    /// every version knows that; losers of a race are run again there.
    pub skip_locked: &'static str,
    /// The columns of the index of a user's sessions that are not revoked, in the order in which they were made.
    /// Partial where the database can, so that revoked sessions cost a login nothing.
    pub live_sessions: &'static str,
    /// The statements that leave sessions which are not revoked out of the index by the time of that, likewise. With
    /// them it serves `revoked_at IS NULL` too, and PostgreSQL, when it last counted few live sessions, scans those of
    /// all users to find those of a user. Empty where no index is partial.
    pub ended_sessions: &'static str,
    /// Quotes the name of an index or a constraint.
    pub quote: char,
    /// The text before and after a column with an instant in a list of results, to bring it in a form that the driver
    /// hands on unchanged. Empty where that is the column itself.
    pub instant: (&'static str, &'static str),
}

/// The language in which a database reports errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// An SQLSTATE, as of PostgreSQL.
    SqlState,
    /// A number of MySQL's.
    Numbers,
    /// A result code of SQLite's.
    ResultCodes,
}

/// The changes that tables of sentri 5 need: see `migrate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// Instants become texts of the same form.
    Instants,
    /// Columns get the types that parameters of statements have.
    Types,
    /// Columns get such types, and collations under which text compares byte by byte.
    Collations,
}

const ENDED_SESSIONS: &str = "\
CREATE INDEX IF NOT EXISTS sentri_sessions_ended ON sentri_sessions (revoked_at) WHERE revoked_at IS NOT NULL;
DROP INDEX IF EXISTS sentri_sessions_revoked_at;
";

/// SQLite 3.35 or later.
pub static SQLITE: Dialect = Dialect {
    name: "sqlite",
    as_written: true,
    numbered: false,
    collates: false,
    spaced_instants: false,
    is_file: true,
    errors: Errors::ResultCodes,
    cluster: None,
    encoding: None,
    adoption: Adoption::Instants,
    drops_index_on_table: false,
    drops_constraints: false,
    keys_need_index: false,
    returning: true,
    for_update: "",
    for_share: "",
    waits: "",
    migration_lock: None,
    migration_unlock: None,
    tables: include_str!("schema/sqlite/tables.sql"),
    deleted_users: include_str!("schema/sqlite/deleted_users.sql"),
    flows: include_str!("schema/sqlite/flows.sql"),
    factors: include_str!("schema/sqlite/factors.sql"),
    audit: include_str!("schema/sqlite/audit.sql"),
    time: "TEXT",
    binary_text: "TEXT",
    long_text: "TEXT",
    columns_of: "SELECT name, type FROM pragma_table_info(?)",
    uniques_of: "SELECT l.name, CASE l.origin WHEN 'c' THEN 0 ELSE 1 END AS is_constraint, \
                 (SELECT group_concat(c.name, ',') \
                 FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY name) AS c) \
                 AS names FROM pragma_index_list(?) AS l WHERE l.\"unique\" = 1 AND l.origin <> 'pk'",
    index_of: None,
    limits_deletes: false,
    skip_locked: "",
    live_sessions: "(user_id, created_at, id) WHERE revoked_at IS NULL",
    ended_sessions: ENDED_SESSIONS,
    quote: '"',
    instant: ("", ""),
};

/// PostgreSQL 10 or later, and databases with its protocol and SQL.
pub static POSTGRES: Dialect = Dialect {
    name: "postgres",
    as_written: false,
    numbered: true,
    collates: false,
    spaced_instants: false,
    is_file: false,
    errors: Errors::SqlState,
    cluster: None,
    encoding: Some(
        "SELECT CAST(pg_encoding_to_char(encoding) AS TEXT) AS encoding, CAST(datname AS TEXT) AS name \
         FROM pg_database WHERE datname = current_database()",
    ),
    adoption: Adoption::Types,
    drops_index_on_table: false,
    drops_constraints: true,
    keys_need_index: false,
    returning: true,
    for_update: " FOR UPDATE",
    for_share: " FOR SHARE",
    waits: "",
    // Any constant will do that no other program takes; this one spells "sentri" in ASCII.
    migration_lock: Some("SELECT pg_advisory_xact_lock(126943905673833)"),
    migration_unlock: None,
    tables: include_str!("schema/postgres/tables.sql"),
    deleted_users: include_str!("schema/postgres/deleted_users.sql"),
    flows: include_str!("schema/postgres/flows.sql"),
    factors: include_str!("schema/postgres/factors.sql"),
    audit: include_str!("schema/postgres/audit.sql"),
    time: "TIMESTAMP(6)",
    binary_text: "TEXT COLLATE \"C\"",
    long_text: "TEXT",
    columns_of: "SELECT CAST(attname AS TEXT) AS name, format_type(atttypid, NULL) AS kind FROM pg_attribute \
                 WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped",
    uniques_of: "SELECT CAST(COALESCE(c.conname, i.relname) AS TEXT) AS name, \
                 CASE WHEN c.oid IS NULL THEN 0 ELSE 1 END AS is_constraint, \
                 (SELECT string_agg(CAST(a.attname AS TEXT), ',' ORDER BY CAST(a.attname AS TEXT)) \
                 FROM pg_attribute AS a WHERE a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)) AS names \
                 FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid \
                 LEFT JOIN pg_constraint AS c ON c.conindid = x.indexrelid AND c.contype = 'u' \
                 WHERE x.indrelid = to_regclass(?) AND x.indisunique AND NOT x.indisprimary",
    index_of: None,
    limits_deletes: false,
    skip_locked: " FOR UPDATE SKIP LOCKED",
    live_sessions: "(user_id, created_at, id) WHERE revoked_at IS NULL",
    ended_sessions: ENDED_SESSIONS,
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
    as_written: false,
    numbered: false,
    collates: true,
    spaced_instants: true,
    is_file: false,
    errors: Errors::Numbers,
    cluster: Some("SHOW VARIABLES LIKE 'wsrep_on'"),
    encoding: None,
    adoption: Adoption::Collations,
    drops_index_on_table: true,
    drops_constraints: true,
    keys_need_index: true,
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
    tables: include_str!("schema/mysql/tables.sql"),
    deleted_users: include_str!("schema/mysql/deleted_users.sql"),
    flows: include_str!("schema/mysql/flows.sql"),
    factors: include_str!("schema/mysql/factors.sql"),
    audit: include_str!("schema/mysql/audit.sql"),
    time: "DATETIME(6)",
    // Bytes: the binary collations of text ignore spaces at the end, and which of them do not depends on the server.
    binary_text: "VARBINARY(1100)",
    long_text: "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    columns_of: "SELECT column_name AS name, CONCAT_WS(' ', column_type, collation_name) AS kind \
                 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?",
    uniques_of: "SELECT index_name AS name, 0 AS is_constraint, \
                 GROUP_CONCAT(column_name ORDER BY column_name SEPARATOR ',') AS names \
                 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? \
                 AND non_unique = 0 AND index_name <> 'PRIMARY' GROUP BY index_name",
    index_of: Some(
        "SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? \
         AND index_name = ? LIMIT 1",
    ),
    limits_deletes: true,
    skip_locked: "",
    live_sessions: "(user_id, revoked_at, created_at, id)",
    ended_sessions: "",
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
