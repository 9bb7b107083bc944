//! Reads a PostgreSQL URL, with the parameters of libpq and those parameters of other clients that sentri knows.

use tokio_postgres::Config;

use super::config::{PostgresConfig, wrong};
use crate::error::Error;
use crate::store::tls::{Tls, TlsConfig, TlsWords, certificates_at, key_at};
use crate::tls::TlsFiles;
use crate::url::{OtherParameters, percent_decode};

/// Parameters that the driver reads itself.
const OF_DRIVER: [&str; 18] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// The parameters of a URL. Those that the driver reads itself are in `of_driver`.
#[derive(Default)]
struct Parameters {
    tls: TlsWords,
    files: TlsFiles,
    is_system: bool,
    schema: Option<String>,
    pgbouncer: bool,
    others: OtherParameters,
    of_driver: Vec<String>,
}

impl PostgresConfig {
    /// Reads settings from a URL, `postgres://user:password@host:port/database?sslmode=..`, as libpq does. `sslmode` is
    /// `disable`, `prefer` (default), `require`, `verify-ca` (default with a root) or `verify-full`; see [`Tls`].
    /// `sslrootcert`, `sslcert` and `sslkey` name files. The value `system` of `sslrootcert` means the roots that the
    /// system trusts. The parameters `schema`, `connection_limit`, `pgbouncer`, `ssl` and `sslaccept` of other clients
    /// work too.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `db`, never quoting the URL.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if !["postgres://", "postgresql://"].iter().any(|begin| base.starts_with(begin)) {
            // The driver would read such a text as `name=value` pairs, and its error might quote a password as a name.
            return Err(wrong("is not a PostgreSQL URL: use postgres://user:password@host:5432/database"));
        }
        let mut read = Parameters::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            read.take(pair)?;
        }
        let of_driver = std::mem::take(&mut read.of_driver);
        let rest = if of_driver.is_empty() { base.to_owned() } else { format!("{base}?{}", of_driver.join("&")) };
        let mut settings: Config = rest.parse().map_err(|error| {
            // The driver's error names the parameter, not its value.
            let cause = std::error::Error::source(&error as &tokio_postgres::Error).map(ToString::to_string);
            wrong(&format!("is not a PostgreSQL URL ({})", cause.unwrap_or_else(|| "can't be read".into())))
        })?;
        if settings.get_hosts().is_empty() && settings.get_hostaddrs().is_empty() {
            settings.host("localhost");
        }
        let (mode, files) = read.tls()?;
        let mut config = Self::new(settings, TlsConfig::new(mode, files)?);
        config.schema = read.schema;
        config.pgbouncer = read.pgbouncer;
        config.max = read.others.max.unwrap_or(config.max);
        config.warning = read.others.warning();
        Ok(config)
    }
}

impl Parameters {
    fn take(&mut self, pair: &str) -> Result<(), Error> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode(value);
        match (name, value.as_str()) {
            ("sslmode", mode) => self.tls.mode = Some(mode_from(mode)?),
            ("sslrootcert", "system") => self.is_system = true,
            ("sslrootcert", path) => self.files.root = certificates_at(name, path)?,
            ("sslcert", path) => self.files.certificate = certificates_at(name, path)?,
            ("sslkey", path) => self.files.key = key_at(name, path)?,
            (name, value) if self.tls.take(name, value) => {}
            // These values are the behaviour in any case, as with libpq.
            ("uselibpqcompat", _) | ("sslcompression", "0") | ("sslsni", "1") => {}
            ("gssencmode", "disable" | "prefer") => {}
            ("ssl_min_protocol_version" | "sslminprotocolversion", "TLSv1" | "TLSv1.1" | "TLSv1.2") => {}
            ("schema" | "currentSchema", "") => return Err(wrong("has an empty schema: name one, or leave it out")),
            ("schema" | "currentSchema", schema) => self.schema = Some(schema.to_owned()),
            ("pgbouncer", value) => self.pgbouncer = value != "false",
            ("target_session_attrs", "primary" | "read-write") => {
                self.of_driver.push("target_session_attrs=read-write".to_owned());
            }
            ("target_session_attrs", "read-only" | "standby" | "prefer-standby") => {
                return Err(wrong("has target_session_attrs for a standby, but sentri writes: use read-write"));
            }
            _ if OF_DRIVER.contains(&name) => self.of_driver.push(pair.to_owned()),
            (_, value) => self.others.take(&percent_decode(name), value)?,
        }
        Ok(())
    }

    fn tls(&mut self) -> Result<(Option<Tls>, TlsFiles), Error> {
        let mut mode = self.tls.mode()?;
        if self.is_system && *mode.get_or_insert(Tls::VerifyFull) != Tls::VerifyFull {
            // libpq demands this too, since any attacker can get a certificate from a public root.
            return Err(wrong("has sslrootcert=system, which wants sslmode=verify-full"));
        }
        Ok((mode, std::mem::take(&mut self.files)))
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
    fn words_of_other_clients_are_honoured_ignored_or_refused() {
        let read = |query: &str| PostgresConfig::from_url(&format!("postgres://app:hunter2@db/auth?{query}"));
        let prisma = read("schema=auth&pgbouncer=true&connection_limit=3&pool_timeout=20&sslaccept=strict").unwrap();
        assert_eq!((prisma.schema.as_deref(), prisma.pgbouncer, prisma.max), (Some("auth"), true, 3));
        assert_eq!(prisma.tls.mode, Tls::VerifyFull);
        assert!(prisma.warning.unwrap().ends_with("left out: pool_timeout"));
        let node = read("sslmode=require&uselibpqcompat=true&channel_binding=require").unwrap();
        assert_eq!((node.tls.mode, node.warning), (Tls::Require, None));
        assert_eq!(read("ssl=true").unwrap().tls.mode, Tls::VerifyFull);
        assert_eq!(read("ssl=no-verify").unwrap().tls.mode, Tls::Require);
        assert_eq!(read("sslmode=require&sslaccept=accept_invalid_certs").unwrap().tls.mode, Tls::Require);
        for query in [
            "sslidentity=a.p12",
            "sslmod=require",
            "tls=1",
            "channelbinding=x",
            "gssencmode=require",
            "ssl=maybe",
            "sslaccept=hunter2",
            "sslmode=disable&ssl=true",
            "schema=",
            "target_session_attrs=standby",
            "ssl_min_protocol_version=TLSv1.3",
            "connection_limit=0",
        ] {
            let error = read(query).unwrap_err();
            assert!(error.message.starts_with("db ") && !error.message.contains("hunter2"), "{query}: {error:?}");
        }
    }

    #[test]
    fn neither_debug_nor_errors_show_the_password() {
        let config = PostgresConfig::from_url("postgres://app:hunter2@db/auth").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        for url in [
            "postgres://app:hunter2@db:hunter2/auth",
            "postgres://app:hunter2@db/a?sslmode=hunter2",
            "postgres://app:hunter2@db/a?sslmode=require&sslrootcert=system",
            "postgres://app:17?hunter2@db/auth",
            "postgres:app:hunter2@db/auth",
            "postgres:/app:hunter2@db/auth?connect_timeout=5",
        ] {
            let error = PostgresConfig::from_url(url).unwrap_err();
            assert!(error.message.starts_with("db ") && !error.message.contains("hunter2"), "{error:?}");
        }
    }
}
