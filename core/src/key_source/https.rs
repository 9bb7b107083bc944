//! Fetches a key set over HTTP/1.1, with one connection and one request, without redirects, proxies or a cache.
//!
//! Content type and caching headers are ignored, since only the keys count and the options decide how long a set is
//! used. No content encoding is accepted, so a small answer can't expand to a large one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::uri::KeyUri;
use super::{FetchError, KeySource};
use crate::error::Error;
use crate::token::jwks::MAX_SET_BYTES;

/// The limit for the whole exchange, from the look-up of the name to the last byte.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// The limit for a connection to an address, so that a dead address of a host leaves time for the next.
const CONNECT_LIMIT: Duration = Duration::from_millis(1_500);
/// The most bytes of the head of the answer.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// A key set at an address.
#[derive(Debug)]
pub struct HttpsKeySource {
    uri: KeyUri,
    roots: Option<RootCertStore>,
}

impl HttpsKeySource {
    /// Makes a source that trusts the certificate authorities of the system.
    #[must_use]
    pub const fn new(uri: KeyUri) -> Self {
        Self { uri, roots: None }
    }

    /// Makes a source that trusts only these certificate authorities, given in PEM.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` if `pem` holds no certificate or a malformed one.
    pub fn with_roots(uri: KeyUri, pem: &[u8]) -> Result<Self, Error> {
        let wrong = |why: &str| Error::configuration(format!("root certificates: {why}"));
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| wrong(&error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(&error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(wrong("no certificate in PEM"));
        }
        Ok(Self { uri, roots: Some(roots) })
    }

    async fn exchange(&self) -> Result<Vec<u8>, FetchError> {
        let stream = self.connect().await?;
        if !self.uri.is_tls() {
            return self.ask(stream).await;
        }
        let name =
            ServerName::try_from(self.uri.host().to_owned()).map_err(|_| FetchError::refused("malformed host"))?;
        let connector = TlsConnector::from(Arc::new(self.tls()?));
        let stream = connector.connect(name, stream).await.map_err(|error| unreachable("TLS", &error))?;
        self.ask(stream).await
    }

    /// Tries the addresses of the host in the order of the system's resolver.
    async fn connect(&self) -> Result<TcpStream, FetchError> {
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((self.uri.host(), self.uri.port()))
            .await
            .map_err(|error| unreachable("the host is not found", &error))?
            .collect();
        let mut last = FetchError::unreachable("the host has no address");
        for address in addresses {
            match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = unreachable("no connection", &error),
                Err(_) => last = FetchError::unreachable("no connection in time"),
            }
        }
        Err(last)
    }

    fn tls(&self) -> Result<ClientConfig, FetchError> {
        // The provider is named, since rustls panics if the process has two providers and no default.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match &self.roots {
            Some(roots) => WebPkiServerVerifier::builder_with_provider(Arc::new(roots.clone()), Arc::clone(&provider))
                .build()
                .map_err(|error| unreachable("root certificates", &error))?,
            None => Arc::new(
                rustls_platform_verifier::Verifier::new(Arc::clone(&provider))
                    .map_err(|error| unreachable("the system's root certificates", &error))?,
            ),
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unreachable("TLS", &error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    async fn ask(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Vec<u8>, FetchError> {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable("no HTTP", &error))?;
        // The task of the connection ends with this function, however the function ends.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let request = Request::get(self.uri.path_and_query())
            .header(HOST, self.uri.authority())
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(USER_AGENT, concat!("sentri/", env!("CARGO_PKG_VERSION")))
            .body(String::new())
            .map_err(|_| FetchError::refused("malformed path"))?;
        let response = sender.send_request(request).await.map_err(|error| unreachable("no HTTP answer", &error))?;
        check_status(response.status())?;
        read_body(response).await
    }
}

#[async_trait]
impl KeySource for HttpsKeySource {
    async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        let in_time = timeout(TIME_LIMIT, self.exchange()).await;
        in_time.unwrap_or_else(|_| Err(FetchError::unreachable("no complete answer within 5 s")))
    }
}

/// Accepts status 200 alone. A redirect is not followed, since the host trusts `keyUri` and no other address.
fn check_status(status: StatusCode) -> Result<(), FetchError> {
    let answer = format!("the answer has status {}", status.as_u16());
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::TOO_MANY_REQUESTS => Err(FetchError::unreachable(answer)),
        _ if status.is_server_error() => Err(FetchError::unreachable(answer)),
        _ if status.is_redirection() => {
            Err(FetchError::refused(format!("{answer}: redirects are not followed, give the final address")))
        }
        _ => Err(FetchError::refused(answer)),
    }
}

async fn read_body(response: Response<Incoming>) -> Result<Vec<u8>, FetchError> {
    match Limited::new(response.into_body(), MAX_SET_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(FetchError::refused("the answer is longer than 64 KiB")),
        Err(error) => Err(FetchError::unreachable(format!("the answer broke off: {error}"))),
    }
}

fn unreachable(what: &str, error: &dyn std::fmt::Display) -> FetchError {
    FetchError::unreachable(format!("{what}: {error}"))
}
