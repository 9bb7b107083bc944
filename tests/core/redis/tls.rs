//! TLS to a real Redis with certificates of the test's own. What can't be trusted is not spoken to, neither in clear.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sentri_core::clock::SystemClock;
use sentri_core::crypto::make_id;
use sentri_core::idempotency::{Credentials, Gate, Incoming, Passage};
use sentri_core::redis::Redis;
use sentri_core::server::open_gate;
use serde_json::json;

use crate::broadcast::{known_to, refused_after, server, subscribed};
use crate::redis_url;
use crate::servers::{Authority, Place, Server, listens, redis};
use crate::support::{Database, Own};

/// A Redis with a certificate for `localhost`, which asks its clients for one of theirs if `asks`.
async fn start(authority: &Authority, asks: bool) -> Server {
    let place = Place::new("redis");
    let root = authority.root(&place, "root.crt");
    let (certificate, key) = authority.issue(&place, "server", "localhost");
    authority.issue(&place, "client", "client");
    Authority::new().root(&place, "other.crt");
    let asks = if asks { "yes" } else { "no" };
    let options = ["--tls-ca-cert-file", &root, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let options = options.into_iter().chain(["--tls-auth-clients", asks]);
    redis(place, &options.map(str::to_owned).collect::<Vec<_>>()).ready(listens).await
}

/// `Ok`: what one gate knows another knows, so they spoke to Redis. Else what is told of it.
async fn shared(url: &str) -> Result<(), String> {
    for _ in 1..50 {
        match shared_now(url).await {
            // A machine under load says nothing of TLS.
            Err(told) if told.contains("in time") => tokio::time::sleep(Duration::from_millis(100)).await,
            outcome => return outcome,
        }
    }
    shared_now(url).await
}

async fn shared_now(url: &str) -> Result<(), String> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let gate = || {
        let told = Arc::clone(&told);
        let tell = move |what: &str| told.lock().push(what.to_owned());
        open_gate(Some(&json!({ "redisUrl": url, "redisPatience": 0 })), Arc::new(SystemClock), tell).unwrap()
    };
    let name = make_id();
    let pass = async |gate: Gate| {
        let request = Incoming {
            method: "POST",
            path_and_query: "/pay",
            header_value: Some(&name),
            host: "shop.example",
            credentials: Credentials::default(),
            content_type: "",
            body: b"",
        };
        gate.pass(&request).await
    };
    assert!(matches!(pass(gate()).await, Passage::Execute(..)));
    let second = pass(gate()).await;
    match told.lock().first() {
        Some(told) => {
            assert!(matches!(second, Passage::Execute(..)), "each goes on by itself");
            Err(told.clone())
        }
        None => {
            assert!(
                matches!(&second, Passage::Refused(error) if error.code == "IDEMPOTENCY_IN_PROGRESS"),
                "{second:?}"
            );
            Ok(())
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_must_be_vouched_for_and_name_the_host() {
    let server = start(&Authority::new(), false).await;
    let at = |host: &str, query: &str| format!("rediss://{host}:{}?{query}", server.port);
    let (root, other) = (server.place.path("root.crt"), server.place.path("other.crt"));
    let (root, other) = (format!("ssl_ca_certs={root}"), format!("ssl_ca_certs={other}"));
    let any_host = format!("{root}&ssl_check_hostname=false");
    let other_any_host = format!("{other}&ssl_check_hostname=false");
    for (host, query, words) in [
        ("localhost", root.as_str(), &[][..]),
        ("127.0.0.1", &root, &["localhost", "ssl_check_hostname=false"]),
        ("127.0.0.1", &any_host, &[]),
        ("localhost", &other, &["UnknownIssuer", "ssl_ca_certs"]),
        ("127.0.0.1", &other_any_host, &["UnknownIssuer"]),
        ("localhost", "", &["UnknownIssuer", "ssl_ca_certs"]),
        ("127.0.0.1", "ssl_cert_reqs=none", &[]),
        ("localhost", "ssl_cert_reqs=CERT_REQUIRED", &["UnknownIssuer"]),
    ] {
        match shared(&at(host, query)).await {
            Ok(()) => assert!(words.is_empty(), "{host} {query}"),
            Err(told) => {
                assert!(!words.is_empty() && words.iter().all(|word| told.contains(word)), "{host} {query}: {told}");
            }
        }
    }
    let plain = format!("redis://localhost:{}", server.port);
    assert!(shared_now(&plain).await.is_err(), "this Redis speaks TLS alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_shows_its_certificate_where_one_is_asked_for() {
    let server = start(&Authority::new(), true).await;
    let path = |name: &str| server.place.path(name);
    let without = format!("rediss://localhost:{}?ssl_ca_certs={}", server.port, path("root.crt"));
    let told = shared(&without).await.unwrap_err();
    assert!(told.contains("ssl_certfile"), "{told}");
    let with = format!("{without}&ssl_certfile={}&ssl_keyfile={}", path("client.crt"), path("client.key"));
    shared(&with).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn word_of_a_revocation_goes_over_tls() {
    let redis = start(&Authority::new(), false).await;
    let url = format!("rediss://localhost:{}?ssl_ca_certs={}", redis.port, redis.place.path("root.crt"));
    let own = Own::new(Database::SqliteFile).await;
    let (here, there) = (server(&own, &url).await, server(&own, &url).await);
    subscribed().await;
    here.register("rizz").await;
    let login = known_to([&here, &there], "rizz").await;
    let cookie = format!("refresh_token={}", login.refresh);
    assert_eq!(here.request("POST", "/logout", &[("cookie", &cookie)], None).await.status, 200);
    refused_after(&there, &login.access).await;
    own.drop().await;
}

/// TLS is never given up for an answer in clear.
#[tokio::test]
async fn a_redis_without_tls_is_not_spoken_to() {
    let url = redis_url();
    let tls = url.replacen("redis://", "rediss://", 1);
    assert!(tls == url || shared_now(&tls).await.is_err());
}

#[tokio::test]
async fn files_that_are_none_are_named() {
    let place = Place::new("redis");
    let (certificate, key) = Authority::new().issue(&place, "client", "client");
    let (_, another) = Authority::new().issue(&place, "other", "client");
    let nowhere = place.path("nowhere.crt");
    for (query, words) in [
        (format!("ssl_ca_certs={nowhere}"), ["ssl_ca_certs", "nowhere.crt"]),
        (format!("ssl_ca_certs={key}"), ["ssl_ca_certs", "BEGIN CERTIFICATE"]),
        (format!("ssl_certfile={certificate}"), ["certificate", "key"]),
        (format!("ssl_certfile={certificate}&ssl_keyfile={certificate}"), ["ssl_keyfile", "BEGIN PRIVATE KEY"]),
        (format!("ssl_certfile={certificate}&ssl_keyfile={another}"), ["certificate", "don't go together"]),
    ] {
        let error = Redis::open(&format!("rediss://localhost?{query}")).unwrap_err();
        assert_eq!(error.code, "CONFIGURATION_ERROR");
        assert!(error.message.starts_with("redisUrl"), "{}", error.message);
        assert!(words.iter().all(|word| error.message.contains(word)), "{query}: {}", error.message);
    }
}
