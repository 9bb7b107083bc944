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
/// Larger than any statement of ours, smaller than any server's limit. It is stated, so that the driver need not ask.
const MAX_PACKET: usize = 4 * 1024 * 1024;
/// A question that the driver would ask the server; our pool looks for itself whether a connection lives.
const WAIT_TIMEOUT: usize = 28_800;

/// The first statement on every connection: transactions as the store's operations expect them; texts that do not fit
/// are refused and not cut; times are UTC; a lock that is not let go is an error soon after we stopped waiting for it.
const SETUP: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
                     SESSION time_zone = '+00:00', SESSION innodb_lock_wait_timeout = 2";
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// The address of the server, the credentials, and the most connections.
#[derive(Clone)]
pub struct MysqlConfig {
    settings: OptsBuilder,
    /// Names and ports, where the settings are to hold for more than one.
    hosts: Vec<(String, u16)>,
    pub(super) tls: TlsConfig,
    pub(super) max: usize,
    /// A sentence about parameters of the URL that mean nothing here.
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
            // Rows found, as other databases count them, and not rows changed.
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

    /// The same with at most `max` connections.
    #[must_use]
    pub const fn with_max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// The same for several hosts, of which one is used at a time.
    pub(super) fn with_hosts(mut self, hosts: Vec<(String, u16)>) -> Self {
        self.hosts = hosts;
        self
    }

    /// The driver's options for each host, with TLS as configured and without.
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

/// The certificate must come from a root; its names don't matter. The driver looks for `NotValidForName` in the words
/// of the error, which rustls has reworded since. They quote the expected name, though, which is this name. The name is
/// checked last, when all else was valid, so an error about it means just that. A server gets it as SNI and passes over
/// it.
fn with_any_host(options: SslOpts) -> SslOpts {
    options.with_danger_skip_domain_validation(true).with_danger_tls_hostname_override(Some("NotValidForName"))
}

/// The roots that the system trusts, as far as TLS can use them.
fn system_roots() -> Vec<CertificateDer<'static>> {
    let is_root =
        |certificate: &CertificateDer<'_>| RootCertStore::empty().add(certificate.clone().into_owned()).is_ok();
    rustls_native_certs::load_native_certs().certs.into_iter().filter(is_root).collect()
}
