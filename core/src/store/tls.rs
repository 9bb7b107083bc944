//! What is asked of TLS to a database server, whichever it is.

use crate::error::Error;
use crate::tls::{Pem, TlsFiles, certificates, private_key, read_file};

/// How far the server's certificate is trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tls {
    /// No TLS.
    Disable,
    /// TLS when the server offers it; the certificate is not looked at. What libpq and libmysql do when nothing is said.
    #[default]
    Prefer,
    /// TLS; the certificate is looked at only when a root certificate is given, and then as by `VerifyCa`.
    Require,
    /// TLS; the certificate must come from the given root, for whatever host. Without one: `VerifyFull`, since
    /// anybody can have a certificate from a public root.
    VerifyCa,
    /// TLS; the certificate must come from the given root, or one that the system trusts, and name the host.
    VerifyFull,
}

/// Mode and certificates.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsConfig {
    pub mode: Tls,
    pub files: TlsFiles,
}

impl TlsConfig {
    /// What a URL says. A root without a mode asks for TLS that it vouches for: whoever gives one wants no plain text.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` when the files can't be used.
    pub(super) fn new(mode: Option<Tls>, files: TlsFiles) -> Result<Self, Error> {
        files.check("db")?;
        let unsaid = if files.root.is_some() { Tls::VerifyCa } else { Tls::default() };
        Ok(Self { mode: mode.unwrap_or(unsaid), files })
    }
}

/// Certificates from the file that a parameter of a URL names.
pub(super) fn certificates_at(parameter: &str, path: &str) -> Result<Option<Pem>, Error> {
    let option = format!("db {parameter}");
    certificates(&option, read_file(&option, path)?).map(Some)
}

/// A private key from the file that a parameter of a URL names.
pub(super) fn key_at(parameter: &str, path: &str) -> Result<Option<Pem>, Error> {
    let option = format!("db {parameter}");
    private_key(&option, read_file(&option, path)?).map(Some)
}
