//! A driver for a database server, for the option `db`.

use crate::error::Error;
use crate::store::pooled::Driver;
use crate::store::tls::Tls;
use crate::tls::TlsFiles;

/// The place of a database server and how to speak to it, as its driver reads it.
pub(in crate::store) trait ServerConfig: Driver + Sized {
    /// The port of the server unless the URL names another.
    const PORT: u16;

    /// Reads a URL with the first scheme of the driver's names.
    fn read(url: &str) -> Result<Self, Error>;

    /// Settings from single values; `host` may be the place of a Unix socket.
    fn from_parts(host: &str, port: u16, database: Option<&str>, user: Option<&str>, password: Option<&str>) -> Self;

    /// A sentence about a part of the URL that has no meaning here.
    fn take_warning(&mut self) -> Option<String>;

    /// The same with at most `max` connections.
    fn limited(self, max: usize) -> Self;

    /// The same with another TLS mode and certificates, or `CONFIGURATION_ERROR` when the files can't be used.
    fn with_tls(self, mode: Tls, files: TlsFiles) -> Result<Self, Error>;

    /// The same with its tables in `schema`, which must exist, instead of where the server looks for them; or
    /// `CONFIGURATION_ERROR` where that can't be.
    fn with_schema(self, schema: &str) -> Result<Self, Error>;
}
