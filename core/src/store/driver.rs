//! The part of a driver for database servers that reads the option `db`.

use crate::error::Error;
use crate::store::pooled::Driver;
use crate::store::tls::Tls;
use crate::tls::TlsFiles;

/// The settings of a connection to a database server, as its driver reads them.
pub(in crate::store) trait ServerConfig: Driver + Sized {
    /// The default port of the server.
    const PORT: u16;

    /// Reads a URL whose scheme is the first of the driver's names.
    fn read(url: &str) -> Result<Self, Error>;

    /// Makes settings from single values. `host` may be the path of a Unix socket.
    fn from_parts(host: &str, port: u16, database: Option<&str>, user: Option<&str>, password: Option<&str>) -> Self;

    /// Returns a warning about a part of the URL that is ignored, once.
    fn take_warning(&mut self) -> Option<String>;

    /// Returns the settings with at most `max` connections.
    fn limited(self, max: usize) -> Self;

    /// Returns the settings with a TLS mode and certificates, or `CONFIGURATION_ERROR` if the files can't be used.
    fn with_tls(self, mode: Tls, files: TlsFiles) -> Result<Self, Error>;

    /// Returns the settings with all tables in `schema`, which must exist, or `CONFIGURATION_ERROR` if this is
    /// impossible.
    fn with_schema(self, schema: &str) -> Result<Self, Error>;
}
