//! Key sets over TLS, before an authority of the test's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use sentri_core::ClientHost;
use sentri_core::key_source::https::HttpsKeySource;
use sentri_core::key_source::uri::KeyUri;
use sentri_core::token::Algorithm;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::issuer::{Client, Issuer, Manner, causes, serve, token, verdict};
use crate::fixtures::{NOW, ring};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// An issuer with a certificate for `name`.
async fn issuer(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (SocketAddr, JoinHandle<()>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let set = Manner::set(&ring(Algorithm::Es256).jwks(NOW, 0).unwrap());
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            serve(stream, &Mutex::new(set.clone()), &AtomicUsize::new(0)).await;
        }
    });
    (address, task)
}

/// A client that trusts `roots`, or what the system trusts.
fn client(uri: &str, roots: Option<&str>) -> Client {
    let mut host = ClientHost::default();
    if let Some(roots) = roots {
        let source = HttpsKeySource::with_roots(KeyUri::parse(uri, false).unwrap(), roots.as_bytes()).unwrap();
        host.key_source = Some(Arc::new(source));
    }
    Client::with_host(uri, json!({}), host)
}

#[tokio::test]
async fn a_certificate_must_be_vouched_for_and_name_the_host() {
    let (trusted, other) = (authority(), authority());
    let (trusted_pem, other_pem) = (trusted.pem(), other.pem());
    let (address, task) = issuer(&trusted, "localhost").await;
    let (by_address, second) = issuer(&trusted, "127.0.0.1").await;
    let (elsewhere, third) = issuer(&trusted, "auth.example.com").await;
    for (host, at, roots, expected) in [
        ("localhost", address, Some(&trusted_pem), "ok"),
        ("127.0.0.1", by_address, Some(&trusted_pem), "ok"),
        ("localhost", elsewhere, Some(&trusted_pem), "SERVICE_UNAVAILABLE"),
        ("localhost", by_address, Some(&trusted_pem), "SERVICE_UNAVAILABLE"),
        ("localhost", address, Some(&other_pem), "SERVICE_UNAVAILABLE"),
        ("localhost", address, None, "SERVICE_UNAVAILABLE"),
    ] {
        let client = client(&format!("https://{host}:{}/auth/keys", at.port()), roots.map(String::as_str));
        let guarded = client.guard(&token(Algorithm::Es256)).await;
        assert_eq!(verdict(&guarded), expected, "{host} {at} {:?}", causes(&guarded));
        if expected != "ok" {
            assert!(causes(&guarded)[1].starts_with("TLS: "), "{:?}", causes(&guarded));
        }
    }
    for task in [task, second, third] {
        task.abort();
    }
}

/// Neither side is mistaken for the other: TLS is never given up for an answer in clear.
#[tokio::test]
async fn a_server_without_tls_is_not_believed() {
    let plain = Issuer::publishing(&ring(Algorithm::Es256)).await;
    let uri = plain.uri().replace("http://", "https://");
    let guarded = client(&uri, None).guard(&token(Algorithm::Es256)).await;
    assert_eq!(verdict(&guarded), "SERVICE_UNAVAILABLE");
    assert_eq!(plain.requests(), 0);
    let (address, task) = issuer(&authority(), "localhost").await;
    let guarded = client(&format!("http://{address}/auth/keys"), None).guard(&token(Algorithm::Es256)).await;
    assert_eq!(verdict(&guarded), "SERVICE_UNAVAILABLE");
    task.abort();
}

#[test]
fn roots_must_be_certificates() {
    let uri = KeyUri::parse("https://auth.example.com/keys", false).unwrap();
    for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = HttpsKeySource::with_roots(uri.clone(), pem.as_bytes()).unwrap_err();
        assert!(error.message.starts_with("root certificates: "), "{error}");
    }
    assert_eq!(format!("{uri:?}"), "KeyUri(\"auth.example.com\")");
}
