//! The `db` option, made into a store. Nothing is opened before the first use.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::crypto::Secret;
use crate::error::Error;
use crate::identifier::normalize_adopted;
use crate::store::Store;
use crate::store::postgres::{PemSource, PostgresConfig, PostgresExecutor, Tls, TlsFiles};
use crate::store::sql::SqlStore;
use crate::store::sqlite::{SqliteConfig, SqliteExecutor};

const DEFAULT_PORT: u16 = 5432;
const MOST_CONNECTIONS: u64 = 1000;

/// A store for the `db` option: a URL (`postgres://`, `postgresql://`, `sqlite:./file.db`, `sqlite::memory:`),
/// `{connectionString, max, ssl}`, `{host, port, database, user, password, max, ssl}` or `{filename}`.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names `db`, the member at fault and the cure; never a value, which may be a password.
pub fn open(db: &Value) -> Result<Arc<dyn Store>, Error> {
    match db {
        Value::String(url) => from_url("db", url),
        Value::Object(members) => from_members(members),
        _ => Err(wrong("db must be a URL or an object; for instance 'sqlite:./auth.db' or {connectionString}")),
    }
}

fn from_url(option: &str, url: &str) -> Result<Arc<dyn Store>, Error> {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(wrong(&format!("{option} is not a URL: {KNOWN}")));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "postgres" | "postgresql" => {
            // The driver knows the schemes in lower case only.
            let config = PostgresConfig::from_url(&format!("postgres:{rest}"))?;
            Ok(postgres(config))
        }
        "sqlite" | "file" => sqlite(option, rest.strip_prefix("//").unwrap_or(rest)),
        "mysql" | "mariadb" => Err(wrong(&format!(
            "{option}: MySQL and MariaDB are not supported natively yet; give a Kysely MysqlDialect as `dialect` instead"
        ))),
        _ => Err(wrong(&format!("{option} has an unknown scheme: {KNOWN}"))),
    }
}

const KNOWN: &str = "use postgres://user:password@host/database, sqlite:./file.db or sqlite::memory:";

fn from_members(members: &Map<String, Value>) -> Result<Arc<dyn Store>, Error> {
    let of = Members(members);
    if members.contains_key("filename") {
        of.only(&["filename"])?;
        return sqlite("db.filename", of.required_text("filename")?);
    }
    if members.contains_key("connectionString") {
        of.only(&["connectionString", "max", "ssl"])?;
        let url = of.required_text("connectionString")?;
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Ok(postgres(of.pool(PostgresConfig::from_url(url)?)?));
        }
        of.only(&["connectionString"])?;
        return from_url("db.connectionString", url);
    }
    of.only(&["host", "port", "database", "user", "password", "max", "ssl"])?;
    if !members.contains_key("host") && !members.contains_key("database") {
        return Err(wrong("db names no database: give connectionString, host and database, or filename"));
    }
    let config = PostgresConfig::from_parts(
        of.text("host")?.unwrap_or("localhost"),
        of.port()?,
        of.text("database")?,
        of.text("user")?,
        of.text("password")?,
    )?;
    Ok(postgres(of.pool(config)?))
}

fn postgres(config: PostgresConfig) -> Arc<dyn Store> {
    Arc::new(SqlStore::new(PostgresExecutor::new(config), normalize_adopted))
}

fn sqlite(option: &str, path: &str) -> Result<Arc<dyn Store>, Error> {
    if path.is_empty() || path.contains('\0') {
        return Err(wrong(&format!("{option} names no file: use sqlite:./file.db or sqlite::memory:")));
    }
    let config = SqliteConfig { path: PathBuf::from(path) };
    Ok(Arc::new(SqlStore::new(SqliteExecutor::new(config), normalize_adopted)))
}

/// The members of the `db` object. `null` counts as absent.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn only(&self, known: &[&str]) -> Result<(), Error> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(wrong(&format!("db.{name} is not known here; known are {}", known.join(", ")))),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(&format!("db.{name} must be a string"))),
        }
    }

    fn required_text(&self, name: &str) -> Result<&'a str, Error> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| wrong(&format!("db.{name} is empty; is the environment variable set?")))
    }

    /// Given as a number, or as the digits that an environment variable holds.
    fn number(&self, name: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, Error> {
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64().or_else(|| {
                // Hosts without integers send 5432.0.
                value.as_f64().filter(|float| float.fract() == 0.0 && *float >= 0.0).map(|float| float as u64)
            }),
        };
        let message = || wrong(&format!("db.{name} must be a whole number from {} to {}", range.start(), range.end()));
        number.filter(|number| range.contains(number)).map(Some).ok_or_else(message)
    }

    fn port(&self) -> Result<u16, Error> {
        let port = self.number("port", 1..=u64::from(u16::MAX))?;
        Ok(port.and_then(|port| u16::try_from(port).ok()).unwrap_or(DEFAULT_PORT))
    }

    /// `config` with the members `max` and `ssl`. `ssl: true` verifies the server, as drivers for Node do.
    fn pool(&self, mut config: PostgresConfig) -> Result<PostgresConfig, Error> {
        if let Some(max) = self.number("max", 1..=MOST_CONNECTIONS)? {
            config = config.with_max(max as usize);
        }
        match self.get("ssl") {
            None => Ok(config),
            Some(Value::Bool(false)) => config.with_tls(Tls::Disable, TlsFiles::default()),
            Some(Value::Bool(true)) => config.with_tls(Tls::VerifyFull, TlsFiles::default()),
            Some(Value::Object(ssl)) => {
                let (mode, files) = tls_from(ssl)?;
                config.with_tls(mode, files)
            }
            Some(_) => Err(wrong("db.ssl must be true, false or an object")),
        }
    }
}

fn tls_from(ssl: &Map<String, Value>) -> Result<(Tls, TlsFiles), Error> {
    let of = Members(ssl);
    let known = ["rejectUnauthorized", "ca", "cert", "key"];
    let verify = match of.get("rejectUnauthorized") {
        None | Some(Value::Bool(true)) => true,
        Some(Value::Bool(false)) => false,
        Some(_) => return Err(wrong("db.ssl.rejectUnauthorized must be true or false")),
    };
    if let Some(name) = ssl.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(wrong(&format!("db.ssl.{name} is not known; known are {}", known.join(", "))));
    }
    let pem = |name: &str| match of.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.contains("-----BEGIN ") => {
            Ok(Some(PemSource::Text(Secret::new(text.clone()))))
        }
        Some(_) => Err(wrong(&format!("db.ssl.{name} must be the text of a PEM file"))),
    };
    let mut files = TlsFiles { root: pem("ca")?, certificate: pem("cert")?, key: pem("key")? };
    if !verify {
        files.root = None;
    }
    Ok((if verify { Tls::VerifyFull } else { Tls::Require }, files))
}

fn wrong(message: &str) -> Error {
    Error::configuration(message)
}
