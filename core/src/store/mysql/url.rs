//! Reads a MySQL URL, with the parameters of MySQL's own client and those parameters of other clients that sentri
//! knows.

use mysql_async::{Opts, OptsBuilder};
use serde_json::Value;

use super::config::MysqlConfig;
use crate::error::Error;
use crate::store::tls::{Tls, TlsConfig, TlsWords, certificates_at, key_at};
use crate::tls::TlsFiles;
use crate::url::{OtherParameters, split_query};

/// The parameters of a URL.
#[derive(Default)]
struct Parameters {
    tls: TlsWords,
    files: TlsFiles,
    socket: Option<String>,
    others: OtherParameters,
}

impl MysqlConfig {
    /// Reads settings from a URL, `mysql://user:password@host:port/database?ssl-mode=..`. `ssl-mode` has the values of
    /// MySQL's own client: `DISABLED`, `PREFERRED` (default), `REQUIRED`, `VERIFY_CA` (default with a root) or
    /// `VERIFY_IDENTITY`; see [`Tls`]. Several hosts, with commas between them, are tried in turn. `ssl-ca`, `ssl-cert`
    /// and `ssl-key` name files, and `socket` names a Unix socket. Parameters of other clients work too. These are
    /// `connection_limit`, `sslaccept` and `sslcert` (Prisma), `ssl` (mysql2), `tls` (Go), `useSSL`, `requireSSL` and
    /// `verifyServerCertificate` (JDBC), and the `ssl_` parameters of Python's clients.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `db`, never quoting the URL.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let (base, parameters) = split_query(url);
        let unreadable = || wrong("is not a MySQL URL: use mysql://user:password@host:3306/database");
        let mut read = Parameters::default();
        for (name, value) in parameters {
            read.take(&name, value)?;
        }
        let hosts = hosts_of(base);
        let alone = hosts.len() < 2;
        let opts_at = |host: &&str| Opts::from_url(&at_host(base, host)).map_err(|_| unreadable());
        let opts = hosts.iter().map(opts_at).collect::<Result<Vec<_>, _>>()?;
        let hosts = opts.iter().map(|one| (one.ip_or_hostname().to_owned(), one.tcp_port())).collect();
        let mut settings = OptsBuilder::from_opts(opts.into_iter().next().ok_or_else(unreadable)?);
        if let Some(path) = read.socket {
            settings = settings.socket(Some(path));
        }
        let config = Self::new(settings);
        let mut config = if alone { config } else { config.with_hosts(hosts) };
        config.tls = TlsConfig::new(read.tls.mode()?, read.files)?;
        config.max = read.others.max.unwrap_or(config.max);
        config.warning = read.others.warning();
        Ok(config)
    }
}

/// Returns the hosts that a URL names, each with its port.
fn hosts_of(base: &str) -> Vec<&str> {
    let (start, end) = authority(base);
    base[start..end].split(',').collect()
}

/// Returns the URL with a single host in place of all.
fn at_host(base: &str, host: &str) -> String {
    let (start, end) = authority(base);
    format!("{}{host}{}", &base[..start], &base[end..])
}

/// Returns the range of the hosts in a URL, from the last `@` (a password may hold one too) to the path.
fn authority(base: &str) -> (usize, usize) {
    let start = base.find("://").map_or(base.len(), |at| at + 3);
    let end = base[start..].find('/').map_or(base.len(), |at| start + at);
    (base[start..end].rfind('@').map_or(start, |at| start + at + 1), end)
}

impl Parameters {
    fn take(&mut self, name: &str, value: String) -> Result<(), Error> {
        // `ssl-ca`, `ssl_ca` and `sslCa` are the same parameter.
        let word = name.to_ascii_lowercase().replace(['_', '-'], "");
        match word.as_str() {
            "sslmode" => self.tls.mode = Some(mode_from(&value)?),
            // In Prisma `sslcert` is the root; in MySQL's own client `ssl-cert` is the certificate of the client.
            "sslca" => self.files.root = certificates_at(name, &value)?,
            "sslcert" if name == "sslcert" => self.files.root = certificates_at(name, &value)?,
            "sslcert" => self.files.certificate = certificates_at(name, &value)?,
            "sslkey" => self.files.key = key_at(name, &value)?,
            "usessl" | "requiressl" => match (flag(name, &value)?, word == "usessl") {
                (true, _) => self.tls.ask(Tls::Require),
                (false, true) => self.tls.ask_none(),
                (false, false) => {}
            },
            "ssldisabled" => {
                if flag(name, &value)? {
                    self.tls.ask_none();
                }
            }
            "verifyservercertificate" | "verifyca" | "sslverifycert" => self.ask_if(name, &value, Tls::VerifyCa)?,
            "verifyidentity" | "sslverifyidentity" | "sslcheckhostname" => {
                self.ask_if(name, &value, Tls::VerifyFull)?;
            }
            "tls" => self.take_tls_of_go(&value)?,
            "ssl" if value.starts_with('{') => self.take_ssl_of_mysql2(&value)?,
            "ssl" | "sslaccept" => {
                if !self.tls.take(&word, &value) {
                    return Err(wrong(&format!("has an unknown value for {name}: use ssl-mode")));
                }
            }
            "socket" | "unixsocket" => self.socket = Some(value),
            "charset" if value.eq_ignore_ascii_case("utf8mb4") => {}
            _ => self.others.take(name, &value)?,
        }
        Ok(())
    }

    fn ask_if(&mut self, name: &str, value: &str, least: Tls) -> Result<(), Error> {
        if flag(name, value)? {
            self.tls.ask(least);
        }
        Ok(())
    }

    fn take_tls_of_go(&mut self, value: &str) -> Result<(), Error> {
        match value {
            "true" => self.tls.ask(Tls::VerifyFull),
            "skip-verify" => self.tls.ask(Tls::Require),
            "preferred" => self.tls.ask(Tls::Prefer),
            "false" => self.tls.ask_none(),
            _ => return Err(wrong("has an unknown tls: use true, skip-verify, preferred or false, or see ssl-mode")),
        }
        Ok(())
    }

    /// Reads mysql2's `ssl` in JSON. As Node's TLS it verifies the server unless it says otherwise.
    fn take_ssl_of_mysql2(&mut self, text: &str) -> Result<(), Error> {
        let Ok(Value::Object(members)) = serde_json::from_str(text) else {
            return Err(wrong("has an ssl that is no JSON: use ssl-mode"));
        };
        let mut least = Tls::VerifyFull;
        for (name, value) in &members {
            match (name.as_str(), value) {
                ("rejectUnauthorized", Value::Bool(true)) => {}
                ("rejectUnauthorized", Value::Bool(false)) => least = Tls::Require,
                ("minVersion", Value::String(version)) if OLD_VERSIONS.contains(&version.as_str()) => {}
                _ => return Err(wrong("has an ssl of which rejectUnauthorized alone is known here: use ssl-mode")),
            }
        }
        self.tls.ask(least);
        Ok(())
    }
}

/// Minimum versions of TLS that change nothing, since this driver offers none older than these.
const OLD_VERSIONS: [&str; 3] = ["TLSv1", "TLSv1.1", "TLSv1.2"];

fn flag(name: &str, value: &str) -> Result<bool, Error> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        _ => Err(wrong(&format!("{name} must be true or false"))),
    }
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
        let [(with_tls, plain)] = &config.options()[..] else { panic!("one host") };
        assert_eq!((plain.ip_or_hostname(), plain.tcp_port()), ("db.example", 3307));
        assert_eq!((plain.user(), plain.pass(), plain.db_name()), (Some("app"), Some("pa?ss"), Some("auth")));
        assert!(plain.ssl_opts().is_none() && !with_tls.ssl_opts().unwrap().accept_invalid_certs());
        assert!(with_tls.client_found_rows());
    }

    #[test]
    fn hosts_are_tried_in_turn() {
        let hosts = |url: &str| {
            let config = MysqlConfig::from_url(url).unwrap();
            assert!(!format!("{config:?}").contains("p,w"));
            let all = config.options();
            all.iter().for_each(|(_, opts)| assert_eq!((opts.user(), opts.db_name()), (Some("app"), Some("auth"))));
            all.iter().map(|(_, opts)| format!("{} {}", opts.ip_or_hostname(), opts.tcp_port())).collect::<Vec<_>>()
        };
        assert_eq!(hosts("mysql://app:p,w@a,b:3307/auth"), ["a 3306", "b 3307"]);
        assert_eq!(hosts("mysql://app@a:1,[::1]:2,10.0.0.3/auth?connection_limit=3").len(), 3);
        assert_eq!(hosts("mysql://app@a/auth"), ["a 3306"]);
        for url in ["mysql://app:hunter2@a,/auth", "mysql://app:hunter2@a,b:hunter2/auth", "mysql://,a/auth"] {
            let error = MysqlConfig::from_url(url).unwrap_err();
            assert!(error.message.contains("MySQL URL") && !error.message.contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn words_of_other_clients_are_honoured_ignored_or_refused() {
        let read = |query: &str| MysqlConfig::from_url(&format!("mysql://app:hunter2@db/auth?{query}"));
        let prisma = read("connection_limit=3&pool_timeout=20&sslaccept=strict&charset=utf8mb4").unwrap();
        assert_eq!((prisma.max, prisma.tls.mode), (3, Tls::VerifyFull));
        assert!(prisma.warning.unwrap().ends_with("left out: pool_timeout"));
        let jdbc = read("useSSL=true&serverTimezone=UTC&allowPublicKeyRetrieval=true").unwrap();
        assert!(jdbc.warning.unwrap().ends_with("left out: serverTimezone, allowPublicKeyRetrieval"));
        for (query, mode) in [
            ("charset=utf8mb4", Tls::Prefer),
            ("useSSL=true", Tls::Require),
            ("useSSL=false&requireSSL=false", Tls::Disable),
            ("useSSL=true&verifyServerCertificate=true", Tls::VerifyCa),
            ("sslMode=VERIFY_CA&useSSL=true", Tls::VerifyCa),
            ("ssl=%7B%22rejectUnauthorized%22%3Atrue%7D", Tls::VerifyFull),
            ("ssl={\"rejectUnauthorized\":false,\"minVersion\":\"TLSv1.2\"}", Tls::Require),
            ("ssl=true", Tls::VerifyFull),
            ("ssl=0", Tls::Disable),
            ("ssl-mode=REQUIRED&ssl_verify_cert=true&ssl_check_hostname=false", Tls::VerifyCa),
            ("ssl_check_hostname=true", Tls::VerifyFull),
            ("ssl_disabled=true", Tls::Disable),
            ("require_ssl=true&verify_ca=false&verify_identity=false", Tls::Require),
            ("tls=true", Tls::VerifyFull),
            ("tls=skip-verify&ssl-mode=PREFERRED", Tls::Require),
            ("ssl_mode=verify-full&sslaccept=accept_invalid_certs", Tls::VerifyFull),
        ] {
            let config = read(query).unwrap();
            assert_eq!((config.tls.mode, config.warning), (mode, None), "{query}");
        }
        for query in [
            "sslidentity=a.p12",
            "sslmod=REQUIRED",
            "serverSslCert=/a.pem",
            "trustCertificateKeyStoreUrl=file:a",
            "enabledTLSProtocols=TLSv1.3",
            "tlsVersion=1.3",
            "verify_peer=1",
            "ssl=Amazon RDS",
            "ssl={\"ca\":\"hunter2\"}",
            "ssl={hunter2",
            "sslaccept=hunter2",
            "useSSL=hunter2",
            "tls=hunter2",
            "ssl-mode=DISABLED&useSSL=true",
            "ssl=false&tls=true",
            "sslcert=/nowhere/hunter.pem",
            "connection_limit=0",
            "17@host/db",
        ] {
            let error = read(query).unwrap_err();
            assert!(error.message.starts_with("db ") && !error.message.contains("hunter2"), "{query}: {error:?}");
        }
    }

    #[test]
    fn neither_debug_nor_errors_show_the_password() {
        let config = MysqlConfig::from_url("mysql://app:hunter2@db/auth").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        for url in [
            "mysql://app:hunter2@db:hunter2/auth",
            "mysql://app:hunter2@db/a?ssl-mode=hunter2",
            "mysql://app:17?hunter2@db/auth",
            "mysql://app:hunter2@db/a?ssl-cert=/nowhere.pem",
        ] {
            let error = MysqlConfig::from_url(url).unwrap_err();
            assert!(error.message.starts_with("db ") && !error.message.contains("hunter2"), "{error:?}");
        }
    }
}
