//! TLS to PostgreSQL by rustls, with the modes of libpq's `sslmode`.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::failure::StoreError;
use crate::store::tls::{Tls, TlsConfig};

/// Makes the driver's TLS connector.
///
/// # Errors
/// `Other` that names the option at fault.
pub(super) fn make_connector(config: &TlsConfig) -> Result<MakeRustlsConnect, StoreError> {
    // The provider is given explicitly, since rustls panics if the process has two and none is chosen.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("TLS", &error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier(config, &provider)?);
    let client = match (&config.files.certificate, &config.files.key) {
        (Some(certificate), Some(key)) => {
            let key = key.private_key().ok_or_else(|| wrong("sslkey", &"no private key"))?;
            builder.with_client_auth_cert(certificate.certificates(), key).map_err(|error| wrong("sslcert", &error))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(client))
}

fn verifier(config: &TlsConfig, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, StoreError> {
    let provider = Arc::clone(provider);
    let Some(root) = &config.files.root else {
        return match config.mode {
            Tls::Disable | Tls::Prefer | Tls::Require => Ok(Arc::new(Unverified(provider))),
            Tls::VerifyCa | Tls::VerifyFull => rustls_platform_verifier::Verifier::new(provider)
                .map(|verifier| Arc::new(verifier) as _)
                .map_err(|error| wrong("the system's root certificates (install them, or give sslrootcert)", &error)),
        };
    };
    let mut roots = RootCertStore::empty();
    for certificate in root.certificates() {
        roots.add(certificate).map_err(|error| wrong("sslrootcert", &error))?;
    }
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| wrong("sslrootcert", &error))?;
    Ok(if config.mode == Tls::VerifyFull { webpki } else { Arc::new(AnyHost(webpki)) })
}

fn wrong(what: &str, error: &dyn fmt::Display) -> StoreError {
    StoreError::Other(format!("{what}: {error}"))
}

/// Accepts any certificate whose key the server has. The connection is encrypted, but a man in the middle can read it.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Accepts a certificate of a given root for any host. The inner verifier checks the name last, so an error about the
/// name means that all else is valid.
#[derive(Debug)]
struct AnyHost(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.0.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
