//! Idempotent requests over several processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentri_core::clock::SystemClock;
use sentri_core::crypto::{make_id, sha256, to_base64url};
use sentri_core::idempotency::{
    Admission, Begin, Credentials, Gate, Holder, IdempotencyRules, Incoming, Key, Passage, Replay,
    SharedIdempotency as _, StoredResponse, Ticket,
};
use sentri_core::redis::{Redis, RedisIdempotency};
use sentri_core::server::open_gate;
use serde_json::{Value, json};

use crate::proxy::Line;
use crate::{connect, dump, proxied, redis_url, within_two_seconds};

pub fn gate(url: &str) -> Arc<Gate> {
    gate_with(&json!({ "redisUrl": url, "ttl": 60_000 }))
}

fn gate_with(options: &Value) -> Arc<Gate> {
    Arc::new(open_gate(Some(options), Arc::new(SystemClock), |_| {}).unwrap())
}

pub fn incoming<'a>(key: &'a str, body: &'a [u8]) -> Incoming<'a> {
    Incoming {
        method: "POST",
        host: "shop.example",
        path_and_query: "/pay",
        header_value: Some(key),
        credentials: Credentials {
            authorization: Some("Bearer abc"),
            address: Some("203.0.113.7"),
            ..Credentials::default()
        },
        content_type: "application/json",
        body,
    }
}

/// Where an answer is kept.
fn entry(key: &Key) -> String {
    format!("sentri:idempotency:{{default}}:{}", to_base64url(&key.0))
}

pub fn executes(passage: Passage) -> (Key, Ticket) {
    match passage {
        Passage::Execute(key, ticket) => (key, ticket),
        other => panic!("{other:?}"),
    }
}

pub fn response(body: &str) -> StoredResponse {
    StoredResponse { status: 201, headers: vec![("x-own".into(), "kept".into())], body: body.into(), roles: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_equal_requests_over_four_gates_execute_once() {
    let gates: Vec<_> = (0..4).map(|_| gate(&redis_url())).collect();
    let name = make_id();
    let requests: Vec<_> = (0..100)
        .map(|index| {
            let (gate, name) = (Arc::clone(&gates[index % 4]), name.clone());
            assert!(gate.pass_now(&incoming(&name, b"{}")).is_none(), "Redis has to be asked");
            tokio::spawn(async move { (index % 4, gate.pass(&incoming(&name, b"{}")).await) })
        })
        .collect();
    let mut executed = Vec::new();
    for request in requests {
        match request.await.unwrap() {
            (by, Passage::Execute(key, ticket)) => executed.push((by, key, ticket)),
            (_, Passage::Refused(error)) => assert_eq!(error.code, "IDEMPOTENCY_IN_PROGRESS"),
            other => panic!("{other:?}"),
        }
    }
    let [(by, key, ticket)] = executed[..] else { panic!("{} executions", executed.len()) };
    gates[by].complete(&key, ticket, response("{\"run\":1}")).await;
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
        let kept = dump(&entry(&key)).await;
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
        dump(&entry(&key)).await.contains("fingerprint")
    })
    .await;
    assert_eq!(told.lock()[1], "Redis is back");
}

/// What this process runs or has answered, it knows whatever happens to Redis meanwhile.
#[tokio::test]
async fn a_blip_runs_nothing_twice_here() {
    let (proxy, url) = proxied().await;
    let gate = gate(&url);
    let back = || {
        within_two_seconds(
            async || matches!(gate.pass(&incoming(&make_id(), b"")).await, Passage::Execute(_, ticket) if ticket >> 63 == 1),
        )
    };
    back().await;

    // Away while it runs and is answered, or at the repeat alone.
    for is_away_before in [true, false] {
        let name = make_id();
        let (key, ticket) = executes(gate.pass(&incoming(&name, b"")).await);
        if is_away_before {
            proxy.set(Line::Cut);
            let Passage::Refused(error) = gate.pass(&incoming(&name, b"")).await else { panic!("it still runs") };
            assert_eq!(error.code, "IDEMPOTENCY_IN_PROGRESS");
        }
        gate.complete(&key, ticket, response("{}")).await;
        proxy.set(Line::Cut);
        assert!(matches!(gate.pass(&incoming(&name, b"")).await, Passage::Replay(_)), "away: {is_away_before}");
        let Passage::Refused(error) = gate.pass(&incoming(&name, b"other")).await else { panic!("another body") };
        assert_eq!(error.code, "IDEMPOTENCY_MISMATCH");
        proxy.set(Line::Open);
        back().await;
        assert!(matches!(gate.pass(&incoming(&name, b"")).await, Passage::Replay(_)), "and when Redis is back");
    }

    // Run and answered while Redis was away.
    let name = make_id();
    proxy.set(Line::Cut);
    let (key, ticket) = executes(gate.pass(&incoming(&name, b"")).await);
    gate.complete(&key, ticket, response("{}")).await;
    proxy.set(Line::Open);
    back().await;
    assert!(matches!(gate.pass(&incoming(&name, b"")).await, Passage::Replay(_)));
}

#[tokio::test]
async fn applications_with_another_prefix_share_nothing() {
    let prefix = make_id();
    let of = |prefix: &str| gate_with(&json!({ "redisUrl": redis_url(), "ttl": 60_000, "keyPrefix": prefix }));
    let (orders, again, billing) = (of(&prefix), of(&prefix), of(&make_id()));
    let name = make_id();
    let (key, ticket) = executes(orders.pass(&incoming(&name, b"")).await);
    assert!(matches!(again.pass(&incoming(&name, b"")).await, Passage::Refused(_)));
    executes(billing.pass(&incoming(&name, b"")).await);
    orders.complete(&key, ticket, response("{}")).await;
    assert!(matches!(again.pass(&incoming(&name, b"")).await, Passage::Replay(_)));
}

/// The limits of the memory are those of Redis too: what would expire first makes room.
#[tokio::test]
async fn redis_is_bounded_in_answers_and_bytes() {
    let mut connection = connect().await;
    let redis = Redis::open(&redis_url()).unwrap();
    for (max_size, max_bytes, body, kept) in [(5, 1_000_000, 10, 5), (1_000, 100_000, 9_000, 10)] {
        let (prefix, ttl) = (make_id(), Duration::from_secs(20));
        let rules = IdempotencyRules::from_options(Some(&json!({ "keyPrefix": prefix, "maxSize": max_size }))).unwrap();
        let answers = RedisIdempotency::new(&redis, &rules).with_max_bytes(max_bytes);
        let holder = Credentials::default().holder();
        let begin =
            async |number: u8| answers.begin(&Key([number; 32]), [0; 32], Ticket::from(number), holder).await.unwrap();
        let newest = u8::try_from(kept).unwrap() + 6;
        for number in 0..=newest {
            assert!(matches!(begin(number).await, Begin::Execute(_)));
            let response = response(&"x".repeat(body));
            answers.complete(&Key([number; 32]), Ticket::from(number), ttl, &response).await;
        }
        let keys: Vec<String> =
            ::redis::cmd("KEYS").arg(format!("*{prefix}*")).query_async(&mut connection).await.unwrap();
        assert_eq!(keys.len(), kept + 3, "answers, the index of them, that of their holder, and the share");
        assert!(matches!(begin(newest).await, Begin::Replay(_)));
        assert!(matches!(begin(7).await, Begin::Replay(_)));
        assert!(matches!(begin(6).await, Begin::Execute(_)), "the oldest are not there any more");
        for key in keys {
            let left: i64 = ::redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.unwrap();
            assert!((1..=20_000).contains(&left), "everything goes by itself: {left}");
        }
    }
}

/// D4: while Redis is away a request waits for it, at most the patience and once an outage; then it runs here, or is
/// refused.
#[tokio::test]
async fn d4_patience_is_spent_once_an_outage() {
    for (choice, patience) in [("local", 500), ("refuse", 500), ("refuse", 0)] {
        let (proxy, url) = proxied().await;
        let options = json!({ "redisUrl": url, "redisPatience": patience, "onRedisAway": choice });
        let gate = gate_with(&options);
        executes(gate.pass(&incoming(&make_id(), b"")).await);
        proxy.set(Line::Cut);
        let started = Instant::now();
        for _ in 0..20 {
            let name = make_id();
            match gate.pass(&incoming(&name, b"")).await {
                Passage::Execute(key, ticket) if choice == "local" => {
                    gate.complete(&key, ticket, response("{}")).await;
                    assert!(matches!(gate.pass(&incoming(&name, b"")).await, Passage::Replay(_)));
                }
                Passage::Refused(error) if choice == "refuse" => {
                    assert_eq!((error.code.as_ref(), error.status), ("SERVICE_UNAVAILABLE", 503));
                    assert!(error.retry_after.is_some());
                }
                other => panic!("{choice}: {other:?}"),
            }
        }
        let took = started.elapsed();
        assert!(took < Duration::from_secs(2), "twenty requests wait no longer than one: {took:?}");
        assert!(patience == 0 || took >= Duration::from_millis(450), "{took:?}");
        proxy.set(Line::Open);
        within_two_seconds(async || {
            matches!(gate.pass(&incoming(&make_id(), b"")).await, Passage::Execute(_, ticket) if ticket >> 63 == 1)
        })
        .await;
    }
}

/// D4: Redis that comes back within the patience is waited for, and nothing runs twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_a_blip_shorter_than_the_patience_runs_nothing_twice() {
    for line in [Line::Cut, Line::Paused] {
        let (proxy, url) = proxied().await;
        let gates: Vec<_> = (0..4).map(|_| gate(&url)).collect();
        for gate in &gates {
            executes(gate.pass(&incoming(&make_id(), b"")).await);
        }
        proxy.set(line);
        let name = make_id();
        let requests: Vec<_> = (0..100)
            .map(|index| {
                let (gate, name) = (Arc::clone(&gates[index % 4]), name.clone());
                tokio::spawn(async move { matches!(gate.pass(&incoming(&name, b"")).await, Passage::Execute(..)) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(600)).await;
        proxy.set(Line::Open);
        let mut executed = 0;
        for request in requests {
            executed += usize::from(request.await.unwrap());
        }
        assert_eq!(executed, 1, "{line:?}");
    }
}

#[test]
fn d4_options_are_checked() {
    for (options, name) in [
        (json!({ "redisPatience": -1 }), "redisPatience"),
        (json!({ "redisPatience": "2 parsecs" }), "redisPatience"),
        (json!({ "redisPatience": "2m" }), "redisPatience"),
        (json!({ "onRedisAway": "run" }), "onRedisAway"),
    ] {
        let error = IdempotencyRules::from_options(Some(&options)).unwrap_err();
        assert!(error.code == "CONFIGURATION_ERROR" && error.message.starts_with(name), "{}", error.message);
    }
    let rules = IdempotencyRules::from_options(Some(&json!({ "redisPatience": 0 }))).unwrap();
    assert!(rules.redis_patience.is_zero());
}

#[tokio::test]
async fn roles_are_kept_beside_the_answer() {
    let (here, there) = (gate(&redis_url()), gate(&redis_url()));
    for roles in [None, Some(vec![]), Some(vec!["user".to_owned(), "admin".to_owned()])] {
        let name = make_id();
        let (key, ticket) = executes(here.pass(&incoming(&name, b"x")).await);
        here.complete(&key, ticket, StoredResponse { roles: roles.clone(), ..response("{}") }).await;
        let replay = there.pass(&incoming(&name, b"x")).await;
        assert!(matches!(&replay, Passage::Replay(kept) if kept.roles == roles), "{replay:?}");
        let same = roles.as_deref().map_or(Admission::Unknown, Admission::Admitted);
        assert_eq!(replay.replay_to(same), (Replay::Answer, None));
        let other = ["user".to_owned()];
        let (decision, refusal) = replay.replay_to(Admission::Admitted(&other));
        assert_eq!(decision, if roles.is_some() { Replay::Refuse } else { Replay::Answer });
        assert_eq!(refusal.map(|error| error.status), roles.map(|_| 403));
    }
}

/// D2: in Redis as in memory, a flood of keys displaces its own answers.
#[tokio::test]
async fn d2_a_flood_displaces_its_own_answers_there_too() {
    let redis = Redis::open(&redis_url()).unwrap();
    let prefix = make_id();
    let rules = IdempotencyRules::from_options(Some(&json!({ "keyPrefix": prefix, "maxSize": 64 }))).unwrap();
    let answers = RedisIdempotency::new(&redis, &rules).with_max_bytes(200_000);
    let ttl = Duration::from_secs(20);
    let holder = |address: &str, identity: Option<&str>| {
        Credentials { address: Some(address), identity, ..Credentials::default() }.holder()
    };
    let keep = async |name: &str, of: Holder, bytes: usize| {
        let key = Key(sha256(name.as_bytes()));
        let begun = answers.begin(&key, [0; 32], 7, of).await.unwrap();
        if matches!(begun, Begin::Execute(_)) {
            answers.complete(&key, 7, ttl, &response(&"x".repeat(bytes))).await;
        }
        matches!(begun, Begin::Replay(_))
    };
    let (flood, other) = (holder("198.51.100.1", None), holder("203.0.113.8", None));
    keep("other", other, 100).await;
    for number in 0..20 {
        keep(&format!("v{number}"), holder("203.0.113.7", Some(&format!("s{number}"))), 100).await;
    }
    for number in 0..100 {
        assert!(!keep(&format!("flood{number}"), flood, 100).await);
    }
    // By bytes alike: those who have most make room, and one that is too large for its part is not kept.
    for number in 0..40 {
        assert!(!keep(&format!("large{number}"), flood, 20_000).await);
    }
    assert!(keep("large39", flood, 1).await && !keep("large0", holder("192.0.2.1", Some("t")), 1).await);
    assert!(keep("other", other, 1).await, "the answer of another address stays");
    for number in 0..20 {
        assert!(keep(&format!("v{number}"), other, 1).await, "answers of verified callers stay: {number}");
    }
    // Verified callers fill it: the others keep a sixteenth.
    for number in 0..80 {
        keep(&format!("w{number}"), holder("203.0.113.7", Some(&format!("t{number}"))), 100).await;
    }
    for number in 0..8 {
        let of = holder(&format!("192.0.2.{number}"), None);
        keep(&format!("late{number}"), of, 100).await;
    }
    let mut connection = connect().await;
    let index = format!("sentri:idempotency:{{{prefix}}}:held");
    let sum: Vec<String> =
        ::redis::cmd("ZRANGE").arg(&index).arg(-1).arg(-1).query_async(&mut connection).await.unwrap();
    let numbers: Vec<u64> = sum[0].split(':').skip(1).map(|part| part.parse().unwrap()).collect();
    let count: u64 = ::redis::cmd("ZCARD").arg(&index).query_async(&mut connection).await.unwrap();
    assert!(count == 65 && numbers[0] <= 200_000 && (1..=4).contains(&numbers[1]), "{count} {numbers:?}");
}
