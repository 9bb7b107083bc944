//! The settings of a Redis connection, from its URL.

use ::redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, TlsCertificates};

use crate::error::Error;
use crate::tls::{self, Pem, TlsFiles, certificates, private_key, read_file};
use crate::url::split_query;

/// For the cure of a handshake that failed.
pub(super) const NAMES: tls::Names = tls::Names {
    root: "ssl_ca_certs in redisUrl",
    any_host: "ssl_check_hostname=false in redisUrl",
    client: "ssl_certfile and ssl_keyfile in redisUrl",
};

/// What the query of the URL says of TLS.
#[derive(Default)]
struct Settings {
    files: TlsFiles,
    unverified: bool,
    any_host: bool,
    is_said: bool,
}

/// A client for `redis://user:password@host:6379/0`, or `rediss://..` for TLS. A certificate must come from a root that
/// the system trusts and name the host; parameters as redis-py has them say otherwise: `ssl_ca_certs`, `ssl_certfile` and
/// `ssl_keyfile` name files, `ssl_check_hostname=false` takes any host's certificate of such a root,
/// `ssl_cert_reqs=none` every certificate.
///
/// # Errors
/// `CONFIGURATION_ERROR` naming `redisUrl`, never quoting it.
pub(super) fn client_for(url: &str) -> Result<Client, Error> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    let (url, fragment) = url.split_once('#').map_or((url, None), |(url, fragment)| (url, Some(fragment)));
    let (base, parameters) = split_query(url);
    let mut settings = Settings::default();
    let mut others = Vec::new();
    for (name, value) in parameters {
        match name.as_str() {
            // Of other drivers: the first is taken by ours, the second is how it does anyway.
            "protocol" | "family" => others.push(format!("{name}={value}")),
            _ => settings.take(&name, &value)?,
        }
    }
    settings.files.check("redisUrl")?;
    if settings.is_said && scheme != "rediss" {
        return Err(wrong("has ssl_ parameters, but redis:// is not encrypted: use rediss://"));
    }
    let info = format!("{base}?{}", others.join("&")).into_connection_info();
    let info = info.ok().filter(|_| matches!(scheme.as_str(), "redis" | "rediss") && fragment.is_none());
    let info =
        info.ok_or_else(|| wrong("is not a Redis URL: use redis://user:password@host:6379, or rediss:// for TLS"))?;
    settings.client(info).map_err(|error| wrong(&format!("can't be used: {error}")))
}

const KNOWN: &str = "has an unknown parameter: known are ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs, \
                     ssl_check_hostname, protocol, family";

impl Settings {
    fn take(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.is_said = true;
        let option = format!("redisUrl {name}");
        let pem = |read: fn(&str, String) -> Result<Pem, Error>| read(&option, read_file(&option, value)?).map(Some);
        match name {
            "ssl_ca_certs" => self.files.root = pem(certificates)?,
            "ssl_certfile" => self.files.certificate = pem(certificates)?,
            "ssl_keyfile" => self.files.key = pem(private_key)?,
            // Celery writes them with CERT_.
            "ssl_cert_reqs" => match value.to_ascii_lowercase().trim_start_matches("cert_") {
                "required" => self.unverified = false,
                "none" => self.unverified = true,
                _ => return Err(wrong("has an unknown ssl_cert_reqs: use required or none")),
            },
            "ssl_check_hostname" => match value.to_ascii_lowercase().as_str() {
                "true" => self.any_host = false,
                "false" => self.any_host = true,
                _ => return Err(wrong("has an unknown ssl_check_hostname: use true or false")),
            },
            _ => return Err(wrong(KNOWN)),
        }
        Ok(())
    }

    fn client(&self, info: ConnectionInfo) -> Result<Client, ::redis::RedisError> {
        let ConnectionAddr::TcpTls { host, port, .. } = info.addr().clone() else { return Client::open(info) };
        let addr = ConnectionAddr::TcpTls { host, port, insecure: self.unverified, tls_params: None };
        let bytes = |pem: &Pem| pem.expose().as_bytes().to_vec();
        let TlsFiles { root, certificate, key } = &self.files;
        let client_tls = certificate.as_ref().zip(key.as_ref());
        let certificates = TlsCertificates {
            client_tls: client_tls
                .map(|(chain, key)| ClientTlsConfig { client_cert: bytes(chain), client_key: bytes(key) }),
            root_cert: root.as_ref().map(bytes),
        };
        let client = Client::build_with_tls(info.set_addr(addr), certificates)?;
        let mut addr = client.get_connection_info().addr().clone();
        addr.set_danger_accept_invalid_hostnames(self.any_host);
        Client::open(client.get_connection_info().clone().set_addr(addr))
    }
}

fn wrong(what: &str) -> Error {
    Error::configuration(format!("redisUrl {what}"))
}
