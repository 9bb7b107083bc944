//! The numbers of a server that depend on what it does: its calls, its hashes and the age of its key.

use std::sync::Arc;

use sentri_core::clock::TestClock;
use sentri_core::telemetry::Remembered;
use sentri_core::{AuthServer, Host};
use serde_json::{Value, json};

use crate::support::{Database, Own, PASSWORD, START, options};

async fn server(own: &Own, more: Value) -> (AuthServer, Arc<TestClock>) {
    let clock = Arc::new(TestClock::at(START));
    let host = Host { clock: Arc::clone(&clock) as Arc<_>, ..Host::default() };
    let server = AuthServer::new(&options(&own.option, more), host).unwrap();
    server.migrate().await.unwrap();
    (server, clock)
}

/// The number of a sample with these labels, if it is there.
fn number(server: &AuthServer, sample: &str, labels: &Value) -> Option<f64> {
    let metrics = server.metrics(&Remembered::default()).to_json();
    let mut samples = metrics.as_array().unwrap().iter().flat_map(|metric| metric["samples"].as_array().unwrap());
    samples.find(|one| one["name"] == sample && &one["labels"] == labels).and_then(|one| one["value"].as_f64())
}

#[tokio::test]
async fn the_age_of_the_signing_key_follows_the_clock_and_its_rotation() {
    let own = Own::new(Database::Memory).await;
    let (server, clock) = server(&own, json!({ "secret": "[absent]" })).await;
    let age = || number(&server, "sentri_signing_key_age_seconds", &json!({}));
    assert_eq!(age(), Some(0.0));
    clock.advance(90_500);
    assert_eq!(age(), Some(90.5));
    server.call("rotateKeys", json!([])).await.unwrap();
    assert_eq!(age(), Some(90.5), "the new key is published, and signs later");
    clock.advance(36_000);
    assert_eq!(age(), Some(1.0));
    own.drop().await;
}

#[tokio::test]
async fn the_key_of_the_option_secret_has_no_age() {
    let own = Own::new(Database::Memory).await;
    let (server, _) = server(&own, json!({})).await;
    assert_eq!(number(&server, "sentri_signing_key_age_seconds", &json!({})), None);
    own.drop().await;
}

#[tokio::test]
async fn calls_are_counted_by_name_and_outcome() {
    let own = Own::new(Database::Memory).await;
    let (server, _) = server(&own, json!({})).await;
    let user = json!({ "identifiers": [{ "type": "username", "value": "rizz" }], "password": PASSWORD });
    for _ in 0..2 {
        // The second finds the name taken, and answers so.
        server.call("register", json!([user])).await.unwrap();
    }
    server.call("getUser", json!([7])).await.unwrap_err();
    server.call("no such call", json!([])).await.unwrap_err();
    let calls =
        |call: &str, outcome: &str| number(&server, "sentri_calls_total", &json!({ "call": call, "outcome": outcome }));
    assert_eq!([calls("register", "success"), calls("register", "refused")], [Some(1.0), Some(1.0)]);
    assert_eq!([calls("getUser", "success"), calls("getUser", "refused")], [None, Some(1.0)]);
    let took = number(&server, "sentri_call_duration_seconds_count", &json!({ "call": "register" }));
    assert_eq!(took, Some(2.0));
    assert!(!server.metrics(&Remembered::default()).to_json().to_string().contains("no such call"));
    // Both registrations hash, so that their time does not tell whether the name is taken.
    for histogram in ["sentri_password_hash_wait_seconds", "sentri_password_hash_duration_seconds"] {
        assert_eq!(number(&server, &format!("{histogram}_count"), &json!({})), Some(2.0), "{histogram}");
    }
    server.close().await;
    server.call("listUsers", json!([])).await.unwrap_err();
    assert_eq!(calls("listUsers", "failed"), Some(1.0));
    own.drop().await;
}
