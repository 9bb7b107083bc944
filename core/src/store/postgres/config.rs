//! The settings of a PostgreSQL connection, from a URL or from members of an object.

use std::fmt;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::error::Error;
use crate::store::driver::ServerConfig;
use crate::store::pooled::{CONNECT_TIMEOUT, DEFAULT_MAX};
use crate::store::tls::{Tls, TlsConfig};
use crate::tls::TlsFiles;

/// The address of the server, the credentials, and the most connections.
#[derive(Clone)]
pub struct PostgresConfig {
    pub(super) settings: Config,
    pub(super) tls: TlsConfig,
    pub(super) max: usize,
    /// The schema of the tables; `None` for the schema in which the server looks for them.
    pub(super) schema: Option<String>,
    /// Whether the configuration says that a pooler is in use, so that no statement is prepared by name.
    pub(super) pgbouncer: bool,
    /// A warning about parameters of the URL that are ignored.
    pub(super) warning: Option<String>,
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("hosts", &self.settings.get_hosts())
            .field("ports", &self.settings.get_ports())
            .field("database", &self.settings.get_dbname())
            .field("user", &self.settings.get_user())
            .field("tls", &self.tls)
            .field("max", &self.max)
            .field("schema", &self.schema)
            .field("pgbouncer", &self.pgbouncer)
            .finish_non_exhaustive()
    }
}

impl PostgresConfig {
    /// Makes the configuration from the driver's settings. It fills in `application_name`, time limits and keepalives.
    pub(super) fn new(mut settings: Config, tls: TlsConfig) -> Self {
        if settings.get_application_name().is_none() {
            settings.application_name("sentri");
        }
        if settings.get_connect_timeout().is_none() {
            settings.connect_timeout(CONNECT_TIMEOUT);
        }
        settings
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(10));
        let mut config = Self { settings, tls, max: DEFAULT_MAX, schema: None, pgbouncer: false, warning: None };
        config.set_mode(config.tls.mode);
        config
    }

    /// Sets the most connections.
    #[must_use]
    pub const fn with_max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    fn set_mode(&mut self, mode: Tls) {
        self.tls.mode = mode;
        self.settings.ssl_mode(match mode {
            Tls::Disable => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            Tls::Require | Tls::VerifyCa | Tls::VerifyFull => SslMode::Require,
        });
    }
}

impl ServerConfig for PostgresConfig {
    const PORT: u16 = 5432;

    fn read(url: &str) -> Result<Self, Error> {
        Self::from_url(url)
    }

    fn from_parts(host: &str, port: u16, database: Option<&str>, user: Option<&str>, password: Option<&str>) -> Self {
        let mut settings = Config::new();
        settings.host(host).port(port);
        if let Some(database) = database {
            settings.dbname(database);
        }
        if let Some(user) = user {
            settings.user(user);
        }
        if let Some(password) = password {
            settings.password(password);
        }
        Self::new(settings, TlsConfig::default())
    }

    fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    fn limited(self, max: usize) -> Self {
        self.with_max(max)
    }

    fn with_tls(mut self, mode: Tls, files: TlsFiles) -> Result<Self, Error> {
        self.tls = TlsConfig::new(Some(mode), files)?;
        self.set_mode(mode);
        Ok(self)
    }

    fn with_schema(mut self, schema: &str) -> Result<Self, Error> {
        if schema.is_empty() || schema.contains('\0') {
            return Err(Error::configuration("db.schema is empty: name a schema, or leave it out"));
        }
        self.schema = Some(schema.to_owned());
        Ok(self)
    }
}

pub(super) fn wrong(what: &str) -> Error {
    Error::configuration(format!("db {what}"))
}
