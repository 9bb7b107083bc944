//! Messages that go out: links are of the options alone, and each secret is good once, for a POST.

use std::sync::Arc;
use std::time::Duration;

use sentri_core::clock::Clock as _;
use sentri_core::crypto::{Secret, make_id};
use sentri_core::http::router;
use sentri_core::store::model::Flow;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Answer, Bench, Database, Own, PASSWORD, START, store_at};

const LATER: &str = "a new password";
/// Uses of a secret at the same time, in each of two servers.
const USES: usize = 100;
/// The endpoint that asks for a message, the one that spends it, the password that goes with it, and the secrets.
const KINDS: [(&str, &str, &str, &[&str]); 3] = [
    ("/password/forgot", "/password/reset", "newPassword", &["link", "code"]),
    ("/identifiers/verify", "/identifiers/confirm", "password", &["link", "code"]),
    // Nobody logs in by a link, so the password is one too many.
    ("/login/code", "/login/code/verify", "password", &["code"]),
];

fn options() -> Value {
    let page = |name: &str| format!("https://app.example.com/{name}");
    let links = json!({ "verify": page("verify"), "reset": page("reset"), "login": page("login") });
    json!({ "messages": { "send": "[function]", "links": links }, "verification": {}, "loginCode": true })
}

/// Registers a user with this e-mail address.
async fn register(bench: &Bench, address: &str) {
    let identifiers = json!([{ "type": "email", "value": address }]);
    let answer = bench.post("/register", json!({ "identifiers": identifiers, "password": PASSWORD })).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

/// The message that an answer leaves.
fn message(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.handled.messages.len()), (202, 1), "{}", answer.body);
    answer.handled.messages[0].to_json()
}

/// The body that spends the message about an address by its link or its code, and all of its secrets.
async fn asked(bench: &Bench, path: &str, address: &str, by: &str) -> (Value, [Value; 3]) {
    let answer = bench.post(path, json!({ "identifier": address })).await;
    let message = message(&answer);
    let all = [message["token"].clone(), answer.body["data"]["flow"].clone(), message["code"].clone()];
    let body = if by == "link" { json!({ "token": all[0] }) } else { json!({ "flow": all[1], "code": all[2] }) };
    (body, all)
}

fn with(secret: &Value, name: &str, password: &str) -> Value {
    let mut body = secret.clone();
    body[name] = password.into();
    body
}

/// P64: of any number of uses at the same time one succeeds, by two servers over one database.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p64_secrets_of_messages_are_good_once() {
    for database in [Database::SqliteFile, Database::Postgres, Database::Mysql, Database::Galera] {
        let own = Own::new(database).await;
        let one = Arc::new(Bench::new(&own.option, options()).await);
        let other = Arc::new(Bench::new(&own.option, options()).await);
        for (number, (ask, spend, password, secrets)) in KINDS.into_iter().enumerate() {
            for name in secrets {
                let address = format!("{name}{number}@example.com");
                register(&one, &address).await;
                let body = with(&asked(&one, ask, &address, name).await.0, password, PASSWORD);
                let mut all = JoinSet::new();
                for bench in [&one, &other].into_iter().cycle().take(2 * USES) {
                    let (bench, body) = (Arc::clone(bench), body.clone());
                    all.spawn(async move { bench.post(spend, body).await });
                }
                let answers = all.join_all().await;
                let done = answers.iter().filter(|answer| answer.status == 200).count();
                assert_eq!(done, 1, "{database:?} {spend} by {name}");
            }
        }
        own.drop().await;
    }
}

/// P69: what a request says of hosts and origins is in no message.
#[tokio::test]
async fn p69_links_are_of_the_options_alone() {
    let canary = "canary.example.net";
    let (origin, url) = (format!("https://{canary}"), format!("https://{canary}/app?token=x"));
    let forwarded = format!("for=192.0.2.1;host={canary};proto=https");
    let headers = [
        ("host", canary),
        ("x-forwarded-host", canary),
        ("x-forwarded-server", canary),
        ("x-original-url", &url),
        ("x-host", canary),
        ("forwarded", &forwarded),
        ("origin", &origin),
        ("referer", &url),
    ];
    for trust in [json!({}), json!({ "trustProxy": 1 })] {
        let mut more = options();
        more.as_object_mut().unwrap().extend(trust.as_object().unwrap().clone());
        let bench = Bench::new(&json!("sqlite::memory:"), more).await;
        register(&bench, "rizz@example.com").await;
        for ((ask, ..), link) in KINDS.into_iter().zip(["reset", "verify", "login"]) {
            let body = json!({ "identifier": "rizz@example.com", "redirect": url, "url": url, "returnTo": url });
            let answer = bench.request("POST", &format!("{ask}?redirect={url}"), &headers, Some(body)).await;
            let message = message(&answer);
            assert!(!message.to_string().contains("canary"), "{ask}: {message}");
            let name = if link == "login" { "code" } else { "token" };
            let secret = message[name].as_str().unwrap();
            assert_eq!(message["url"], format!("https://app.example.com/{link}?{name}={secret}"));
        }
    }
}

/// P70: whoever opens each link, as scanners of mail do, spends nothing.
#[tokio::test]
async fn p70_get_consumes_nothing() {
    let bench = Bench::new(&json!("sqlite::memory:"), options()).await;
    for (number, (ask, spend, password, secrets)) in KINDS.into_iter().enumerate() {
        for name in secrets {
            let address = format!("{name}{number}@example.com");
            register(&bench, &address).await;
            let (secret, all) = asked(&bench, ask, &address, name).await;
            let [token, flow, code] = all.map(|secret| secret.as_str().unwrap_or_default().to_owned());
            let query = format!("token={token}&flow={flow}&code={code}&{password}=another+password");
            for route in router::ROUTES {
                let path = route.pattern.replace(":", "");
                for method in ["GET", "HEAD", "OPTIONS"] {
                    let _ = bench.request(method, &format!("{path}?{query}"), &[], None).await;
                    let body = Some(with(&secret, password, "another password"));
                    let _ = bench.request(method, &path, &[], body).await;
                }
            }
            let body = with(&secret, password, if spend == "/password/reset" { LATER } else { PASSWORD });
            let spent = bench.post(spend, body).await;
            assert_eq!(spent.status, 200, "{spend} by {name}: {}", spent.body);
        }
    }
}

/// Flows that are over go as fast as they come, beside the requests of others.
#[tokio::test]
async fn old_flows_are_purged_all_at_once() {
    let own = Own::new(Database::SqliteFile).await;
    let (bench, store) = (Bench::new(&own.option, options()).await, store_at(&own.option));
    for _ in 0..1_100 {
        assert!(store.put_flow(&flow(), 1).await.unwrap());
    }
    bench.clock.advance(3 * 24 * 60 * 60 * 1000);
    bench.post("/login", json!({ "identifier": "nobody", "password": PASSWORD })).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(store.purge_flows(bench.clock.now(), 10).await.unwrap(), 0);
    own.drop().await;
}

/// A flow of nobody's.
fn flow() -> Flow {
    Flow {
        id: make_id(),
        purpose: "reset".to_owned(),
        user_id: None,
        subject: make_id(),
        token_digest: make_id(),
        code: None,
        attempts: 0,
        max_attempts: 5,
        identifier_id: String::new(),
        address_digest: String::new(),
        payload: Secret::new(String::new()),
        created_at: START,
        expires_at: START + 60_000,
    }
}
