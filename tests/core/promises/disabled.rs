//! P71: what a user has open ends with their disabling, in every process and whatever runs at the same time.

use std::sync::Arc;

use sentri_core::clock::Clock as _;
use sentri_core::factor::{base32, totp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Answer, Bench, Database, Login, Own, PASSWORD};

const EMAIL: &str = "anna@example.com";
const LATER: &str = "a new password";
const MAX_AGE: i64 = 5_000;

fn options() -> Value {
    let page = |name: &str| format!("https://app.example.com/{name}");
    json!({
        "administration": true,
        "apiKey": "an-api-key-of-32-characters-or-so",
        "messages": { "send": "[function]", "links": { "reset": page("reset"), "verify": page("verify") } },
        "verification": {},
        "loginCode": true,
        "mfa": { "totp": { "issuer": "Example" } },
        "encryptionKey": "a-key-of-32-bytes-for-the-tests--",
        "accessExpiresIn": "15m",
        "accessCookie": true,
    })
}

async fn register(bench: &Bench, address: &str) -> Login {
    let identifiers = json!([{ "type": "email", "value": address }]);
    let input = json!([{ "identifiers": identifiers, "password": PASSWORD }]);
    let registered = bench.server.call("register", input).await.unwrap();
    assert_eq!(registered["success"], true, "{registered}");
    bench.login(address).await
}

async fn disable(bench: &Bench, user_id: &str) {
    let key = [("x-api-key", "an-api-key-of-32-characters-or-so")];
    let answer = bench.request("POST", &format!("/users/{user_id}/disable"), &key, Some(json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn ask(bench: &Bench, access: &str, method: &str, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {access}");
    bench.request(method, path, &[("authorization", bearer.as_str())], Some(body)).await
}

/// The flow and the message that an answer of 202 leaves.
async fn sent(bench: &Bench, path: &str) -> (Value, Value) {
    let answer = bench.post(path, json!({ "identifier": EMAIL })).await;
    assert_eq!((answer.status, answer.handled.messages.len()), (202, 1), "{path}: {}", answer.body);
    (answer.body["data"]["flow"].clone(), answer.handled.messages[0].to_json())
}

/// Requests that are as good as the user before, each with the code of its refusal afterwards.
struct Open {
    requests: Vec<(&'static str, Value, &'static str)>,
    access: Vec<String>,
    refresh: Vec<String>,
}

async fn open_all(bench: &Bench) -> (String, Open) {
    let first = register(bench, EMAIL).await;
    let second = bench.login(EMAIL).await;
    let app = ask(bench, &second.access, "POST", "/me/factors/totp", json!({})).await;
    let secret = base32::decode(app.body["data"]["secret"].as_str().unwrap()).unwrap();
    let code = totp::code_at(&secret, totp::step_at(bench.clock.now()));
    let id = app.body["data"]["id"].clone();
    let (reset, reset_message) = sent(bench, "/password/forgot").await;
    let (verify, verify_message) = sent(bench, "/identifiers/verify").await;
    let (login, login_message) = sent(bench, "/login/code").await;
    let change = json!({ "identifiers": [{ "type": "email", "value": "other@example.com" }] });
    let changed = ask(bench, &second.access, "PUT", "/me/identifiers", change).await;
    let pending = changed.body["data"]["identifiers"][0]["pending"]["flow"].clone();
    let pending_message = changed.handled.messages[0].to_json();
    let next = bench.refresh(&first.refresh).await.into_login();
    let requests = vec![
        ("/password/reset", json!({ "token": reset_message["token"], "newPassword": LATER }), "CODE_INVALID"),
        (
            "/password/reset",
            json!({ "flow": reset, "code": reset_message["code"], "newPassword": LATER }),
            "CODE_INVALID",
        ),
        ("/identifiers/confirm", json!({ "token": verify_message["token"], "password": PASSWORD }), "CODE_INVALID"),
        (
            "/identifiers/confirm",
            json!({ "flow": verify, "code": verify_message["code"], "newPassword": LATER }),
            "CODE_INVALID",
        ),
        ("/login/code/verify", json!({ "flow": login, "code": login_message["code"] }), "CODE_INVALID"),
        ("/identifiers/confirm", json!({ "flow": pending, "code": pending_message["code"] }), "CODE_INVALID"),
        ("/login", json!({ "identifier": EMAIL, "password": PASSWORD }), "ACCOUNT_DISABLED"),
        ("/me/factors/totp/confirm", json!({ "id": id, "code": code }), "UNAUTHORIZED"),
        ("/me/reauthenticate", json!({ "password": PASSWORD }), "UNAUTHORIZED"),
    ];
    let access = vec![first.access, second.access, next.access];
    (first.user_id, Open { requests, access, refresh: vec![next.refresh, second.refresh, first.refresh] })
}

async fn nothing_is_good(bench: &Bench, open: &Open, kind: Database) {
    for access in &open.access {
        assert!(bench.guard(access).await.result.is_err(), "{kind:?}");
        let refused =
            [("PATCH", "/me/password"), ("POST", "/me/identifiers"), ("GET", "/me/export"), ("DELETE", "/me")];
        for (method, path) in refused {
            let body = json!({ "password": PASSWORD, "currentPassword": PASSWORD, "newPassword": LATER });
            let answer = ask(bench, access, method, path, body).await;
            assert_eq!((answer.status, answer.code()), (401, "UNAUTHORIZED"), "{kind:?} {method} {path}");
        }
    }
    for refresh in &open.refresh {
        assert_eq!(bench.refresh(refresh).await.code(), "UNAUTHORIZED", "{kind:?}");
        let silent = bench.request("GET", "/me", &[("cookie", &format!("refresh_token={refresh}"))], None).await;
        assert_eq!(silent.status, 401, "{kind:?}");
    }
    for (path, body, code) in &open.requests {
        let bearer = format!("Bearer {}", open.access[0]);
        let headers: &[_] = if path.starts_with("/me") { &[("authorization", bearer.as_str())] } else { &[] };
        let answer = bench.request("POST", path, headers, Some(body.clone())).await;
        assert_eq!(answer.code(), *code, "{kind:?} {path}: {}", answer.body);
    }
}

/// A server that still takes the session for good changes no account, and exports none.
async fn nothing_changes(bench: &Bench, access: &str, kind: Database) {
    assert!(bench.guard(access).await.result.is_ok(), "{kind:?} has read the session of late");
    let identifiers = "/me/identifiers";
    for (method, path) in [("POST", identifiers), ("PUT", identifiers), ("DELETE", identifiers), ("GET", "/me/export")]
    {
        let body = json!({ "identifiers": [{ "type": "email", "value": "thief@example.com" }], "ids": [] });
        let answer = ask(bench, access, method, path, body).await;
        assert_eq!((answer.status, answer.code()), (401, "UNAUTHORIZED"), "{kind:?} {method} {path}");
    }
}

/// P71: by two servers over one database. The one that disables knows at once; the other knows of sessions that it has
/// looked at within `sessionCheck.maxAge`, and of everything else at once too. A change looks at the session itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p71_disabling_ends_all_that_is_open() {
    for kind in [Database::SqliteFile, Database::Postgres, Database::Mysql, Database::Galera] {
        let own = Own::new(kind).await;
        let here = Bench::new(&own.option, options()).await;
        let there = Bench::new(&own.option, options()).await;
        let (user_id, open) = open_all(&here).await;
        for access in &open.access {
            assert!(here.guard(access).await.result.is_ok() && there.guard(access).await.result.is_ok());
        }
        disable(&here, &user_id).await;
        nothing_is_good(&here, &open, kind).await;
        for refresh in &open.refresh {
            assert_eq!(there.refresh(refresh).await.code(), "UNAUTHORIZED", "{kind:?} elsewhere");
        }
        for access in &open.access {
            nothing_changes(&there, access, kind).await;
        }
        there.clock.advance(MAX_AGE + 1);
        nothing_is_good(&there, &open, kind).await;
        // Nothing that has ended comes back, and the password, the address and the factors are as they were.
        let user = here.server.call("enableUser", json!([user_id])).await.unwrap();
        assert_eq!(user["identifiers"][0]["value"], EMAIL);
        for access in &open.access {
            assert!(here.guard(access).await.result.is_err() && there.guard(access).await.result.is_err());
        }
        for (path, body, code) in open.requests.iter().filter(|(.., code)| *code == "CODE_INVALID") {
            assert_eq!(there.post(path, body.clone()).await.code(), *code, "{kind:?} {path}");
        }
        assert!(there.guard(&there.login(EMAIL).await.access).await.result.is_ok());
        own.drop().await;
    }
}

/// P71: of logins, refreshes and sessions by code that run beside it, in two servers, none leaves anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p71_no_login_beside_a_disabling_leaves_a_session() {
    for kind in [Database::SqliteFile, Database::Postgres, Database::Mysql, Database::Galera] {
        let own = Own::new(kind).await;
        let here = Arc::new(Bench::new(&own.option, options()).await);
        let there = Arc::new(Bench::new(&own.option, options()).await);
        for round in 0..3 {
            let address = format!("user{round}@example.com");
            let login = register(&here, &address).await;
            let mut all = JoinSet::new();
            for number in 0..24 {
                let bench = Arc::clone(if number % 2 == 0 { &here } else { &there });
                let (login, address) = (login.clone(), address.clone());
                all.spawn(async move {
                    match number % 6 {
                        5 if number > 6 => drop(bench.refresh(&login.refresh).await),
                        4 => drop(bench.server.call("createSession", json!([login.user_id])).await),
                        3 if number == 9 => disable(&bench, &login.user_id).await,
                        _ => drop(bench.login_with(&address, PASSWORD).await),
                    }
                });
            }
            all.join_all().await;
            let left = here.server.call("listSessions", json!([login.user_id])).await.unwrap();
            assert_eq!(left, json!([]), "{kind:?} round {round}");
            assert_eq!(there.login_with(&address, PASSWORD).await.code(), "ACCOUNT_DISABLED");
        }
        own.drop().await;
    }
}
