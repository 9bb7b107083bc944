//! The settings of TLS to a database server, which are the same for all databases.

use crate::error::Error;
use crate::tls::{Pem, TlsFiles, certificates, private_key, read_file};

/// The TLS mode, which says how far the server's certificate is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tls {
    /// No TLS.
    Disable,
    /// TLS if the server offers it. The certificate is checked only if a root certificate is given. This is the default
    /// of libpq and libmysql.
    #[default]
    Prefer,
    /// TLS. The certificate is checked only if a root certificate is given, and then as by `VerifyCa`.
    Require,
    /// TLS. The certificate must come from the given root, and may be for any host. Without a root this is
    /// `VerifyFull`, since any attacker can get a certificate from a public root.
    VerifyCa,
    /// TLS. The certificate must come from the given root, or a root that the system trusts, and name the host.
    VerifyFull,
}

/// A TLS mode and certificates.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsConfig {
    pub mode: Tls,
    pub files: TlsFiles,
}

impl TlsConfig {
    /// Checks mode and certificates. A root without a mode means `VerifyCa`, since a user who gives a root wants no
    /// plain text.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` if the files can't be used.
    pub(super) fn new(mode: Option<Tls>, files: TlsFiles) -> Result<Self, Error> {
        files.check("db")?;
        let unsaid = if files.root.is_some() { Tls::VerifyCa } else { Tls::default() };
        Ok(Self { mode: mode.unwrap_or(unsaid), files })
    }
}

/// The TLS mode that a URL asks for, in the parameter of the database's own client and in those of other clients.
#[derive(Debug, Default)]
pub(super) struct TlsWords {
    /// The parameter of the database's own client. It has precedence if it is no weaker than the others.
    pub mode: Option<Tls>,
    least: Option<Tls>,
    none: bool,
}

impl TlsWords {
    /// Notes a parameter that asks for `least` or more.
    pub(super) fn ask(&mut self, least: Tls) {
        self.least = self.least.max(Some(least));
    }

    /// Notes a parameter that asks for no TLS.
    pub(super) const fn ask_none(&mut self) {
        self.none = true;
    }

    /// Takes a parameter that clients of several databases have in common. Returns `false` for any other parameter.
    pub(super) fn take(&mut self, name: &str, value: &str) -> bool {
        match (name, value) {
            ("ssl", "true" | "1" | "on") | ("sslaccept", "strict") => self.ask(Tls::VerifyFull),
            ("ssl", "no-verify") => self.ask(Tls::Require),
            ("ssl", "false" | "0" | "off") => self.ask_none(),
            // This is the behaviour in any case, unless another parameter asks for a check.
            ("sslaccept", "accept_invalid_certs") => {}
            _ => return false,
        }
        true
    }

    /// Returns the mode that satisfies all parameters, or `None` if there was no parameter.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` if a parameter asks for TLS and another for none.
    pub(super) fn mode(&self) -> Result<Option<Tls>, Error> {
        let own = self.mode.or(self.none.then_some(Tls::Disable));
        if own == Some(Tls::Disable) && self.least.is_some() {
            let message = "db asks for TLS by one parameter and for none by another: leave one of them out";
            return Err(Error::configuration(message));
        }
        Ok(own.max(self.least))
    }
}

/// Reads certificates from the file that a parameter of a URL names.
pub(super) fn certificates_at(parameter: &str, path: &str) -> Result<Option<Pem>, Error> {
    let option = format!("db {parameter}");
    certificates(&option, read_file(&option, path)?).map(Some)
}

/// Reads a private key from the file that a parameter of a URL names.
pub(super) fn key_at(parameter: &str, path: &str) -> Result<Option<Pem>, Error> {
    let option = format!("db {parameter}");
    private_key(&option, read_file(&option, path)?).map(Some)
}
