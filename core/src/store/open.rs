//! Makes the option `db` or `dialect` into a store. Nothing is opened before the first use.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::identifier::normalize_adopted;
use crate::store::Store;
use crate::store::dialect::Dialect;
use crate::store::driver::ServerConfig;
use crate::store::executor::Executor;
use crate::store::foreign::{ForeignDatabase, ForeignExecutor};
use crate::store::mysql::MysqlConfig;
use crate::store::pooled::Pooled;
use crate::store::postgres::PostgresConfig;
use crate::store::sql::SqlStore;
use crate::store::sqlite::{self, SqliteConfig, SqliteExecutor};
use crate::store::tls::Tls;
use crate::tls::{Pem, TlsFiles, certificates, private_key};
use crate::url::MOST_CONNECTIONS;

/// A store, or the `CONFIGURATION_ERROR` that says why there is none.
type Opening = Result<Arc<dyn Store>, Error>;

/// A store for the `db` option: a URL (`postgres://`, `postgresql://`, `mysql://`, `mariadb://`, `sqlite:./file.db`,
/// `sqlite::memory:`), `{connectionString, max, ssl, schema}`, `{type, host, port, database, user, password, max, ssl,
/// schema}` or `{filename}`. `type` is `postgres` by default.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names `db`, the member at fault and the cure; never a value, which may be a password.
pub fn open(db: &Value) -> Result<Arc<dyn Store>, Error> {
    open_noting(db, &mut Vec::new())
}

/// [`open`], with parameters that are allowed without a meaning added to `warnings`.
///
/// # Errors
/// As [`open`] has them.
pub fn open_noting(db: &Value, warnings: &mut Vec<String>) -> Result<Arc<dyn Store>, Error> {
    match db {
        Value::String(url) => from_url("db", url, warnings),
        Value::Object(members) => from_members(members, warnings),
        _ => Err(wrong("db must be a URL or an object; for instance 'sqlite:./auth.db' or {connectionString}")),
    }
}

/// A store over a database that the host speaks to, spelt in one of [`Dialect::foreign`].
#[must_use]
pub fn over(database: Arc<dyn ForeignDatabase>, dialect: &'static Dialect) -> Arc<dyn Store> {
    store_over(ForeignExecutor::new(database, dialect))
}

fn from_url(option: &str, url: &str, warnings: &mut Vec<String>) -> Opening {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(wrong(&format!("{option} is not a URL: {KNOWN}")));
    };
    match scheme.to_ascii_lowercase().as_str() {
        scheme @ ("sqlite" | "file") => sqlite::from_url(option, scheme, rest).map(over_sqlite),
        scheme => match Driver::from_name(scheme) {
            Some(driver) => driver.open_url(rest, &PoolOptions::default(), warnings),
            None => Err(wrong(&format!("{option} has an unknown scheme: {}", spelling_of(scheme)))),
        },
    }
}

/// The scheme that `scheme` means in other libraries, which name a driver or themselves along with it.
fn spelling_of(scheme: &str) -> String {
    let parts: Vec<&str> = scheme.split('+').collect();
    let name = parts.iter().find(|part| **part == "sqlite" || Driver::from_name(part).is_some());
    let short = ["psql", "pgsql", "postgis", "timescale"].iter().any(|short| parts.contains(short));
    match name.copied().or(short.then_some("postgres")) {
        Some(name) => format!("write {name}:// instead, sentri brings its own driver"),
        None => KNOWN.to_owned(),
    }
}

const KNOWN: &str = "use postgres://user:password@host/database, mysql://user:password@host/database, \
                     sqlite:./file.db or sqlite::memory:";

fn from_members(members: &Map<String, Value>, warnings: &mut Vec<String>) -> Opening {
    let of = Members(members);
    if members.contains_key("filename") {
        of.only(&["filename"])?;
        return from_filename(of.required_text("filename")?);
    }
    if members.contains_key("connectionString") {
        of.only(&["connectionString", "max", "ssl", "schema"])?;
        let url = of.required_text("connectionString")?;
        let driver = url.split_once(':').and_then(|(scheme, rest)| Some((Driver::from_name(scheme)?, rest)));
        if let Some((driver, rest)) = driver {
            return driver.open_url(rest, &of.pool()?, warnings);
        }
        of.only(&["connectionString"])?;
        return from_url("db.connectionString", url, warnings);
    }
    of.only(&["type", "host", "port", "database", "user", "password", "max", "ssl", "schema"])?;
    if !members.contains_key("host") && !members.contains_key("database") {
        return Err(wrong("db names no database: give connectionString, host and database, or filename"));
    }
    let name = of.text("type")?.unwrap_or("postgres");
    let driver = Driver::from_name(name)
        .ok_or_else(|| wrong("db.type must be 'postgres', 'mysql' or 'mariadb'; for SQLite give filename"))?;
    (driver.by_parts)(&of)
}

/// A driver of the core's own for a database server.
struct Driver {
    /// The schemes of its URLs, each also a `db.type`. The driver reads URLs with the first scheme.
    names: &'static [&'static str],
    by_url: fn(url: &str, &PoolOptions, warnings: &mut Vec<String>) -> Opening,
    by_parts: fn(&Members<'_>) -> Opening,
}

/// All of them. SQLite is a file.
static DRIVERS: [Driver; 2] = [
    Driver {
        names: &["postgres", "postgresql"],
        by_url: by_url::<PostgresConfig>,
        by_parts: by_parts::<PostgresConfig>,
    },
    Driver { names: &["mysql", "mariadb"], by_url: by_url::<MysqlConfig>, by_parts: by_parts::<MysqlConfig> },
];

impl Driver {
    fn from_name(name: &str) -> Option<&'static Self> {
        DRIVERS.iter().find(|driver| driver.names.iter().any(|one| one.eq_ignore_ascii_case(name)))
    }

    /// `rest` is the URL behind its scheme and colon.
    fn open_url(&self, rest: &str, pool: &PoolOptions, warnings: &mut Vec<String>) -> Opening {
        (self.by_url)(&format!("{}:{rest}", self.names[0]), pool, warnings)
    }
}

fn by_url<C: ServerConfig>(url: &str, pool: &PoolOptions, warnings: &mut Vec<String>) -> Opening {
    let mut config = C::read(url)?;
    warnings.extend(config.take_warning());
    pool.open(config)
}

fn by_parts<C: ServerConfig>(of: &Members<'_>) -> Opening {
    let host = of.text("host")?.unwrap_or("localhost");
    let (database, user, password) = (of.text("database")?, of.text("user")?, of.text("password")?);
    of.pool()?.open(C::from_parts(host, of.port(C::PORT)?, database, user, password))
}

/// The members `max`, `ssl` and `schema`.
#[derive(Default)]
struct PoolOptions {
    max: Option<usize>,
    schema: Option<String>,
    tls: Option<(Tls, TlsFiles)>,
}

impl PoolOptions {
    fn open<C: ServerConfig>(&self, mut config: C) -> Opening {
        if let Some(schema) = &self.schema {
            config = config.with_schema(schema)?;
        }
        if let Some(max) = self.max {
            config = config.limited(max);
        }
        if let Some((mode, files)) = &self.tls {
            config = config.with_tls(*mode, files.clone())?;
        }
        Ok(store_over(Pooled::new(config)))
    }
}

fn store_over(executor: impl Executor) -> Arc<dyn Store> {
    Arc::new(SqlStore::new(executor, normalize_adopted))
}

fn over_sqlite(config: SqliteConfig) -> Arc<dyn Store> {
    store_over(SqliteExecutor::new(config))
}

fn from_filename(path: &str) -> Opening {
    if path.contains('\0') {
        return Err(wrong("db.filename names no file: it contains a NUL"));
    }
    Ok(over_sqlite(SqliteConfig::at(path)))
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

    fn port(&self, default: u16) -> Result<u16, Error> {
        let port = self.number("port", 1..=u64::from(u16::MAX))?;
        Ok(port.and_then(|port| u16::try_from(port).ok()).unwrap_or(default))
    }

    /// The members `max`, `schema` and `ssl`. `ssl: true` verifies the server, as drivers for Node do.
    fn pool(&self) -> Result<PoolOptions, Error> {
        let max = self.number("max", 1..=MOST_CONNECTIONS as u64)?.map(|max| max as usize);
        let tls = match self.get("ssl") {
            None => None,
            Some(Value::Bool(false)) => Some((Tls::Disable, TlsFiles::default())),
            Some(Value::Bool(true)) => Some((Tls::VerifyFull, TlsFiles::default())),
            Some(Value::Object(ssl)) => Some(tls_from(ssl)?),
            Some(_) => return Err(wrong("db.ssl must be true, false or an object")),
        };
        Ok(PoolOptions { max, tls, schema: self.text("schema")?.map(str::to_owned) })
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
    let pem = |name: &str, read: fn(&str, String) -> Result<Pem, Error>| match of.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.contains("-----BEGIN ") => {
            read(&format!("db.ssl.{name}"), text.clone()).map(Some)
        }
        Some(_) => Err(wrong(&format!("db.ssl.{name} must be the text of a PEM file"))),
    };
    let mut files = TlsFiles {
        root: pem("ca", certificates)?,
        certificate: pem("cert", certificates)?,
        key: pem("key", private_key)?,
    };
    if !verify {
        files.root = None;
    }
    Ok((if verify { Tls::VerifyFull } else { Tls::Require }, files))
}

fn wrong(message: &str) -> Error {
    Error::configuration(message)
}
