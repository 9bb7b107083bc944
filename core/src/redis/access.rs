//! The access to Redis servers: user, database, protocol and TLS.

use std::sync::Arc;

use ::redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, RedisConnectionInfo, TlsCertificates};

use crate::error::Error;
use crate::tls::{self, Pem, TlsFiles, certificates, private_key, read_file};

/// The options that an error of a failed TLS handshake names as its cure.
pub(super) const NAMES: tls::Names = tls::Names {
    root: "ssl_ca_certs in redisUrl",
    any_host: "ssl_check_hostname=false in redisUrl",
    client: "ssl_certfile and ssl_keyfile in redisUrl",
};

/// The settings from the query of the URL.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) files: TlsFiles,
    unverified: bool,
    any_host: bool,
    pub(super) is_said: bool,
    /// User and password of the sentinels.
    pub(super) sentinel: (Option<String>, Option<String>),
}

/// The settings by which servers are accessed: user, database, protocol and TLS.
#[derive(Clone)]
pub(super) struct Access {
    info: ConnectionInfo,
    settings: Arc<Settings>,
}

impl Access {
    /// Returns the access that a URL and its query give.
    pub(super) fn new(info: ConnectionInfo, settings: Settings) -> Self {
        Self { info, settings: Arc::new(settings) }
    }

    /// Returns a client for the server at `host` and `port`.
    pub(super) fn client(&self, host: &str, port: u16) -> Result<Client, Error> {
        let host = host.to_owned();
        let addr = match self.info.addr() {
            ConnectionAddr::TcpTls { .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: self.settings.unverified, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        let client = self.settings.client(self.info.clone().set_addr(addr));
        client.map_err(|error| wrong(&format!("can't be used: {error}")))
    }
}

impl Access {
    /// Returns the access to the sentinels, which have users of their own and no databases.
    pub(super) fn for_sentinels(&self) -> Self {
        let (user, password) = &self.settings.sentinel;
        let mut settings = RedisConnectionInfo::default().set_protocol(self.info.redis_settings().protocol());
        if let Some(user) = user {
            settings = settings.set_username(user);
        }
        if let Some(password) = password {
            settings = settings.set_password(password);
        }
        Self { info: self.info.clone().set_redis_settings(settings), settings: Arc::clone(&self.settings) }
    }
}

const KNOWN: &str = "has an unknown parameter: known are ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs, \
                     ssl_check_hostname, sentinel_username, sentinel_password, protocol, family";

impl Settings {
    /// Reads a parameter of TLS.
    pub(super) fn take(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.is_said = true;
        let option = format!("redisUrl {name}");
        let pem = |read: fn(&str, String) -> Result<Pem, Error>| read(&option, read_file(&option, value)?).map(Some);
        match name {
            "ssl_ca_certs" => self.files.root = pem(certificates)?,
            "ssl_certfile" => self.files.certificate = pem(certificates)?,
            "ssl_keyfile" => self.files.key = pem(private_key)?,
            // Celery writes these values with the prefix `CERT_`.
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

/// Returns the error of a URL that can't be used.
pub(super) fn wrong(what: &str) -> Error {
    Error::configuration(format!("redisUrl {what}"))
}
