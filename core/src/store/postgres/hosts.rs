//! Connects to the host that takes writes, among several.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleResult};
use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, RecyclingMethod};
use tokio::time::timeout;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::pooler;
use super::schema::Schema;
use super::{PostgresConfig, tls};
use crate::failure::StoreError;
use crate::store::pooled::CONNECT_TIMEOUT;

/// Makes a statement that was given up after `BATCH_LIMIT` end at the server even if the request to cancel it is lost.
/// A limit that the operator set stays. Behind a pooler the next client of the connection would inherit the setting, so
/// such connections do without it.
const PATIENCE: &str = "SELECT set_config('lock_timeout', '2s', false) WHERE current_setting('lock_timeout') = '0'";

/// The way in which all connections of a pool send statements.
pub(super) struct Terms {
    pub schema: Option<Schema>,
    /// The name of the role at the server, for messages.
    pub role: Option<String>,
    /// Whether statements must be sent unnamed, since prepared statements went missing or the configuration says so.
    pub unnamed: AtomicBool,
}

/// A connection, with the facts needed to use it.
pub struct Link {
    pub(super) client: ClientWrapper,
    pub(super) terms: Arc<Terms>,
    /// The settings and TLS of the host, since a request to cancel needs a connection of its own.
    pub(super) settings: Arc<Config>,
    pub(super) connector: MakeRustlsConnect,
    /// Whether the connection goes to the server without a pooler, so that statements can be prepared by name.
    direct: bool,
}

impl Link {
    /// Whether statements may be prepared by name.
    pub(super) fn keeps_names(&self) -> bool {
        self.direct && !self.terms.unnamed.load(Ordering::Relaxed)
    }
}

/// Makes connections. Among several hosts it tries the last one that worked first, then the others.
pub struct Hosts {
    managers: Vec<(Manager, Arc<Config>)>,
    connector: MakeRustlsConnect,
    /// The time for one host, so that a silent host leaves time for the next.
    limit: Duration,
    good: AtomicUsize,
    terms: Arc<Terms>,
}

impl Hosts {
    pub(super) fn new(config: &PostgresConfig) -> Result<Self, StoreError> {
        let connector = tls::make_connector(&config.tls)?;
        let settings = settings_by_host(&config.settings);
        let recycling = || ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let limit = CONNECT_TIMEOUT / u32::try_from(settings.len().max(1)).unwrap_or(1);
        let manager = |one: Config| (Manager::from_config(one.clone(), connector.clone(), recycling()), Arc::new(one));
        Ok(Self {
            managers: settings.into_iter().map(manager).collect(),
            connector,
            limit,
            good: AtomicUsize::new(0),
            terms: Arc::new(Terms {
                schema: config.schema.as_deref().map(Schema::new),
                role: config.settings.get_user().map(str::to_owned),
                unnamed: AtomicBool::new(config.pgbouncer),
            }),
        })
    }

    async fn connect(&self, (manager, settings): &(Manager, Arc<Config>)) -> Result<Link, Error> {
        let client = managed::Manager::create(manager).await?;
        let direct = !self.terms.unnamed.load(Ordering::Relaxed) && !pooler::stands_before(&client).await?;
        if direct {
            match client.batch_execute(PATIENCE).await {
                // Another product with this protocol may have no such limit.
                Err(error) if error.as_db_error().is_none() => return Err(error),
                _ => {}
            }
        }
        let (terms, settings) = (Arc::clone(&self.terms), Arc::clone(settings));
        Ok(Link { client, terms, settings, connector: self.connector.clone(), direct })
    }
}

/// The reason why no host gave a connection.
#[derive(Debug)]
pub enum Refused {
    /// The last answer of a host.
    Answer(Error),
    /// No host answered in time.
    Silent,
}

impl managed::Manager for Hosts {
    type Type = Link;
    type Error = Refused;

    async fn create(&self) -> Result<Link, Refused> {
        let first = self.good.load(Ordering::Relaxed);
        let mut refused = Refused::Silent;
        for step in 0..self.managers.len() {
            let index = (first + step) % self.managers.len();
            match timeout(self.limit, self.connect(&self.managers[index])).await {
                Ok(Ok(link)) => {
                    self.good.store(index, Ordering::Relaxed);
                    return Ok(link);
                }
                Ok(Err(error)) => refused = Refused::Answer(error),
                Err(_) => {}
            }
        }
        Err(refused)
    }

    async fn recycle(&self, link: &mut Link, metrics: &Metrics) -> RecycleResult<Refused> {
        // The manager only checks whether the connection is open, so any host's manager will do.
        let Some((manager, _)) = self.managers.first() else { return Ok(()) };
        let recycled = managed::Manager::recycle(manager, &mut link.client, metrics).await;
        recycled.map_err(|error| match error {
            managed::RecycleError::Message(text) => managed::RecycleError::Message(text),
            managed::RecycleError::Backend(error) => managed::RecycleError::Backend(Refused::Answer(error)),
        })
    }

    fn detach(&self, link: &mut Link) {
        for (manager, _) in &self.managers {
            managed::Manager::detach(manager, &mut link.client);
        }
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts").field("count", &self.managers.len()).finish_non_exhaustive()
    }
}

/// Returns the settings of each host. The driver can try several hosts by itself, but a host that accepts a connection
/// and then is silent would use up the time of all.
fn settings_by_host(all: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) = (all.get_hosts(), all.get_hostaddrs(), all.get_ports());
    let count = hosts.len().max(addresses.len());
    if count < 2 {
        return vec![all.clone()];
    }
    let settings_of = |index: usize| {
        let mut one = without_hosts(all);
        match hosts.get(index) {
            Some(Host::Tcp(name)) => drop(one.host(name)),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => drop(one.host_path(folder)),
            None => {}
        }
        if let Some(address) = addresses.get(index) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(index).or_else(|| ports.first()) {
            one.port(*port);
        }
        one
    };
    (0..count).map(settings_of).collect()
}

fn without_hosts(all: &Config) -> Config {
    let mut one = Config::new();
    one.ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .channel_binding(all.get_channel_binding())
        .keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        // The store writes, so a standby is useless.
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|database| one.dbname(database));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_connect_timeout().map(|limit| one.connect_timeout(*limit));
    all.get_tcp_user_timeout().map(|limit| one.tcp_user_timeout(*limit));
    all.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    all.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one
}
