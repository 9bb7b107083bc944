//! The schema, by versions. Each is one transaction under a lock that one process at a time can hold, so migrations may
//! be run by many processes at once and be killed at any point.

use super::dialect::Dialect;
use super::executor::{Exclusive, Executor, Statement, Value, at, number};
use super::sql::EXACT;
use crate::clock::{Millis, from_iso};
use crate::failure::StoreError;

/// The version that this code works with.
pub const LATEST: i64 = 1;

/// Finds the normal form of an identifier of a type: `(type, value)`. Never refuses.
pub type Normalizer = fn(&str, &str) -> String;

/// Brings the schema to [`LATEST`].
///
/// # Errors
/// The database's. Nothing is half done then.
pub async fn run<E: Executor>(executor: &E, normalize: Normalizer, now: Millis) -> Result<(), StoreError> {
    let mut session = executor.exclusive().await?;
    let dialect = executor.dialect();
    execute(&mut session, &format!(
        "CREATE TABLE IF NOT EXISTS sentri_migrations (version BIGINT PRIMARY KEY, name VARCHAR(64) NOT NULL, applied_at {} NOT NULL)",
        dialect.timestamp()
    ))
    .await?;
    let found = session.run(Statement::new("SELECT max(version) FROM sentri_migrations", vec![])).await?;
    let version = found.rows.first().and_then(|row| row.int(0).ok()).unwrap_or(0);
    if version < LATEST {
        first(&mut session, dialect, normalize).await?;
        let sql = "INSERT INTO sentri_migrations (version, name, applied_at) VALUES (?, ?, ?)";
        session
            .run(Statement::new(sql, vec![number(1), "tables, or adoption of those of sentri 5".into(), at(now)]))
            .await?;
    }
    session.commit().await
}

type Session = Box<dyn Exclusive>;

async fn execute(session: &mut Session, sql: &str) -> Result<(), StoreError> {
    session.run(Statement::new(sql, vec![])).await.map(|_| ())
}

/// Version 1: the tables, new or out of what sentri 5 left.
async fn first(session: &mut Session, dialect: Dialect, normalize: Normalizer) -> Result<(), StoreError> {
    let users = columns(session, dialect, "sentri_users").await?;
    if !users.is_empty() && dialect == Dialect::Sqlite {
        rebuild_on_sqlite(session).await?;
    }
    for sql in tables(dialect) {
        execute(session, &sql).await?;
    }
    if !users.is_empty() {
        match dialect {
            Dialect::Sqlite => move_rows_on_sqlite(session).await?,
            Dialect::Postgres => extend_on_postgres(session).await?,
        }
        normalize_identifiers(session, dialect, normalize).await?;
    }
    for sql in indexes() {
        execute(session, sql).await?;
    }
    Ok(())
}

fn tables(dialect: Dialect) -> Vec<String> {
    let (time, binary) = (dialect.timestamp(), dialect.binary());
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS sentri_users (id VARCHAR(36) PRIMARY KEY, password_hash VARCHAR(255), \
             roles TEXT NOT NULL DEFAULT '[]', created_at {time} NOT NULL, updated_at {time}, \
             auth_epoch BIGINT NOT NULL DEFAULT 0)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS sentri_sessions (id VARCHAR(36) PRIMARY KEY, \
             user_id VARCHAR(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE, expires_at {time} NOT NULL, \
             created_at {time} NOT NULL, generation BIGINT NOT NULL DEFAULT 0, rotated_at {time}, last_used_at {time}, \
             revoked_at {time}, ip_address VARCHAR(45), user_agent TEXT)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS sentri_identifiers (id VARCHAR(36) PRIMARY KEY, \
             user_id VARCHAR(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE, type VARCHAR(64) NOT NULL, \
             value VARCHAR(255) NOT NULL, created_at {time} NOT NULL, value_normalized VARCHAR(300){binary})"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS sentri_keys (kid VARCHAR(64) PRIMARY KEY, algorithm VARCHAR(16) NOT NULL, \
             private_key TEXT NOT NULL, created_at {time} NOT NULL, active_from {time} NOT NULL, retired_at {time})"
        ),
    ]
}

const fn indexes() -> [&'static str; 5] {
    [
        "CREATE UNIQUE INDEX IF NOT EXISTS sentri_identifiers_value_normalized ON sentri_identifiers (value_normalized)",
        "CREATE INDEX IF NOT EXISTS sentri_identifiers_user_id ON sentri_identifiers (user_id)",
        "CREATE INDEX IF NOT EXISTS sentri_sessions_user_id ON sentri_sessions (user_id)",
        "CREATE INDEX IF NOT EXISTS sentri_sessions_expires_at ON sentri_sessions (expires_at)",
        "CREATE INDEX IF NOT EXISTS sentri_sessions_revoked_at ON sentri_sessions (revoked_at)",
    ]
}

/// The names of a table's columns; empty when there is no such table where ours would be made.
async fn columns(session: &mut Session, dialect: Dialect, table: &str) -> Result<Vec<String>, StoreError> {
    let sql = match dialect {
        Dialect::Sqlite => "SELECT name FROM pragma_table_info(?)",
        Dialect::Postgres => {
            "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?"
        }
    };
    let output = session.run(Statement::new(sql, vec![table.into()])).await?;
    output.rows.iter().map(|row| row.text(0)).collect()
}

/// SQLite can't drop a table's constraints: the old tables step aside, and their rows are moved to new ones.
async fn rebuild_on_sqlite(session: &mut Session) -> Result<(), StoreError> {
    // With legacy renaming, references of other tables keep their target's name.
    execute(session, "PRAGMA legacy_alter_table = ON").await?;
    for table in ["sentri_users", "sentri_sessions", "sentri_identifiers"] {
        if !columns(session, Dialect::Sqlite, table).await?.is_empty() {
            execute(session, &format!("ALTER TABLE {table} RENAME TO {table}_v5")).await?;
        }
    }
    execute(session, "PRAGMA legacy_alter_table = OFF").await
}

async fn move_rows_on_sqlite(session: &mut Session) -> Result<(), StoreError> {
    for (table, names) in [
        ("sentri_users", ["id", "password_hash", "roles", "created_at"].as_slice()),
        ("sentri_sessions", ["id", "user_id", "expires_at", "created_at", "ip_address", "user_agent"].as_slice()),
        ("sentri_identifiers", ["id", "user_id", "type", "value", "created_at"].as_slice()),
    ] {
        let old = columns(session, Dialect::Sqlite, &format!("{table}_v5")).await?;
        if old.is_empty() {
            continue;
        }
        let kept: Vec<&str> = names.iter().copied().filter(|name| old.iter().any(|column| column == name)).collect();
        let list = kept.join(", ");
        execute(session, &format!("INSERT INTO {table} ({list}) SELECT {list} FROM {table}_v5")).await?;
        for name in kept.iter().filter(|name| name.ends_with("_at")) {
            rewrite_instants(session, table, name).await?;
        }
    }
    // References first, so that nothing cascades.
    for table in ["sentri_identifiers", "sentri_sessions", "sentri_users"] {
        execute(session, &format!("DROP TABLE IF EXISTS {table}_v5")).await?;
    }
    Ok(())
}

/// Instants in whichever form sentri 5 left them, into the one that sorts.
async fn rewrite_instants(session: &mut Session, table: &str, column: &str) -> Result<(), StoreError> {
    let found = session.run(Statement::new(format!("SELECT DISTINCT {column} FROM {table}"), vec![])).await?;
    for row in found.rows {
        let Some(old) = row.0.into_iter().next() else { continue };
        let instant = match &old {
            Value::Text(Some(text)) => from_iso(text),
            Value::Int(Some(number)) => Some(*number),
            _ => None,
        };
        let Some(instant) = instant else {
            return Err(StoreError::Other(format!("{table}.{column} holds something that is not an instant")));
        };
        let sql = format!("UPDATE {table} SET {column} = ? WHERE {column} = ?");
        session.run(Statement::new(sql, vec![at(instant), old])).await?;
    }
    Ok(())
}

async fn extend_on_postgres(session: &mut Session) -> Result<(), StoreError> {
    for (table, column) in [
        ("sentri_users", "updated_at TIMESTAMP(6)"),
        ("sentri_users", "auth_epoch BIGINT NOT NULL DEFAULT 0"),
        ("sentri_sessions", "generation BIGINT NOT NULL DEFAULT 0"),
        ("sentri_sessions", "rotated_at TIMESTAMP(6)"),
        ("sentri_sessions", "last_used_at TIMESTAMP(6)"),
        ("sentri_sessions", "revoked_at TIMESTAMP(6)"),
        ("sentri_sessions", "ip_address VARCHAR(45)"),
        ("sentri_sessions", "user_agent TEXT"),
        ("sentri_identifiers", "value_normalized VARCHAR(300) COLLATE \"C\""),
    ] {
        execute(session, &format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}")).await?;
    }
    // A user without a password, several identifiers of a type, and the same value in other letters are ours to judge
    // now. What reads as TIMESTAMP WITH TIME ZONE stays as it is: it holds the same instants.
    execute(session, "ALTER TABLE sentri_users ALTER COLUMN password_hash DROP NOT NULL").await?;
    let sql =
        "SELECT conname::text FROM pg_constraint WHERE conrelid = 'sentri_identifiers'::regclass AND contype = 'u'";
    for row in session.run(Statement::new(sql, vec![])).await?.rows {
        execute(session, &format!("ALTER TABLE sentri_identifiers DROP CONSTRAINT \"{}\"", row.text(0)?)).await?;
    }
    let sql = "SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid \
               WHERE x.indrelid = 'sentri_identifiers'::regclass AND x.indisunique AND NOT x.indisprimary";
    for row in session.run(Statement::new(sql, vec![])).await?.rows {
        execute(session, &format!("DROP INDEX \"{}\"", row.text(0)?)).await?;
    }
    Ok(())
}

/// Gives every adopted identifier its normal form. sentri 5 told `Rizz` from `rizz`: the older of two gets the normal form, the others
/// are marked, and their owners log in by their exact spelling.
async fn normalize_identifiers(
    session: &mut Session,
    dialect: Dialect,
    normalize: Normalizer,
) -> Result<(), StoreError> {
    let _ = dialect;
    let sql = "SELECT id, type, value FROM sentri_identifiers WHERE value_normalized IS NULL ORDER BY created_at, id";
    let rows = session.run(Statement::new(sql, vec![])).await?.rows;
    let mut taken = std::collections::HashSet::with_capacity(rows.len());
    for row in rows {
        let (id, kind, value) = (row.text(0)?, row.text(1)?, row.text(2)?);
        let mut normalized = normalize(&kind, &value);
        if !taken.insert(normalized.clone()) {
            normalized = format!("{EXACT}{}", value.trim());
            taken.insert(normalized.clone());
        }
        let sql = "UPDATE sentri_identifiers SET value_normalized = ? WHERE id = ?";
        session.run(Statement::new(sql, vec![normalized.into(), id.into()])).await?;
    }
    Ok(())
}
