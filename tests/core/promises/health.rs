//! The health that probes see: ready, away, back; and Redis, which fails nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentri_core::clock::TestClock;
use sentri_core::config::Config;
use sentri_core::{AuthServer, Host, store};
use serde_json::{Value, json};

use super::processes::proxied;
use crate::proxy::Line;
use crate::support::{Database, Own, START, options};

fn server(db: &Value, more: Value) -> AuthServer {
    let config = Config::from_options(&options(db, more)).unwrap();
    let host = Host { clock: Arc::new(TestClock::at(START)), ..Host::default() };
    AuthServer::with_store(config, host, store::open(db).unwrap()).unwrap()
}

async fn until(server: &AuthServer, status: &str) -> Value {
    let started = Instant::now();
    loop {
        let health = server.health().await;
        if health["status"] == status {
            return health;
        }
        assert!(started.elapsed() < Duration::from_secs(15), "{status} never came: {health}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A probe hears of the outage, in time and without a cause, and of its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_follows_the_database() {
    for line in [Line::Cut, Line::Paused] {
        let own = Own::new(Database::Postgres).await;
        let (proxy, url) = proxied(&own).await;
        let server = server(&json!({ "connectionString": url, "max": 5 }), json!({ "secret": "[absent]" }));
        let health = until(&server, "unavailable").await;
        assert_eq!(health["checks"], json!({ "database": "unavailable", "keys": "unavailable" }), "no tables yet");
        server.migrate().await.unwrap();
        let health = until(&server, "ok").await;
        assert_eq!(health, json!({ "status": "ok", "checks": { "database": "ok", "keys": "ok" } }));
        proxy.set(line);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let asked = Instant::now();
        let answers = tokio::join!(server.health(), server.health(), server.health());
        assert!(asked.elapsed() < Duration::from_millis(2_600), "{line:?}: one look for all: {:?}", asked.elapsed());
        let away = json!({ "status": "unavailable", "checks": { "database": "unavailable", "keys": "ok" } });
        assert_eq!(answers, (away.clone(), away.clone(), away), "{line:?}");
        proxy.set(Line::Open);
        until(&server, "ok").await;
        server.close().await;
        own.drop().await;
    }
}

/// A server that another process has migrated is ready without a call before the probe's.
#[tokio::test]
async fn health_finds_the_keys_of_another_process() {
    let own = Own::new(Database::SqliteFile).await;
    server(&own.option, json!({ "secret": "[absent]" })).migrate().await.unwrap();
    let health = server(&own.option, json!({ "secret": "[absent]" })).health().await;
    assert_eq!(health["status"], "ok");
    own.drop().await;
}

/// Without its Redis a server goes on, and says so.
#[tokio::test]
async fn health_is_degraded_without_redis() {
    let own = Own::new(Database::SqliteFile).await;
    // Nothing listens at port 1.
    let server = server(&own.option, json!({ "redisUrl": "redis://127.0.0.1:1" }));
    server.migrate().await.unwrap();
    let health = until(&server, "degraded").await;
    assert_eq!(health["checks"], json!({ "database": "ok", "keys": "ok", "redis": "unavailable" }));
    server.close().await;
    own.drop().await;
}
