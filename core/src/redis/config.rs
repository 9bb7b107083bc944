//! The settings of a Redis connection, from its URL.

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};

use super::access::{Access, Settings, wrong};
use super::target::{Sentinels, Target};
use crate::error::Error;
use crate::url::{percent_decode, split_query};

/// The servers that a `redisUrl` leads to.
pub(super) struct RedisUrl {
    pub(super) access: Access,
    pub(super) targets: Vec<Target>,
    pub(super) wants_cluster: bool,
}

/// Reads `redis://user:password@host:6379/0`, `redis+cluster://user:password@host:6379,host:6379` or
/// `redis+sentinel://user:password@host:26379,host:26379/master`. The scheme `rediss` in place of `redis` asks for TLS.
/// The server's certificate must then come from a root that the system trusts, and name the host. Parameters change
/// this, under the names of redis-py: `ssl_ca_certs`, `ssl_certfile` and `ssl_keyfile` name files,
/// `ssl_check_hostname=false` accepts a certificate for any host, and `ssl_cert_reqs=none` accepts every certificate.
/// `sentinel_username` and `sentinel_password` are the login at the sentinels.
///
/// # Errors
/// `CONFIGURATION_ERROR` naming `redisUrl`, never quoting it.
pub(super) fn read(url: &str) -> Result<RedisUrl, Error> {
    let (url, fragment) = url.split_once('#').map_or((url, None), |(url, fragment)| (url, Some(fragment)));
    let (base, parameters) = split_query(url);
    let form = Form::read(base)?;
    let mut settings = Settings::default();
    let mut others = Vec::new();
    for (name, value) in parameters {
        match name.as_str() {
            // Parameters of other drivers. This driver knows `protocol`, and it does anyway what `family` asks for.
            "protocol" | "family" => others.push(format!("{name}={value}")),
            "sentinel_username" | "sentinel_password" if form.kind != Kind::Sentinel => {
                return Err(wrong("has sentinel_ parameters, but names no sentinels: use redis+sentinel://"));
            }
            "sentinel_username" => settings.sentinel.0 = Some(value),
            "sentinel_password" => settings.sentinel.1 = Some(value),
            _ => settings.take(&name, &value)?,
        }
    }
    settings.files.check("redisUrl")?;
    if settings.is_said && form.scheme != "rediss" {
        return Err(wrong("has ssl_ parameters, but redis:// is not encrypted: use rediss://"));
    }
    if fragment.is_some() {
        return Err(wrong(FORMS));
    }
    let infos = form.urls().map(|url| format!("{url}?{}", others.join("&")).into_connection_info());
    let infos = infos.collect::<Result<Vec<_>, _>>().map_err(|_| wrong(FORMS))?;
    let access = Access::new(infos[0].clone(), settings);
    form.redis_url(access, &infos)
}

const FORMS: &str = "is not a Redis URL: use redis://user:password@host:6379, or rediss:// for TLS";
const SENTINELS: &str = "names no master: use redis+sentinel://host:26379,host:26379/mymaster";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server,
    Cluster,
    Sentinel,
}

/// The parts of a URL before its query.
struct Form<'a> {
    kind: Kind,
    /// `redis` or `rediss`.
    scheme: &'static str,
    /// `user:password@`, or nothing.
    login: &'a str,
    hosts: Vec<&'a str>,
    database: &'a str,
    /// The name of the master that sentinels watch.
    master: String,
}

impl<'a> Form<'a> {
    fn read(base: &'a str) -> Result<Self, Error> {
        let (scheme, rest) = base.split_once("://").ok_or_else(|| wrong(FORMS))?;
        let (kind, scheme) = match scheme.to_ascii_lowercase().as_str() {
            "redis" => (Kind::Server, "redis"),
            "rediss" => (Kind::Server, "rediss"),
            "redis+cluster" => (Kind::Cluster, "redis"),
            "rediss+cluster" => (Kind::Cluster, "rediss"),
            "redis+sentinel" => (Kind::Sentinel, "redis"),
            "rediss+sentinel" => (Kind::Sentinel, "rediss"),
            "redis-cluster" | "cluster" => {
                return Err(wrong("has an unknown scheme: use redis+cluster://host:6379,host:6379"));
            }
            "redis-sentinel" | "sentinel" => return Err(wrong(SENTINELS)),
            _ => return Err(wrong(FORMS)),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let hosts: Vec<_> = hosts.split(',').map(str::trim).collect();
        if kind == Kind::Server && hosts.len() > 1 {
            return Err(wrong(
                "names several hosts: use redis+cluster:// for a cluster, or redis+sentinel:// for sentinels",
            ));
        }
        if kind != Kind::Server && hosts.iter().any(|host| host.is_empty()) {
            return Err(wrong("has an empty host between its commas"));
        }
        let (master, database) = match kind {
            Kind::Sentinel => path.split_once('/').unwrap_or((path, "")),
            Kind::Server | Kind::Cluster => ("", path),
        };
        if kind == Kind::Sentinel && master.is_empty() {
            return Err(wrong(SENTINELS));
        }
        if kind == Kind::Cluster && !matches!(database.trim_end_matches('/'), "" | "0") {
            return Err(wrong("names a database, but a cluster has database 0 alone: give it no path"));
        }
        Ok(Self { kind, scheme, login, hosts, database, master: percent_decode(master) })
    }

    fn urls(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().map(|host| {
            let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
            let port = if self.kind == Kind::Sentinel && !has_port { ":26379" } else { "" };
            format!("{}://{}{host}{port}/{}", self.scheme, self.login, self.database)
        })
    }

    fn redis_url(self, access: Access, infos: &[ConnectionInfo]) -> Result<RedisUrl, Error> {
        let to = |access: &Access, info: &ConnectionInfo| match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => access.client(host, *port),
            _ => Err(wrong(FORMS)),
        };
        let wants_cluster = self.kind == Kind::Cluster;
        let targets = if self.kind == Kind::Sentinel {
            let own = access.for_sentinels();
            let clients = infos.iter().map(|info| to(&own, info)).collect::<Result<_, _>>()?;
            vec![Target::Master(Sentinels { clients, name: self.master, access: access.clone() })]
        } else {
            infos.iter().map(|info| to(&access, info).map(Target::Server)).collect::<Result<_, _>>()?
        };
        Ok(RedisUrl { access, targets, wants_cluster })
    }
}
