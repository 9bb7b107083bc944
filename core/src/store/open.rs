//! Makes a store from the option `db` or `dialect`. The first use opens the database.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::wording::any_of;
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

mod members;

use members::{Members, PoolOptions};

/// A store, or the `CONFIGURATION_ERROR` with the reason why it can't be made.
type Opening = Result<Arc<dyn Store>, Error>;

/// Makes a store from the `db` option. The option is a URL (`postgres://`, `postgresql://`, `mysql://`, `mariadb://`,
/// `sqlite:./file.db`, `sqlite::memory:`), or an object of the form `{connectionString, max, ssl, schema}`, `{type,
/// host, port, database, user, password, max, ssl, schema}` or `{filename}`. `type` is `postgres` by default.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names `db`, the member at fault and the cure. It never quotes a value, which may be a
/// password.
pub fn open(db: &Value) -> Result<Arc<dyn Store>, Error> {
    open_noting(db, &mut Vec::new())
}

/// [`open`], which adds a warning about ignored parameters to `warnings`.
///
/// # Errors
/// Those of [`open`].
pub fn open_noting(db: &Value, warnings: &mut Vec<String>) -> Result<Arc<dyn Store>, Error> {
    match db {
        Value::String(url) => from_url("db", url, warnings),
        Value::Object(members) => from_members(members, warnings),
        _ => Err(wrong("db must be a URL or an object; for instance 'sqlite:./auth.db' or {connectionString}")),
    }
}

/// Makes a store over a database that the host accesses, in a dialect of [`Dialect::foreign`].
#[must_use]
pub fn over(database: Arc<dyn ForeignDatabase>, dialect: &'static Dialect) -> Arc<dyn Store> {
    store_over(ForeignExecutor::new(database, dialect))
}

fn from_url(option: &str, url: &str, warnings: &mut Vec<String>) -> Opening {
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err(wrong(&format!("{option} is not a URL: {}", known())));
    };
    let scheme = scheme.to_ascii_lowercase();
    match Driver::of_scheme(&scheme) {
        Some(Driver { names, place: Place::Server { by_url, .. }, .. }) => {
            by_url(names[0], rest, &PoolOptions::default(), warnings)
        }
        Some(Driver { place: Place::File { by_url }, .. }) => by_url(option, &scheme, rest),
        None => Err(wrong(&format!("{option} has an unknown scheme: {}", spelling_of(&scheme)))),
    }
}

/// Returns the cure for a scheme of another library, which may hold the names of a driver or of the library.
fn spelling_of(scheme: &str) -> String {
    let parts: Vec<&str> = scheme.split('+').collect();
    let named = parts.iter().copied().find(|part| Driver::named(part).is_some());
    let in_other_words = || DRIVERS.iter().find(|driver| driver.words.iter().any(|word| parts.contains(word)));
    match named.or_else(|| in_other_words().map(|driver| driver.names[0])) {
        Some(name) => format!("write {name}:// instead, sentri brings its own driver"),
        None => known(),
    }
}

/// Returns the advice which URLs to use.
fn known() -> String {
    format!("use {}", any_of(DRIVERS.iter().flat_map(|driver| driver.examples).copied()))
}

fn from_members(members: &Map<String, Value>, warnings: &mut Vec<String>) -> Opening {
    let of = Members(members);
    if members.contains_key("filename") {
        of.only(&["filename"])?;
        return from_filename(of.required_text("filename")?);
    }
    if members.contains_key("connectionString") {
        of.only(&["connectionString", "max", "ssl", "schema"])?;
        let url = of.required_text("connectionString")?;
        if let Some((scheme, rest)) = url.split_once(':')
            && let Some(Driver { names, place: Place::Server { by_url, .. }, .. }) = Driver::of_scheme(scheme)
        {
            return by_url(names[0], rest, &of.pool()?, warnings);
        }
        of.only(&["connectionString"])?;
        return from_url("db.connectionString", url, warnings);
    }
    of.only(&["type", "host", "port", "database", "user", "password", "max", "ssl", "schema"])?;
    if !members.contains_key("host") && !members.contains_key("database") {
        return Err(wrong("db names no database: give connectionString, host and database, or filename"));
    }
    let name = of.text("type")?.unwrap_or("postgres");
    match Driver::named(name) {
        Some(Driver { place: Place::Server { by_parts, .. }, .. }) => by_parts(&of),
        _ => Err(wrong(&format!("db.type must be {}; for SQLite give filename", types()))),
    }
}

/// Returns the values of `db.type`, for messages.
fn types() -> String {
    let types = DRIVERS.iter().flat_map(|driver| match driver.place {
        Place::Server { types, .. } => types,
        Place::File { .. } => &[],
    });
    any_of(types.map(|name| format!("'{name}'")))
}

/// A database driver that the core brings.
struct Driver {
    /// The schemes of the driver's URLs, to which other libraries add the name of a driver. For a server each is also a
    /// value of `db.type`. The driver itself reads URLs with the first scheme.
    names: &'static [&'static str],
    /// Further schemes of the driver's URLs, which other libraries do not combine with the name of a driver.
    schemes: &'static [&'static str],
    /// Words for this database in the schemes of other libraries.
    words: &'static [&'static str],
    /// Examples of URLs for messages.
    examples: &'static [&'static str],
    place: Place,
}

/// The place of a database, and how it is opened.
enum Place {
    /// A server behind a pool of connections.
    Server {
        /// The values of `db.type` for messages.
        types: &'static [&'static str],
        by_url: fn(name: &str, rest: &str, &PoolOptions, warnings: &mut Vec<String>) -> Opening,
        by_parts: fn(&Members<'_>) -> Opening,
    },
    /// A file on this machine.
    File { by_url: fn(option: &str, scheme: &str, rest: &str) -> Opening },
}

static DRIVERS: [Driver; 3] = [
    Driver {
        names: &["postgres", "postgresql"],
        schemes: &[],
        words: &["psql", "pgsql", "postgis", "timescale"],
        examples: &["postgres://user:password@host/database"],
        place: Place::Server {
            types: &["postgres"],
            by_url: by_url::<PostgresConfig>,
            by_parts: by_parts::<PostgresConfig>,
        },
    },
    Driver {
        names: &["mysql", "mariadb"],
        schemes: &[],
        words: &[],
        examples: &["mysql://user:password@host/database"],
        place: Place::Server {
            types: &["mysql", "mariadb"],
            by_url: by_url::<MysqlConfig>,
            by_parts: by_parts::<MysqlConfig>,
        },
    },
    Driver {
        names: &["sqlite"],
        schemes: &["file"],
        words: &[],
        examples: &["sqlite:./file.db", "sqlite::memory:"],
        place: Place::File { by_url: file_by_url },
    },
];

impl Driver {
    fn named(name: &str) -> Option<&'static Self> {
        DRIVERS.iter().find(|driver| driver.names.iter().any(|one| one.eq_ignore_ascii_case(name)))
    }

    fn of_scheme(scheme: &str) -> Option<&'static Self> {
        let further = |driver: &&Self| driver.schemes.iter().any(|one| one.eq_ignore_ascii_case(scheme));
        Self::named(scheme).or_else(|| DRIVERS.iter().find(further))
    }
}

/// Makes a store from a URL. `rest` is the URL after the scheme and its colon.
fn by_url<C: ServerConfig>(name: &str, rest: &str, pool: &PoolOptions, warnings: &mut Vec<String>) -> Opening {
    let mut config = C::read(&format!("{name}:{rest}"))?;
    warnings.extend(config.take_warning());
    open_pool(config, pool)
}

fn by_parts<C: ServerConfig>(of: &Members<'_>) -> Opening {
    let host = of.text("host")?.unwrap_or("localhost");
    let (database, user, password) = (of.text("database")?, of.text("user")?, of.text("password")?);
    let pool = of.pool()?;
    open_pool(C::from_parts(host, of.port(C::PORT)?, database, user, password), &pool)
}

/// Makes a store over the server of `config`, with the options of its pool.
fn open_pool<C: ServerConfig>(mut config: C, pool: &PoolOptions) -> Opening {
    if let Some(schema) = &pool.schema {
        config = config.with_schema(schema)?;
    }
    if let Some(max) = pool.max {
        config = config.limited(max);
    }
    if let Some((mode, files)) = &pool.tls {
        config = config.with_tls(*mode, files.clone())?;
    }
    Ok(store_over(Pooled::new(config)))
}

fn store_over(executor: impl Executor) -> Arc<dyn Store> {
    Arc::new(SqlStore::new(executor, normalize_adopted))
}

fn file_by_url(option: &str, scheme: &str, rest: &str) -> Opening {
    sqlite::from_url(option, scheme, rest).map(over_sqlite)
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

fn wrong(message: &str) -> Error {
    Error::configuration(message)
}
