//! What is asked of TLS to a database server, whichever it is.

use std::fmt;

use crate::crypto::Secret;
use crate::error::Error;
use crate::failure::StoreError;

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

/// Certificates in PEM, or the files that hold them, read at the first connection.
#[derive(Clone, Default)]
pub struct TlsFiles {
    /// Roots to trust instead of the system's.
    pub root: Option<PemSource>,
    /// The client's certificate chain, for servers that ask for one.
    pub certificate: Option<PemSource>,
    /// The client's private key.
    pub key: Option<PemSource>,
}

/// PEM text as configured: itself, or the path of a file.
#[derive(Clone)]
pub enum PemSource {
    /// The text itself.
    Text(Secret<String>),
    /// A path.
    File(String),
}

impl PemSource {
    /// The text, read from its file where it is one.
    pub(super) fn read(&self, option: &str) -> Result<Secret<String>, StoreError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => std::fs::read_to_string(path)
                .map(Secret::new)
                .map_err(|error| StoreError::Other(format!("{option}: can't read '{path}': {error}"))),
        }
    }
}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = |source: &Option<PemSource>| if source.is_some() { "given" } else { "none" };
        f.debug_struct("TlsFiles")
            .field("root", &given(&self.root))
            .field("certificate", &given(&self.certificate))
            .field("key", &given(&self.key))
            .finish()
    }
}

/// Mode and certificates.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsConfig {
    pub mode: Tls,
    pub files: TlsFiles,
}

impl TlsConfig {
    /// # Errors
    /// `CONFIGURATION_ERROR` when a client certificate comes without its key or the other way round.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.files.certificate.is_some() == self.files.key.is_some() {
            return Ok(());
        }
        Err(Error::configuration("db has a client certificate without its key, or a key without its certificate"))
    }
}
