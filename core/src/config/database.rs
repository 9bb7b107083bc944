//! The place of users, sessions and keys: `db`, `dialect`, `dialectKind`.

use serde_json::Value;

use super::reader::Reader;
use crate::error::Error;
use crate::store::dialect::Dialect;

/// The place of users, sessions and keys.
#[derive(Debug)]
pub enum Database {
    /// The `db` option as given: the core's own drivers.
    Own(Value),
    /// The `dialect` option: the host accesses the database, whose SQL this dialect describes.
    Foreign(&'static Dialect),
}

/// Reads `db`, or `dialect` with `dialectKind`.
pub(super) fn database(read: &mut Reader<'_>) -> Result<Database, Error> {
    let kind = read.text("dialectKind")?;
    match (read.value("dialect"), read.value("db").cloned()) {
        (Some(_), Some(_)) => Err(read.error("dialect", "and db exclude each other: give exactly one")),
        (Some(dialect), None) => foreign(read, dialect, kind).map(Database::Foreign),
        (None, Some(_)) if kind.is_some() => {
            Err(read.error("dialectKind", "is for dialect only: leave it out with db"))
        }
        (None, Some(db)) => Ok(Database::Own(db)),
        (None, None) => Err(read.error(
            "db",
            "is missing: give the URL of a database, e.g. that of the environment variable DATABASE_URL or \
             'sqlite:./sentri.db'; in Node, dialect may be a Kysely dialect instead",
        )),
    }
}

/// The text that a binding writes for a dialect that does not name its database.
const NOT_NAMED: &str = "[dialect]";

/// Reads `dialect`. Bindings write the name of the database there, since JSON can't hold the dialect itself.
fn foreign(read: &Reader<'_>, dialect: &Value, kind: Option<&str>) -> Result<&'static Dialect, Error> {
    let Some(named) = dialect.as_str().filter(|named| *named == NOT_NAMED || Dialect::foreign(named).is_some()) else {
        return Err(read.error("dialect", "must be a Kysely dialect, e.g. new PostgresDialect({ pool })"));
    };
    Dialect::foreign(kind.unwrap_or(named)).ok_or_else(|| {
        let known = Dialect::foreign_names();
        let message = match kind {
            Some(_) => format!("must be {known}"),
            None => format!("is missing: the dialect does not tell its database; say which it is: {known}"),
        };
        read.error("dialectKind", message)
    })
}
