//! The settings of a MySQL connection, from a URL or from members of an object.

use std::fmt;
use std::time::Duration;

use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::error::Error;
use crate::store::driver::ServerConfig;
use crate::store::pooled::DEFAULT_MAX;
use crate::store::tls::{Tls, TlsConfig};
use crate::tls::{Pem, TlsFiles};

const PREPARED_STATEMENTS: usize = 64;
const KEEPALIVE: Duration = Duration::from_secs(10);
/// The largest packet. Every statement of the store is smaller, and every server's limit is larger. It is set so that
/// the driver need not ask the server.
const MAX_PACKET: usize = 4 * 1024 * 1024;
/// Set so that the driver need not ask the server. The pool checks by itself whether a connection lives.
const WAIT_TIMEOUT: usize = 28_800;

/// The first statement on every connection. It makes the server refuse texts that do not fit instead of cutting them,
/// sets times to UTC, and turns a wait for a lock into an error soon after the batch has given up.
const SETUP: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
                     SESSION time_zone = '+00:00', SESSION innodb_lock_wait_timeout = 2";
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// The address of the server, the credentials, and the most connections.
#[derive(Clone)]
pub struct MysqlConfig {
    settings: OptsBuilder,
    /// The names and ports of several hosts; empty if the settings name a single host.
    hosts: Vec<(String, u16)>,
    pub(super) tls: TlsConfig,
    pub(super) max: usize,
    /// A warning about parameters of the URL that are ignored.
    pub(super) warning: Option<String>,
}

impl fmt::Debug for MysqlConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opts = Opts::from(self.settings.clone());
        f.debug_struct("MysqlConfig")
            .field("host", &opts.ip_or_hostname())
            .field("port", &opts.tcp_port())
            .field("hosts", &self.hosts)
            .field("database", &opts.db_name())
            .field("user", &opts.user())
            .field("tls", &self.tls)
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

impl MysqlConfig {
    pub(super) fn new(settings: OptsBuilder) -> Self {
        let settings = settings
            // Counts the rows that a statement found, as other databases do, and not the rows that it changed.
            .client_found_rows(true)
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE))
            .tcp_nodelay(true)
            .stmt_cache_size(PREPARED_STATEMENTS)
            .max_allowed_packet(Some(MAX_PACKET))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .setup(vec![SETUP, ISOLATION]);
        Self { settings, hosts: Vec::new(), tls: TlsConfig::default(), max: DEFAULT_MAX, warning: None }
    }

    /// Sets the most connections.
    #[must_use]
    pub const fn with_max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// Sets several hosts, of which one is used at a time.
    pub(super) fn with_hosts(mut self, hosts: Vec<(String, u16)>) -> Self {
        self.hosts = hosts;
        self
    }

    /// Returns the driver's options for each host: with TLS as configured, and without TLS.
    pub(super) fn options(&self) -> Vec<(Opts, Opts)> {
        let both = |settings: OptsBuilder| {
            let plain = settings.ssl_opts(None);
            (plain.clone().ssl_opts(ssl_from(&self.tls)).into(), plain.into())
        };
        if self.hosts.is_empty() {
            return vec![both(self.settings.clone())];
        }
        let at = |(name, port): &(String, u16)| self.settings.clone().ip_or_hostname(name.clone()).tcp_port(*port);
        self.hosts.iter().map(|host| both(at(host))).collect()
    }
}

impl ServerConfig for MysqlConfig {
    const PORT: u16 = 3306;

    fn read(url: &str) -> Result<Self, Error> {
        Self::from_url(url)
    }

    fn from_parts(host: &str, port: u16, database: Option<&str>, user: Option<&str>, password: Option<&str>) -> Self {
        let settings = OptsBuilder::default().db_name(database).user(user).pass(password);
        Self::new(if host.starts_with('/') {
            settings.socket(Some(host))
        } else {
            settings.ip_or_hostname(host).tcp_port(port)
        })
    }

    fn take_warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    fn limited(self, max: usize) -> Self {
        self.with_max(max)
    }

    fn with_tls(mut self, mode: Tls, files: TlsFiles) -> Result<Self, Error> {
        self.tls = TlsConfig::new(Some(mode), files)?;
        Ok(self)
    }

    fn with_schema(self, _schema: &str) -> Result<Self, Error> {
        Err(Error::configuration("db.schema is for PostgreSQL: with MySQL, name a database"))
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
        // A given root is always checked, whatever the mode, as with PostgreSQL.
        Some(root) => {
            let options = options.with_root_certs(vec![bytes(root).into()]).with_disable_built_in_roots(true);
            if tls.mode == Tls::VerifyFull { options } else { with_any_host(options) }
        }
        None if verifies => {
            let system: Vec<_> = system_roots().into_iter().map(|root| root.to_vec().into()).collect();
            // In a container without system roots the driver's own roots are used.
            options.with_disable_built_in_roots(!system.is_empty()).with_root_certs(system)
        }
        None => options.with_danger_accept_invalid_certs(true),
    }
}

/// Accepts a certificate for any host, if it comes from a trusted root. The driver detects the error about the name by
/// the text `NotValidForName`, which newer versions of rustls no longer write. They quote the expected name instead, so
/// that name is set to this text. The name is checked last, so this error means that all else is valid. The server gets
/// the name as SNI and ignores it.
fn with_any_host(options: SslOpts) -> SslOpts {
    options.with_danger_skip_domain_validation(true).with_danger_tls_hostname_override(Some("NotValidForName"))
}

/// Returns the roots that the system trusts and that TLS can use.
fn system_roots() -> Vec<CertificateDer<'static>> {
    let is_root =
        |certificate: &CertificateDer<'_>| RootCertStore::empty().add(certificate.clone().into_owned()).is_ok();
    rustls_native_certs::load_native_certs().certs.into_iter().filter(is_root).collect()
}
