//! Idempotent requests over several processes.

use std::sync::Arc;

use sentri_core::clock::SystemClock;
use sentri_core::crypto::{make_id, sha256, to_base64url};
use sentri_core::idempotency::{Gate, Incoming, Key, Passage, StoredResponse, Ticket, derive_key};
use sentri_core::redis::open_gate;
use serde_json::json;

use crate::proxy::Line;
use crate::{dump, proxied, redis_url, within_two_seconds};

fn gate(url: &str) -> Arc<Gate> {
    Arc::new(open_gate(Some(&json!({ "redisUrl": url, "ttl": 60_000 })), Arc::new(SystemClock), |_| {}).unwrap())
}

fn incoming<'a>(key: &'a str, body: &'a [u8]) -> Incoming<'a> {
    Incoming {
        method: "POST",
        path_and_query: "/pay",
        header_value: Some(key),
        credential: Some("Bearer abc"),
        address: Some("203.0.113.7"),
        body,
    }
}

fn executes(passage: Passage) -> (Key, Ticket) {
    match passage {
        Passage::Execute(key, ticket) => (key, ticket),
        other => panic!("{other:?}"),
    }
}

fn response(body: &str) -> StoredResponse {
    StoredResponse { status: 201, headers: vec![("x-own".into(), "kept".into())], body: body.into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_equal_requests_over_four_gates_execute_once() {
    let gates: Vec<_> = (0..4).map(|_| gate(&redis_url())).collect();
    let name = make_id();
    let requests: Vec<_> = (0..100)
        .map(|index| {
            let (gate, name) = (Arc::clone(&gates[index % 4]), name.clone());
            assert!(gate.pass_now(&incoming(&name, b"{}")).is_none(), "Redis has to be asked");
            tokio::spawn(async move { gate.pass(&incoming(&name, b"{}")).await })
        })
        .collect();
    let mut executed = Vec::new();
    for request in requests {
        match request.await.unwrap() {
            Passage::Execute(key, ticket) => executed.push((key, ticket)),
            Passage::Refused(error) => assert_eq!(error.code, "IDEMPOTENCY_IN_PROGRESS"),
            other => panic!("{other:?}"),
        }
    }
    let [(key, ticket)] = executed[..] else { panic!("{} executions", executed.len()) };
    gates[1].complete(&key, ticket, response("{\"run\":1}")).await;
    for gate in &gates {
        let Passage::Replay(replayed) = gate.pass(&incoming(&name, b"{}")).await else { panic!("an answer is kept") };
        assert_eq!((replayed.status, &replayed.body[..]), (201, &b"{\"run\":1}"[..]));
        assert_eq!(replayed.headers[0], ("x-own".into(), "kept".into()));
        assert_eq!(replayed.headers[1], ("Idempotency-Replayed".into(), "true".into()));
        let Passage::Refused(error) = gate.pass(&incoming(&name, b"other")).await else { panic!("another body") };
        assert_eq!(error.code, "IDEMPOTENCY_MISMATCH");
    }
    // Who comes back too late changes nothing.
    gates[2].complete(&key, ticket, response("late")).await;
    gates[2].abandon(&key, ticket).await;
    let Passage::Replay(replayed) = gates[0].pass(&incoming(&name, b"{}")).await else { panic!("it stays") };
    assert_eq!(replayed.body, b"{\"run\":1}");
}

#[tokio::test]
async fn a_failed_request_runs_again_and_bytes_come_back() {
    let (here, there) = (gate(&redis_url()), gate(&redis_url()));
    let name = make_id();
    let (key, ticket) = executes(here.pass(&incoming(&name, b"x")).await);
    here.abandon(&key, ticket).await;
    let (key, ticket) = executes(there.pass(&incoming(&name, b"x")).await);
    let bytes: Vec<u8> = (0..=255).collect();
    there.complete(&key, ticket, StoredResponse { body: bytes.clone(), ..response("") }).await;
    let Passage::Replay(replayed) = here.pass(&incoming(&name, b"x")).await else { panic!("an answer is kept") };
    assert_eq!(replayed.body, bytes);
}

/// P29: an answer with a token is not kept, nor anything of which the request's secrets can be told.
#[tokio::test]
async fn nothing_secret_reaches_redis() {
    let gate = gate(&redis_url());
    let body = br#"{"identifier":"rizz","password":"hunter2 hunter2"}"#;
    for answer in [r#"{"accessToken":"x"}"#, r#"{"a":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}"#] {
        let name = make_id();
        let (key, ticket) = executes(gate.pass(&incoming(&name, body)).await);
        gate.complete(&key, ticket, response(answer)).await;
        executes(gate.pass(&incoming(&name, body)).await);
        let kept = dump(&format!("sentri:idempotency:{}", to_base64url(&key.0))).await;
        assert!(kept.contains("fingerprint"), "{kept}");
        let digest = String::from_utf8_lossy(&sha256(body)).into_owned();
        for secret in [&name, "Bearer", "hunter2", "accessToken", "eyJ", &digest] {
            assert!(!kept.contains(secret), "{secret}");
        }
    }
}

#[tokio::test]
async fn without_redis_the_memory_takes_over_and_says_so() {
    let (proxy, url) = proxied().await;
    let told = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let options = json!({ "redisUrl": url });
    let gate = open_gate(Some(&options), Arc::new(SystemClock), move |what| tell.lock().push(what.to_owned())).unwrap();
    executes(gate.pass(&incoming(&make_id(), b"")).await);
    proxy.set(Line::Cut);
    for _ in 0..3 {
        let name = make_id();
        let (key, ticket) = executes(gate.pass(&incoming(&name, b"")).await);
        assert!(matches!(gate.pass(&incoming(&name, b"")).await, Passage::Refused(_)));
        gate.complete(&key, ticket, response("{}")).await;
        assert!(matches!(gate.pass(&incoming(&name, b"")).await, Passage::Replay(_)));
    }
    assert_eq!(told.lock().len(), 1, "{:?}", told.lock());
    assert!(told.lock()[0].contains("away") && !told.lock()[0].contains(&url));
    proxy.set(Line::Open);
    within_two_seconds(async || {
        let name = make_id();
        let (key, _) = executes(gate.pass(&incoming(&name, b"")).await);
        dump(&format!("sentri:idempotency:{}", to_base64url(&key.0))).await.contains("fingerprint")
    })
    .await;
    assert_eq!(told.lock()[1], "Redis is back");
}

/// A key is nobody else's: every part of a request is a part of it.
#[test]
fn keys_differ_by_every_part() {
    use sentri_core::idempotency::Caller::{Address, Credential};
    let key = derive_key("POST", "/pay", Credential("a"), "k");
    for other in [
        derive_key("PUT", "/pay", Credential("a"), "k"),
        derive_key("POST", "/pay?x", Credential("a"), "k"),
        derive_key("POST", "/pay", Address("a"), "k"),
        derive_key("POST", "/pay", Credential("b"), "k"),
        derive_key("POST", "/pay", Credential("a"), "l"),
    ] {
        assert_ne!(key, other);
    }
}
