//! P12 while a deployment rolls: processes with different options over one database.

use std::sync::Arc;
use std::time::Duration;

use sentri_core::clock::TestClock;
use sentri_core::config::Config;
use sentri_core::event::EventName;
use sentri_core::{AuthServer, Host, store};
use serde_json::{Value, json};

use crate::support::{Bench, Database, Own, START, options};

fn process(db: &Value, mut more: Value, clock: &Arc<TestClock>) -> Bench {
    more["secret"] = "[absent]".into();
    let config = Config::from_options(&options(db, more)).unwrap();
    let host = Host { clock: Arc::<TestClock>::clone(clock), ..Host::default() };
    let server = AuthServer::with_store(config, host, store::open(db).unwrap()).unwrap();
    Bench { server, clock: Arc::clone(clock), address: "203.0.113.7".to_owned() }
}

/// A request that makes a process look for keys, with the time for that look, and the events that it leaves.
async fn ask(bench: &Bench) -> Vec<EventName> {
    let mut events = bench.guard("no token").await.events;
    tokio::time::sleep(Duration::from_millis(30)).await;
    events.extend(bench.server.take_events());
    events.iter().map(|event| event.name).collect()
}

/// Processes that disagree about `algorithm` for hours replace each other's key rarely. So clients, which accept 32
/// keys, go on, and each process verifies the tokens of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p12_a_new_algorithm_makes_few_keys_while_a_deployment_rolls() {
    let own = Own::new(Database::SqliteFile).await;
    let clock = Arc::new(TestClock::at(START));
    let both = ["ES256", "EdDSA"].map(|algorithm| process(&own.option, json!({ "algorithm": algorithm }), &clock));
    both[0].server.migrate().await.unwrap();
    both[1].server.ready().await.unwrap();
    for round in 0..240 {
        ask(&both[round % 2]).await;
        clock.advance(15_000);
        for signer in &both {
            let token = signer.server.sign_access_token(&json!({ "id": "rizz", "roles": ["user"] })).unwrap();
            for verifier in &both {
                assert!(verifier.guard(&token).await.result.is_ok(), "round {round}");
            }
        }
        let published = both[round % 2].server.jwks()["keys"].as_array().unwrap().len();
        assert!(published <= 4, "{published} keys in round {round}");
    }
    let stored = both[0].server.call("listKeys", json!([])).await.unwrap();
    let kept = stored.as_array().unwrap().len();
    assert!((2..=6).contains(&kept), "{kept} keys in an hour");
    // Without the option the algorithm of the stored keys stays.
    let other = process(&own.option, json!({}), &clock);
    other.server.ready().await.unwrap();
    assert_eq!(other.server.call("listKeys", json!([])).await.unwrap(), stored);
    other.server.call("rotateKeys", json!([])).await.unwrap();
    let rotated = other.server.call("listKeys", json!([])).await.unwrap();
    assert_eq!(rotated[0]["algorithm"], stored[0]["algorithm"]);
    for bench in both.iter().chain([&other]) {
        bench.server.close().await;
    }
    own.drop().await;
}

/// A process that can't open the keys of others says so once, and its health shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p12_a_ring_that_can_not_be_read_again_is_reported() {
    let own = Own::new(Database::SqliteFile).await;
    let clock = Arc::new(TestClock::at(START));
    let plain = process(&own.option, json!({ "algorithm": "ES256" }), &clock);
    plain.server.migrate().await.unwrap();
    let sealing = json!({ "algorithm": "ES256", "encryptionKey": "a-key-of-32-bytes-for-the-tests--" });
    let sealing = process(&own.option, sealing, &clock);
    sealing.server.ready().await.unwrap();
    assert_eq!(plain.server.health().await["checks"]["keys"], "ok");
    sealing.server.call("rotateKeys", json!([])).await.unwrap();
    let mut events = Vec::new();
    for _ in 0..5 {
        clock.advance(16_000);
        events.extend(ask(&plain).await);
    }
    let failures = events.iter().filter(|name| **name == EventName::HookFailure).count();
    assert_eq!(failures, 1, "{events:?}");
    // Answers are shared for a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let health = plain.server.health().await;
    assert_eq!((&health["status"], &health["checks"]["keys"]), (&json!("degraded"), &json!("unavailable")));
    assert_eq!(sealing.server.health().await["status"], "ok");
    plain.server.close().await;
    sealing.server.close().await;
    own.drop().await;
}

/// A key is published until its last token has expired, so too many would be at once.
#[test]
fn keys_rotate_no_faster_than_clients_accept() {
    let read = |every: &str, access: &str| {
        let more = json!({ "secret": "[absent]", "keys": { "rotateEvery": every }, "accessExpiresIn": access });
        Config::from_options(&options(&json!("sqlite::memory:"), more)).map(drop)
    };
    assert!(read("1h", "15m").is_ok() && read("1h", "28h").is_ok() && read("2h", "2d").is_ok());
    let refused = read("1h", "2d").unwrap_err();
    assert!(refused.message.starts_with("keys.rotateEvery must be at least 2h "), "{}", refused.message);
}
