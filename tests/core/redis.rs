//! What processes share through Redis, and what each does without it.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "redis/broadcast.rs"]
mod broadcast;
#[path = "support/clusters.rs"]
mod clusters;
#[path = "redis/devices.rs"]
mod devices;
#[path = "redis/factors.rs"]
mod factors;
#[path = "redis/failover.rs"]
mod failover;
#[path = "redis/idempotency.rs"]
mod idempotency;
#[path = "redis/limits.rs"]
mod limits;
#[path = "redis/model.rs"]
mod model;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "redis/restarts.rs"]
mod restarts;
#[path = "support/servers.rs"]
mod servers;
#[path = "support/mod.rs"]
mod support;
#[path = "redis/tls.rs"]
mod tls;

use std::time::{Duration, Instant};

use sentri_core::redis::Redis;

/// Where the tests find Redis. They write under random names and flush nothing.
pub fn redis_url() -> String {
    std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".into())
}

/// A proxy before the tests' Redis, and its URL.
pub async fn proxied() -> (proxy::Proxy, String) {
    let url = redis_url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (login, address) = rest.split_once('@').map_or(("", rest), |(login, address)| (login, address));
    let (address, path) = address.split_once('/').unwrap_or((address, ""));
    let server = if address.contains(':') { address.to_owned() } else { format!("{address}:6379") };
    let proxy = proxy::Proxy::before(server).await;
    let at = if login.is_empty() { String::new() } else { format!("{login}@") };
    let url = format!("{scheme}://{at}{}/{path}", proxy.address);
    (proxy, url)
}

/// A connection of the test's own.
pub async fn connect() -> ::redis::aio::MultiplexedConnection {
    let client = ::redis::Client::open(redis_url()).unwrap();
    client
        .get_multiplexed_async_connection()
        .await
        .expect("Redis answers: run the tests by `make test`, or set REDIS_URL")
}

/// Everything in Redis under `pattern`, keys and values, as text.
pub async fn dump(pattern: &str) -> String {
    let mut connection = connect().await;
    let keys: Vec<String> = ::redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
    let mut text = String::new();
    for key in keys {
        let row: Vec<Vec<u8>> = ::redis::cmd("HGETALL").arg(&key).query_async(&mut connection).await.unwrap();
        text += &key;
        for part in row {
            text += " ";
            text += &String::from_utf8_lossy(&part);
        }
        text += "\n";
    }
    text
}

/// Waits until `done`, at most two seconds: what is promised of a Redis that came back.
pub async fn within_two_seconds(mut done: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !done().await {
        assert!(started.elapsed() < Duration::from_millis(2300), "not within two seconds");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_wrong_url_is_named_and_not_quoted() {
    for url in [
        "",
        "http://:hunter2@x",
        "redis://:hunter2@host:port",
        "127.0.0.1:6379",
        "redis+hunter2://x",
        "rediss://host#hunter2",
        "rediss://host?hunter2=1",
        "rediss://host?ssl_hunter2=1",
        "rediss://host?ssl_cert_reqs=hunter2",
        "rediss://host?ssl_check_hostname=hunter2",
        "redis://host?ssl_cert_reqs=required",
        "redis://a:1,b:2",
        "redis-sentinel://:hunter2@a:1/mymaster",
        "redis+sentinel://:hunter2@a:1",
        "redis+sentinel://a:1,,b:2/mymaster",
        "redis+cluster://:hunter2@a:1,b:2/3",
        "redis+cluster://a:1,b:hunter2",
        "redis+cluster://a:1?sentinel_password=hunter2",
        "redis+sentinel://a:1/mymaster?ssl_cert_reqs=none",
    ] {
        let error = Redis::open(url).unwrap_err();
        assert_eq!(error.code, "CONFIGURATION_ERROR");
        assert!(error.message.starts_with("redisUrl") && !error.message.contains("hunter2"), "{}", error.message);
    }
    for url in [
        "redis://:hunter2@127.0.0.1:6379/2?family=0",
        "rediss://app:hunter2@host?protocol=resp3",
        "REDIS://host",
        "redis+cluster://:hunter2@a:1,b:2",
        "rediss+cluster://a",
        "redis+sentinel://app:hunter2@a,[::1]:5/mymaster/2",
        "rediss+sentinel://a/mymaster?sentinel_username=u&sentinel_password=hunter2",
    ] {
        let redis = Redis::open(url);
        assert!(!format!("{redis:?}").contains("hunter2") && redis.is_ok(), "{url}");
    }
}
