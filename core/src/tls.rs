//! TLS to a database or Redis: the files of a connection, and the remedy when a handshake fails. Files are read once,
//! with the options, so a wrong path is a configuration error.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError, RootCertStore};

use crate::crypto::Secret;
use crate::error::Error;

/// Checked certificates or a private key, in PEM.
#[derive(Clone)]
pub struct Pem(Secret<String>);

impl Pem {
    /// Returns the text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns the certificates in the text.
    pub(crate) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.expose().as_bytes()).flatten().collect()
    }

    /// Returns the private key in the text.
    pub(crate) fn private_key(&self) -> Option<PrivateKeyDer<'static>> {
        PrivateKeyDer::from_pem_slice(self.expose().as_bytes()).ok()
    }
}

/// The root certificates that a connection trusts instead of the system's, and the client's own certificate with its
/// key.
#[derive(Clone, Default)]
pub struct TlsFiles {
    /// The root certificates to trust.
    pub root: Option<Pem>,
    /// The client's certificate chain, for servers that require one.
    pub certificate: Option<Pem>,
    /// The client's private key.
    pub key: Option<Pem>,
}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = |source: &Option<Pem>| if source.is_some() { "given" } else { "none" };
        f.debug_struct("TlsFiles")
            .field("root", &given(&self.root))
            .field("certificate", &given(&self.certificate))
            .field("key", &given(&self.key))
            .finish()
    }
}

impl TlsFiles {
    /// Whether no file is given.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.root.is_none() && self.certificate.is_none() && self.key.is_none()
    }

    /// Checks that the given files can be used, and that certificate and key belong together.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that begins with `option`.
    pub fn check(&self, option: &str) -> Result<(), Error> {
        let wrong = |what: String| Error::configuration(format!("{option} {what}"));
        if let Some(root) = &self.root {
            let mut roots = RootCertStore::empty();
            for certificate in root.certificates() {
                roots
                    .add(certificate)
                    .map_err(|error| wrong(format!("has a root certificate that is none: {error}")))?;
            }
        }
        let (certificate, key) = match (&self.certificate, &self.key) {
            (None, None) => return Ok(()),
            (Some(certificate), Some(key)) => (certificate, key),
            _ => {
                return Err(wrong("has a client certificate without its key, or a key without its certificate".into()));
            }
        };
        let key = key.private_key().ok_or_else(|| wrong("has a client key that is none".into()))?;
        CertifiedKey::from_der(certificate.certificates(), key, &aws_lc_rs::default_provider())
            .map(drop)
            .map_err(|error| wrong(format!("has a client certificate and a key that don't go together: {error}")))
    }
}

/// Reads certificates in PEM, from the text of `option` or of the file that it names.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option.
pub fn certificates(option: &str, text: String) -> Result<Pem, Error> {
    let pem = Pem(Secret::new(text));
    let count = CertificateDer::pem_slice_iter(pem.expose().as_bytes()).count();
    if count == 0 || pem.certificates().len() < count {
        return Err(Error::configuration(format!("{option}: no certificate in PEM (-----BEGIN CERTIFICATE-----)")));
    }
    Ok(pem)
}

/// Reads a private key in PEM, from the text of `option` or of the file that it names.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option.
pub fn private_key(option: &str, text: String) -> Result<Pem, Error> {
    let pem = Pem(Secret::new(text));
    match pem.private_key() {
        Some(_) => Ok(pem),
        None => Err(Error::configuration(format!(
            "{option}: no private key in PEM (-----BEGIN PRIVATE KEY-----); one with a passphrase must be decrypted"
        ))),
    }
}

/// Reads the text of a file.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option and the file.
pub fn read_file(option: &str, path: &str) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::configuration(format!("{option}: can't read '{path}': {error}")))
}

/// The names of a driver's options, for the remedy of a failed handshake.
pub(crate) struct Names {
    /// The option for the root certificates to trust.
    pub root: &'static str,
    /// The option that accepts any host name.
    pub any_host: &'static str,
    /// The options for the client's certificate and key.
    pub client: &'static str,
}

/// Returns the remedy for a handshake that failed with `error`, as the end of a sentence. The text is empty for errors
/// of other kinds.
pub(crate) fn cure(error: &(dyn std::error::Error + 'static), names: &Names) -> String {
    let Names { root, any_host, client } = names;
    match find(error) {
        // A bad signature means that the authority was made anew under the same name.
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            format!("; the certificate that the server's comes from is not trusted here: give it by {root}")
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => format!(
            "; connect by a name that the server's certificate holds, or trust a root for any host by {any_host}"
        ),
        Some(rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::UnknownCA | AlertDescription::BadCertificate,
        )) => format!("; the server wants a certificate that it trusts: give one by {client}"),
        _ => String::new(),
    }
}

/// Finds the TLS error among the causes of a driver's error.
fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // These two wrap another error, but report that error's cause as their own, so the wrapped error is looked at
        // first.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let shared = error.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>().map(|shared| &**shared);
        next = held.or(shared).map(|inner| inner as _).or_else(|| error.source());
    }
    None
}
