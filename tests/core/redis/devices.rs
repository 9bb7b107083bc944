//! B9: a device's spent attempts are spent in every process.

use sentri_core::crypto::make_id;
use serde_json::{Value, json};

use crate::redis_url;
use crate::support::{Bench, Database, Own, PASSWORD};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_void_nonce_is_void_in_every_process() {
    let own = Own::new(Database::SqliteFile).await;
    let options = json!({ "redisUrl": redis_url(), "knownDevices": true, "rateLimit": {}, "issuer": make_id() });
    let here = Bench::new(&own.option, options.clone()).await;
    let there = Bench::new(&own.option, options).await;
    here.register("rizz").await;
    let device = here.login_with("rizz", PASSWORD).await.cookie("sentri_device").unwrap();
    let cookie = format!("sentri_device={device}");
    let guess = async |bench: &Bench, password: &str, cookie: &str| {
        let body: Value = json!({ "identifier": "rizz", "password": password });
        bench.request("POST", "/login", &[("cookie", cookie)], Some(body)).await.status
    };
    for _ in 0..5 {
        assert_eq!(guess(&there, "not the password", "").await, 401);
    }
    assert_eq!(guess(&here, PASSWORD, "").await, 429);
    assert_eq!(guess(&here, PASSWORD, &cookie).await, 200);
    for at in 0..10 {
        let bench = if at % 2 == 0 { &here } else { &there };
        assert_eq!(guess(bench, "not the password", &cookie).await, 401);
    }
    for bench in [&here, &there] {
        assert_eq!(guess(bench, PASSWORD, &cookie).await, 429);
    }
    own.drop().await;
}
