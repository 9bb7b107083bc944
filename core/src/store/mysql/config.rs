//! The settings of a MySQL connection, from a URL or from members of an object.

use std::fmt;
use std::time::Duration;

use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::error::Error;
use crate::store::pooled::DEFAULT_MAX;
use crate::store::tls::{Tls, TlsConfig, certificates_at, key_at};
use crate::tls::{Pem, TlsFiles};
use crate::url::split_query;

const PREPARED_STATEMENTS: usize = 64;
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Larger than any statement of ours, smaller than any server's limit. Said, so that the driver need not ask.
const MAX_PACKET: usize = 4 * 1024 * 1024;
/// What the driver would ask the server for; our pool looks for itself whether a connection lives.
const WAIT_TIMEOUT: usize = 28_800;

/// What every connection is told first. Transactions as the store's operations are written for; texts that do not fit
/// are refused and not cut; times are UTC; a lock that is not let go is an error soon after we stopped waiting for it.
const SETUP: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
                     SESSION time_zone = '+00:00', SESSION innodb_lock_wait_timeout = 2";
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Where the server is, who we are, and how many connections may be open.
#[derive(Clone)]
pub struct MysqlConfig {
    settings: OptsBuilder,
    pub(super) tls: TlsConfig,
    pub(super) max: usize,
}

impl fmt::Debug for MysqlConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opts = Opts::from(self.settings.clone());
        f.debug_struct("MysqlConfig")
            .field("host", &opts.ip_or_hostname())
            .field("port", &opts.tcp_port())
            .field("database", &opts.db_name())
            .field("user", &opts.user())
            .field("tls", &self.tls)
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

impl MysqlConfig {
    /// Settings from a URL, `mysql://user:password@host:port/database?ssl-mode=..`. `ssl-mode` is that of MySQL's own
    /// client: `DISABLED`, `PREFERRED` (default), `REQUIRED`, `VERIFY_CA` (default with a root) or `VERIFY_IDENTITY`;
    /// see [`Tls`]. `ssl-ca`, `ssl-cert` and `ssl-key` name files, `socket` a Unix socket.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `db`, never quoting the URL.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let (base, parameters) = split_query(url);
        let unreadable = || wrong("is not a MySQL URL: use mysql://user:password@host:3306/database");
        let opts = Opts::from_url(base).map_err(|_| unreadable())?;
        let mut config = Self::new(OptsBuilder::from_opts(opts));
        let (mut mode, mut files) = (None, TlsFiles::default());
        for (name, value) in parameters {
            match name.replace('_', "-").as_str() {
                "ssl-mode" | "sslmode" | "sslMode" => mode = Some(mode_from(&value)?),
                "ssl-ca" => files.root = certificates_at("ssl-ca", &value)?,
                "ssl-cert" => files.certificate = certificates_at("ssl-cert", &value)?,
                "ssl-key" => files.key = key_at("ssl-key", &value)?,
                "socket" => config.settings = config.settings.socket(Some(value)),
                "charset" if value.eq_ignore_ascii_case("utf8mb4") => {}
                _ => {
                    return Err(wrong(
                        "has an unknown parameter: known are ssl-mode, ssl-ca, ssl-cert, ssl-key, socket",
                    ));
                }
            }
        }
        config.tls = TlsConfig::new(mode, files)?;
        Ok(config)
    }

    /// Settings from single values; `host` may be the path of a Unix socket.
    #[must_use]
    pub fn from_parts(
        host: &str,
        port: u16,
        database: Option<&str>,
        user: Option<&str>,
        password: Option<&str>,
    ) -> Self {
        let settings = OptsBuilder::default().db_name(database).user(user).pass(password);
        Self::new(if host.starts_with('/') {
            settings.socket(Some(host))
        } else {
            settings.ip_or_hostname(host).tcp_port(port)
        })
    }

    fn new(settings: OptsBuilder) -> Self {
        let settings = settings
            // Rows found, as other databases count them, and not rows changed.
            .client_found_rows(true)
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE))
            .tcp_nodelay(true)
            .stmt_cache_size(PREPARED_STATEMENTS)
            .max_allowed_packet(Some(MAX_PACKET))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .setup(vec![SETUP, ISOLATION]);
        Self { settings, tls: TlsConfig::default(), max: DEFAULT_MAX }
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
        Ok(self)
    }

    /// What the driver wants, with TLS as configured and without.
    pub(super) fn options(&self) -> (Opts, Opts) {
        let plain = self.settings.clone().ssl_opts(None);
        (plain.clone().ssl_opts(ssl_from(&self.tls)).into(), plain.into())
    }
}

fn ssl_from(tls: &TlsConfig) -> SslOpts {
    let TlsFiles { root, certificate, key } = &tls.files;
    let bytes = |pem: &Pem| pem.expose().as_bytes().to_vec();
    let identity = certificate.as_ref().zip(key.as_ref());
    let options = SslOpts::default()
        .with_client_identity(identity.map(|(chain, key)| ClientIdentity::new(bytes(chain).into(), bytes(key).into())));
    let verifies = matches!(tls.mode, Tls::VerifyCa | Tls::VerifyFull);
    match root {
        // As with PostgreSQL: a root that is given is heeded, whatever the mode.
        Some(root) => {
            let options = options.with_root_certs(vec![bytes(root).into()]).with_disable_built_in_roots(true);
            if tls.mode == Tls::VerifyFull { options } else { with_any_host(options) }
        }
        None if verifies => {
            let system: Vec<_> = system_roots().into_iter().map(|root| root.to_vec().into()).collect();
            // A container without roots of its own has those that the driver brings along.
            options.with_disable_built_in_roots(!system.is_empty()).with_root_certs(system)
        }
        None => options.with_danger_accept_invalid_certs(true),
    }
}

/// The certificate must come from a root; its names don't matter. The driver looks for `NotValidForName` in the words of
/// the error, which rustls has reworded since. They quote the name that was expected, though: this one. It is looked at
/// last, when all else was good, so an error about it means just that. A server gets it as SNI and passes over it.
fn with_any_host(options: SslOpts) -> SslOpts {
    options.with_danger_skip_domain_validation(true).with_danger_tls_hostname_override(Some("NotValidForName"))
}

/// What the system trusts, as far as TLS can use it.
fn system_roots() -> Vec<CertificateDer<'static>> {
    let is_root =
        |certificate: &CertificateDer<'_>| RootCertStore::empty().add(certificate.clone().into_owned()).is_ok();
    rustls_native_certs::load_native_certs().certs.into_iter().filter(is_root).collect()
}

fn mode_from(value: &str) -> Result<Tls, Error> {
    Ok(match value.to_ascii_uppercase().replace('-', "_").as_str() {
        "DISABLED" | "DISABLE" => Tls::Disable,
        "PREFERRED" | "PREFER" => Tls::Prefer,
        "REQUIRED" | "REQUIRE" => Tls::Require,
        "VERIFY_CA" => Tls::VerifyCa,
        "VERIFY_IDENTITY" | "VERIFY_FULL" => Tls::VerifyFull,
        _ => {
            return Err(wrong(
                "has an unknown ssl-mode: use DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY",
            ));
        }
    })
}

fn wrong(what: &str) -> Error {
    Error::configuration(format!("db {what}"))
}

#[cfg(test)]
mod tests {
    use super::{MysqlConfig, Tls};

    #[test]
    fn a_url_gives_its_parts() {
        let url = "mysql://app:pa%3Fss@db.example:3307/auth?ssl-mode=VERIFY_IDENTITY";
        let config = MysqlConfig::from_url(url).unwrap();
        assert_eq!(config.tls.mode, Tls::VerifyFull);
        let (with_tls, plain) = config.options();
        assert_eq!((plain.ip_or_hostname(), plain.tcp_port()), ("db.example", 3307));
        assert_eq!((plain.user(), plain.pass(), plain.db_name()), (Some("app"), Some("pa?ss"), Some("auth")));
        assert!(plain.ssl_opts().is_none() && !with_tls.ssl_opts().unwrap().accept_invalid_certs());
        assert!(with_tls.client_found_rows());
    }

    #[test]
    fn neither_debug_nor_errors_show_the_password() {
        let config = MysqlConfig::from_url("mysql://app:hunter2@db/auth").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        for url in [
            "mysql://app:hunter2@db:hunter2/auth",
            "mysql://app:hunter2@db/a?ssl-mode=hunter2",
            "mysql://app:hunter2@db/a?hunter2=hunter2",
            "mysql://app:hunter2@db/a?ssl-cert=/nowhere.pem",
        ] {
            let error = MysqlConfig::from_url(url).unwrap_err();
            assert!(error.message.starts_with("db ") && !error.message.contains("hunter2"), "{error:?}");
        }
    }
}
