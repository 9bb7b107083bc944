//! The table of all differences between databases. The rest of the SQL store is written once for all of them.

mod spelling;

/// The differences of a database from standard SQL, and its ways where the standard leaves them open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The name by which a host chooses the dialect. No code branches on it, since each difference is a field.
    pub name: &'static str,
    /// Whether statements are sent as they are written. SQLite knows `==`, takes brackets for quotes, and has patterns
    /// that hold brackets.
    pub as_written: bool,
    /// Whether parameters are `$1`, `$2` and so on instead of `?`.
    pub numbered: bool,
    /// Whether text compares by a collation that may equate different texts, so that a comparison byte by byte needs
    /// its parameter twice.
    pub collates: bool,
    /// Whether an instant as text has a space in place of its `T`, and no `Z`.
    pub spaced_instants: bool,
    /// Whether the database is a file, so that no connection can be lost.
    pub is_file: bool,
    /// The language in which the database reports errors.
    pub errors: Errors,
    /// The statement that shows whether other servers take writes at the same time, by a row whose second column is
    /// `ON`.
    pub cluster: Option<&'static str>,
    /// A SELECT of the encoding and the name of the database, for databases in which some encodings lack letters.
    pub encoding: Option<&'static str>,
    /// The changes that tables of sentri 5 need.
    pub adoption: Adoption,
    /// Whether DROP INDEX names the table too.
    pub drops_index_on_table: bool,
    /// Whether a constraint can be dropped. Otherwise its table is rebuilt.
    pub drops_constraints: bool,
    /// Whether a foreign key needs an index of its column.
    pub keys_need_index: bool,
    /// Whether INSERT, UPDATE and DELETE know RETURNING. Without it a change is followed by a SELECT in the same batch.
    pub returning: bool,
    /// The end of a SELECT whose rows must not change before the transaction ends. Empty if writers are serial.
    pub for_update: &'static str,
    /// The same as `for_update`, but other readers of the kind may hold the rows too.
    pub for_share: &'static str,
    /// The end of an INSERT that waits for a concurrent INSERT of the same unique value, and goes on if that is rolled
    /// back. Empty if every INSERT does so without a lock that two of them can hold at once.
    pub waits: &'static str,
    /// A SELECT that sets the limits of a migration until the transaction ends: a minute for each lock, and none for
    /// the work itself, whatever the operator set for requests. `None` if the database needs no such statement.
    pub migration_limits: Option<&'static str>,
    /// A SELECT that takes the lock of a migration until the transaction ends, or until `migration_unlock`. It returns
    /// a row if it got the lock, and none otherwise. `None` if writers are serial.
    pub migration_lock: Option<&'static str>,
    /// The statement that frees the lock, run on the same connection after a batch that changes the schema, whether the
    /// batch succeeded or not. It is for databases where a change of the schema ends the transaction, and any lock of
    /// it.
    pub migration_unlock: Option<&'static str>,
    /// The statements that make the tables of version 1 in an empty database, each ended by a semicolon at the end of a
    /// line.
    pub tables: &'static str,
    /// The statements that make the table of version 3.
    pub deleted_users: &'static str,
    /// The statements that make the table of version 5.
    pub flows: &'static str,
    /// The statements that make the tables of version 10.
    pub factors: &'static str,
    /// The statements that make the table of the audit.
    pub audit: &'static str,
    /// The type of a column for an instant.
    pub time: &'static str,
    /// The type of a column for text that compares byte by byte.
    pub binary_text: &'static str,
    /// The type of a column for text of any length in any script.
    pub long_text: &'static str,
    /// A SELECT of the name and the type of each column of the table `?`. It returns no rows if there is no such table.
    pub columns_of: &'static str,
    /// A SELECT of the unique constraints and indexes of the table `?`, without its primary key. The columns are the
    /// name, whether it is a constraint (0 or 1), and its columns in alphabetical order with commas between them.
    pub uniques_of: &'static str,
    /// A SELECT that returns a row if the table `?` has the index `?`. `None` if CREATE INDEX knows IF NOT EXISTS.
    pub index_of: Option<&'static str>,
    /// Whether DELETE takes ORDER BY and LIMIT. If so, they are used, since they find rows by an index. MariaDB before
    /// 11.1 reads the whole table for a DELETE of rows that a SELECT chooses.
    pub limits_deletes: bool,
    /// The end of a SELECT of rows to change, which skips rows that another transaction is changing. Empty if not every
    /// version knows that; a batch that loses a race is then run again.
    pub skip_locked: &'static str,
    /// The columns of the index of a user's sessions that are not revoked, in the order in which they were made. The
    /// index is partial if the database has partial indexes, so that revoked sessions cost a login nothing.
    pub live_sessions: &'static str,
    /// The statements that make the index by `revoked_at` partial, without sessions that are not revoked. An index with
    /// them would serve `revoked_at IS NULL` too, and PostgreSQL would scan the live sessions of all users by it to
    /// find those of a user, if it last counted few. Empty if the database has no partial indexes.
    pub ended_sessions: &'static str,
    /// The character that quotes the name of an index or a constraint.
    pub quote: char,
    /// The text before and after a column with an instant in a list of results. It gives the instant a form that the
    /// driver returns unchanged. Empty if the driver does so with the column itself.
    pub instant: (&'static str, &'static str),
}

/// The language in which a database reports errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// An SQLSTATE, as PostgreSQL reports it.
    SqlState,
    /// A number, as MySQL reports it.
    Numbers,
    /// A result code, as SQLite reports it.
    ResultCodes,
}

/// The changes that tables of sentri 5 need; see `migrate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// Instants become texts of a single form.
    Instants,
    /// Columns get the types that parameters of statements have.
    Types,
    /// Columns get the types that parameters have, and collations under which text compares byte by byte.
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
    migration_limits: None,
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
    migration_limits: Some(
        "SELECT set_config('lock_timeout', '60s', true) AS locks, set_config('statement_timeout', '0', true) AS work",
    ),
    // Any constant that no other program uses will do. This one spells "sentri" in ASCII.
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
        // Names of locks hold for the whole server and must be short, so the name has a digest of the database's.
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
    // MariaDB has RETURNING for INSERT and DELETE, MySQL has none.
    returning: false,
    for_update: " FOR UPDATE",
    for_share: " LOCK IN SHARE MODE",
    // A plain INSERT that meets a duplicate takes a shared lock, and several of them would wait for each other.
    waits: " ON DUPLICATE KEY UPDATE type = type",
    migration_limits: None,
    migration_lock: Some(concat!("SELECT 1 FROM DUAL WHERE GET_LOCK(", mysql_lock!(), ", 50) = 1")),
    // This also takes back the time zone that an adoption sets; see `migrate::mysql`.
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
    // A type of bytes, since most binary collations of text ignore spaces at the end, and which do not depends on the
    // server.
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

/// PostgreSQL through a host's driver, which may change a timestamp by its time zone and parsers.
pub static FOREIGN_POSTGRES: Dialect = Dialect {
    // This is right for columns with and without time zone, for any time zone and date style of the session.
    instant: ("CAST(EXTRACT(EPOCH FROM date_trunc('milliseconds', ", ")) * 1000 AS BIGINT)"),
    ..POSTGRES
};

/// MySQL through a host's driver.
pub static FOREIGN_MYSQL: Dialect = Dialect { instant: ("CAST(", " AS CHAR)"), ..MYSQL };
