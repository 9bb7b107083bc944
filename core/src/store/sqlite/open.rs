//! Opens connections to a file or to memory.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::config::{BUSY_TIMEOUT, SqliteConfig};
use super::failure::{from_driver, is_busy};
use super::watch::{Watch, Watched};
use crate::failure::StoreError;

const PREPARED_STATEMENTS: usize = 64;

/// Makes the file, if there is none, readable by its owner alone, since it holds password hashes and keys. The
/// write-ahead log gets the same mode. A failure occurs again when SQLite opens the file, and is reported there.
fn make_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}

pub(super) fn open_watched(config: &SqliteConfig, reads: bool) -> Result<Watched, StoreError> {
    if config.is_memory() {
        return Watched::open(None, || open(config, reads));
    }
    if config.creates {
        make_private(&config.path);
    }
    Watched::open(Watch::over(&config.path), || open(config, reads))
}

fn open(config: &SqliteConfig, reads: bool) -> Result<Connection, StoreError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, config.creates);
    let connection =
        Connection::open_with_flags(&config.path, flags).map_err(|error| cannot_open(config, &error.to_string()))?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(from_driver)?;
    if !config.is_memory() {
        // SQLite reports this only at the first write, and before that it leaves a log behind that is read-only too.
        if connection.is_readonly(MAIN_DB).map_err(from_driver)? {
            return Err(cannot_open(config, "it is read-only"));
        }
        enter_wal(&connection).map_err(|error| cannot_use(config, error))?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(from_driver)?;
    }
    connection.pragma_update(None, "foreign_keys", true).map_err(from_driver)?;
    if reads {
        connection.pragma_update(None, "query_only", true).map_err(from_driver)?;
    }
    Ok(connection)
}

/// Sets the journal mode. SQLite does not wait for locks here, so if several processes start for the first time, this
/// must be tried again.
fn enter_wal(connection: &Connection) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && started.elapsed() < BUSY_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(2));
            }
            outcome => return outcome,
        }
    }
}

fn cannot_use(config: &SqliteConfig, error: rusqlite::Error) -> StoreError {
    if let Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) = error.sqlite_error_code() {
        return cannot_open(config, &error.to_string());
    }
    match from_driver(error) {
        StoreError::Unavailable(cause) | StoreError::Other(cause) => {
            StoreError::Unavailable(format!("cannot use the SQLite file '{}' of db: {cause}", config.path.display()))
        }
        other => other,
    }
}

fn cannot_open(config: &SqliteConfig, error: &str) -> StoreError {
    let path = &config.path;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let reason = match folder {
        Some(folder) if !folder.is_dir() => format!("the folder '{}' does not exist; create it", folder.display()),
        _ if !config.creates && !path.exists() => "there is none; mode=rwc in the URL makes it".to_owned(),
        _ => format!("{error}; the file and its folder must be writable"),
    };
    StoreError::Unavailable(format!("cannot open the SQLite file '{}' of db: {reason}", path.display()))
}
