//! The `db` option: which driver, and where.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::Store;
use super::postgres::{Postgres, PostgresConfig, Tls};
use super::sql::SqlStore;
use super::sqlite::{Location, Sqlite};
use crate::config::reader::Reader;
use crate::error::Error;
use crate::identifier::normalize_adopted;

/// Connections to PostgreSQL unless `max` says otherwise.
const MAX: u32 = 10;

const KNOWN: &str = "known are postgres://user:password@host:5432/database, sqlite:./file.db and sqlite::memory:";

/// Builds the store of a `db` option. No I/O.
///
/// # Errors
/// `CONFIGURATION_ERROR` naming `db` and the cure.
pub fn open(db: &Value) -> Result<Arc<dyn Store>, Error> {
    if let Some(url) = db.as_str() {
        return open_url(url, "db", MAX, None);
    }
    let mut read = Reader::new("db", db)?;
    let max = read.integer("max", MAX, 1..=1_000)?;
    let tls = read_tls(&mut read)?;
    let url = read.text("connectionString")?;
    let file = read.text("filename")?;
    let parts = (
        read.text("host")?,
        read.integer("port", 5432, 1..=65_535)?,
        read.text("database")?,
        read.text("user")?,
        read.string("password")?,
    );
    let given = [url.is_some(), file.is_some(), parts.0.is_some() || parts.2.is_some()];
    read.finish()?;
    match given {
        [true, false, false] => open_url(url.unwrap_or_default(), "db.connectionString", max, tls),
        [false, true, false] => open_url(&format!("sqlite:{}", file.unwrap_or_default()), "db.filename", max, tls),
        [false, false, true] => {
            let mut server = tokio_postgres::Config::new();
            server.host(parts.0.unwrap_or("127.0.0.1"));
            server.port(u16::try_from(parts.1).unwrap_or(5432));
            let user = parts.3.unwrap_or("postgres");
            server.user(user).dbname(parts.2.unwrap_or(user));
            if let Some(password) = parts.4 {
                server.password(password);
            }
            open_postgres(PostgresConfig { server, tls: tls.unwrap_or(Tls::Prefer), max: max as usize })
        }
        _ => Err(Error::configuration(
            "db needs exactly one of connectionString, filename, or host with port, database, user, password",
        )),
    }
}

fn read_tls(read: &mut Reader<'_>) -> Result<Option<Tls>, Error> {
    match read.value("ssl") {
        None => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(Tls::Verified)),
        Some(Value::Bool(false)) => Ok(Some(Tls::Off)),
        Some(object) => {
            let mut ssl = Reader::new("db.ssl", object)?;
            let verify = ssl.boolean("rejectUnauthorized", true)?;
            ssl.finish()?;
            Ok(Some(if verify { Tls::Verified } else { Tls::Unverified }))
        }
    }
}

fn open_url(url: &str, option: &str, max: u32, tls: Option<Tls>) -> Result<Arc<dyn Store>, Error> {
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme {
        "postgres" | "postgresql" => {
            let mut config = PostgresConfig::from_url(url, max as usize)
                .map_err(|message| Error::configuration(format!("{option} {message}")))?;
            config.tls = tls.unwrap_or(config.tls);
            open_postgres(config)
        }
        "sqlite" | "file" => {
            let path = url[scheme.len() + 1..].trim_start_matches("//");
            if path.is_empty() {
                return Err(Error::configuration(format!("{option} names no file: {KNOWN}")));
            }
            let location = if path == ":memory:" { Location::Memory } else { Location::File(PathBuf::from(path)) };
            Ok(Arc::new(SqlStore::new(Sqlite::new(location), normalize_adopted)))
        }
        "mysql" | "mariadb" => {
            Err(Error::configuration(format!("{option}: MySQL is not supported by this version yet; {KNOWN}")))
        }
        _ => Err(Error::configuration(format!("{option} is not a database URL: {KNOWN}"))),
    }
}

fn open_postgres(config: PostgresConfig) -> Result<Arc<dyn Store>, Error> {
    let executor = Postgres::new(config).map_err(|message| Error::configuration(format!("db: {message}")))?;
    Ok(Arc::new(SqlStore::new(executor, normalize_adopted)))
}
