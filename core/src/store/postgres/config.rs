//! The settings of a PostgreSQL connection, from a URL or from members of an object.

use std::fmt;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::error::Error;
use crate::store::pooled::{CONNECT_TIMEOUT, DEFAULT_MAX};
use crate::store::tls::{Tls, TlsConfig, certificates_at, key_at};
use crate::tls::TlsFiles;
use crate::url::percent_decode;

/// Where the server is, who we are, and how many connections may be open.
#[derive(Clone)]
pub struct PostgresConfig {
    pub(super) settings: Config,
    pub(super) tls: TlsConfig,
    pub(super) max: usize,
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
            .finish_non_exhaustive()
    }
}

impl PostgresConfig {
    /// Settings from a URL, `postgres://user:password@host:port/database?sslmode=..`, as libpq reads it. `sslmode` is
    /// `disable`, `prefer` (default), `require`, `verify-ca` (default with a root) or `verify-full`; see [`Tls`].
    /// `sslrootcert`, `sslcert` and `sslkey` name files; the root `system` stands for those that the system trusts.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `db`, never quoting the URL.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut files, mut others) = (None, TlsFiles::default(), Vec::new());
        let mut is_system = false;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "sslmode" => mode = Some(mode_from(&percent_decode(value))?),
                "sslrootcert" if value == "system" => is_system = true,
                "sslrootcert" => files.root = certificates_at(name, &percent_decode(value))?,
                "sslcert" => files.certificate = certificates_at(name, &percent_decode(value))?,
                "sslkey" => files.key = key_at(name, &percent_decode(value))?,
                _ => others.push(pair),
            }
        }
        if is_system && *mode.get_or_insert(Tls::VerifyFull) != Tls::VerifyFull {
            // As libpq has it: anybody can have a certificate from a public root.
            return Err(wrong("has sslrootcert=system, which wants sslmode=verify-full"));
        }
        let rest = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
        let mut settings: Config = rest.parse().map_err(|error| {
            // The driver's error names what it did not understand, not its value.
            let cause = std::error::Error::source(&error as &tokio_postgres::Error).map(ToString::to_string);
            wrong(&format!("is not a PostgreSQL URL ({})", cause.unwrap_or_else(|| "can't be read".into())))
        })?;
        if settings.get_hosts().is_empty() && settings.get_hostaddrs().is_empty() {
            settings.host("localhost");
        }
        Ok(Self::new(settings, TlsConfig::new(mode, files)?))
    }

    /// Settings from what the driver calls them; `application_name`, time limits and keepalives are filled in.
    fn new(mut settings: Config, tls: TlsConfig) -> Self {
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
        let mut config = Self { settings, tls, max: DEFAULT_MAX };
        config.set_mode(config.tls.mode);
        config
    }

    /// Settings from single values; `host` may be the folder of a Unix socket.
    #[must_use]
    pub fn from_parts(
        host: &str,
        port: u16,
        database: Option<&str>,
        user: Option<&str>,
        password: Option<&str>,
    ) -> Self {
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

    /// The same with at most `max` connections.
    #[must_use]
    pub const fn with_max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// The same with another TLS mode and certificates.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` when the files can't be used.
    pub fn with_tls(mut self, mode: Tls, files: TlsFiles) -> Result<Self, Error> {
        self.tls = TlsConfig::new(Some(mode), files)?;
        self.set_mode(mode);
        Ok(self)
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

fn mode_from(value: &str) -> Result<Tls, Error> {
    Ok(match value {
        "disable" => Tls::Disable,
        "prefer" | "allow" => Tls::Prefer,
        "require" | "no-verify" => Tls::Require,
        "verify-ca" => Tls::VerifyCa,
        "verify-full" => Tls::VerifyFull,
        _ => return Err(wrong("has an unknown sslmode: use disable, prefer, require, verify-ca or verify-full")),
    })
}

fn wrong(what: &str) -> Error {
    Error::configuration(format!("db {what}"))
}

#[cfg(test)]
mod tests {
    use super::{PostgresConfig, Tls};

    #[test]
    fn a_url_gives_its_tls_mode_and_keeps_the_rest() {
        let url = "postgresql://app:pa%3Fss@db.example:6432/auth?sslmode=verify-full\
                   &sslrootcert=system&options=-csearch_path%3Dauth";
        let config = PostgresConfig::from_url(url).unwrap();
        assert_eq!(config.tls.mode, Tls::VerifyFull);
        assert_eq!(config.settings.get_options(), Some("-csearch_path=auth"));
        assert_eq!(config.settings.get_ports(), [6432]);
        assert_eq!(config.settings.get_password(), Some(&b"pa?ss"[..]));
        assert_eq!(config.settings.get_application_name(), Some("sentri"));
    }

    #[test]
    fn neither_debug_nor_errors_show_the_password() {
        let config = PostgresConfig::from_url("postgres://app:hunter2@db/auth").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        for url in [
            "postgres://app:hunter2@db:hunter2/auth",
            "postgres://app:hunter2@db/a?sslmode=hunter2",
            "postgres://app:hunter2@db/a?sslmode=require&sslrootcert=system",
        ] {
            let error = PostgresConfig::from_url(url).unwrap_err();
            assert!(error.message.starts_with("db ") && !error.message.contains("hunter2"), "{error:?}");
        }
    }
}
