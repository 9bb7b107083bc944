//! Promises about sessions, refresh, registration, hooks and abuse, each through the server as a host sees it.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "promises/conflicts.rs"]
mod conflicts;
#[path = "promises/devices.rs"]
mod devices;
#[path = "promises/disabled.rs"]
mod disabled;
#[path = "promises/disk.rs"]
mod disk;
#[path = "promises/doors.rs"]
mod doors;
#[path = "promises/erasure.rs"]
mod erasure;
#[path = "promises/factors.rs"]
mod factors;
#[path = "promises/failover.rs"]
mod failover;
#[path = "promises/faults.rs"]
mod faults;
#[path = "promises/flows.rs"]
mod flows;
#[path = "promises/galera.rs"]
mod galera;
#[path = "promises/grace.rs"]
mod grace;
#[path = "promises/health.rs"]
mod health;
#[path = "promises/hostile.rs"]
mod hostile;
#[path = "promises/lines.rs"]
mod lines;
#[path = "support/losing.rs"]
mod losing;
#[path = "promises/machine.rs"]
mod machine;
#[path = "promises/messages.rs"]
mod messages;
#[path = "promises/metrics.rs"]
mod metrics;
#[path = "promises/model.rs"]
mod model;
#[path = "support/pair.rs"]
mod pair;
#[path = "promises/pending.rs"]
mod pending;
#[path = "promises/pooler.rs"]
mod pooler;
#[path = "promises/processes.rs"]
mod processes;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "promises/rollout.rs"]
mod rollout;
#[path = "promises/secrets.rs"]
mod secrets;
#[path = "support/servers.rs"]
mod servers;
#[path = "promises/sizes.rs"]
mod sizes;
#[path = "promises/starting.rs"]
mod starting;
mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sentri_core::clock::TestClock;
use sentri_core::config::Config;
use sentri_core::failure::Failure;
use sentri_core::hook::{Operation, Overrides, RevocationCheck};
use sentri_core::store::{Store, open};
use sentri_core::{AuthServer, Error, ErrorCode, Host};
use serde_json::{Value, json};
use support::{Bench, Database, Own, PASSWORD, START, bearer, rounds};

/// Runs a test on every database, by the core's own drivers and through Kysely.
macro_rules! on_every_database {
    ($($name:ident: $body:path;)*) => {$(
        mod $name {
            use super::*;
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn memory() { run(Database::Memory).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() { run(Database::SqliteFile).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() { run(Database::Postgres).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn mysql() { run(Database::Mysql).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn kysely_with_pg() { run(Database::Kysely("pg")).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn kysely_with_mysql2() { run(Database::Kysely("mysql2")).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn kysely_with_better_sqlite3() { run(Database::Kysely("better-sqlite3")).await }
            async fn run(kind: Database) {
                let own = Own::new(kind).await;
                $body(&own.option).await;
                own.drop().await;
            }
        }
    )*};
}

on_every_database! {
    p21_sessions_end_at_once: sessions_end_at_once;
    p22_soak_password_change_races: password_change_races;
    p23_soak_parallel_refresh: parallel_refresh;
    p24_generations: generations;
    p25_limits: limits;
    p26_no_token_in_the_database: no_token_in_the_database;
    p27_role_changes: role_changes;
    p38_own_identifiers_only: own_identifiers_only;
    p67_codes_of_factors_are_good_once: factors::codes_are_good_once;
    p77_a_deletion_is_whole_beside_others: erasure::a_deletion_is_whole_beside_others;
    p64_secrets_of_pending_writes_are_good_once: pending::secrets_are_good_once;
    an_address_that_is_free_can_be_proved: pending::an_address_that_is_free_can_be_proved;
    b12_surplus_sessions_end_together: surplus_sessions_end_together;
    b12_logins_beyond_the_most_race: logins_beyond_the_most_race;
}

/// Not in memory, where a second server has tables of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn secrets_of_factors_are_sealed() {
    for kind in [Database::SqliteFile, Database::Postgres, Database::Mysql] {
        let own = Own::new(kind).await;
        factors::secrets_are_sealed(&own.option).await;
        own.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p66_one_door() {
    for kind in [Database::SqliteFile, Database::Postgres, Database::Mysql, Database::Kysely("pg")] {
        let own = Own::new(kind).await;
        doors::one_door(&own.option).await;
        own.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p66_roles_wait_once_the_option_is_on() {
    let own = Own::new(Database::SqliteFile).await;
    doors::roles_wait_once_the_option_is_on(&own.option).await;
    own.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_factor_counts_in_other_processes_at_once() {
    let own = Own::new(Database::SqliteFile).await;
    factors::a_factor_counts_in_other_processes_at_once(&own.option).await;
    own.drop().await;
}

async fn fresh(db: &Value, more: Value) -> Bench {
    let bench = Bench::new(db, more).await;
    assert_eq!(bench.register("rizz").await.status, 201);
    bench
}

/// P21: what ends a session ends it at once in the process that did it.
async fn sessions_end_at_once(db: &Value) {
    let bench = fresh(db, json!({})).await;
    let acts: [(&str, &str, Option<Value>); 4] = [
        ("POST", "/logout", None),
        ("POST", "/logout-all", None),
        ("PATCH", "/me/password", Some(json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD }))),
        ("DELETE", "/me/sessions/:current", None),
    ];
    let mut ids = HashSet::new();
    for (method, path, body) in acts {
        let login = bench.login("rizz").await;
        assert!(bench.guard(&login.access).await.result.is_ok(), "good before {path}");
        let sessions =
            bench.request("GET", "/me/sessions", &[("authorization", &format!("Bearer {}", login.access))], None).await;
        let list = sessions.body["data"]["sessions"].as_array().unwrap().clone();
        let current =
            list.iter().find(|session| session["current"] == true).unwrap()["id"].as_str().unwrap().to_owned();
        assert!(ids.insert(current.clone()), "every login makes a session of its own");
        let path = path.replace(":current", &current);
        let answer =
            bench.request(method, &path, &[("authorization", &format!("Bearer {}", login.access))], body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let guarded = bench.guard(&login.access).await;
        assert!(guarded.result.unwrap_err().is(ErrorCode::Unauthorized), "refused after {path}");
        assert_eq!(bench.refresh(&login.refresh).await.status, 401, "no refresh after {path}");
    }
    let login = bench.login("rizz").await;
    let deleted = bench.server.call("deleteUser", json!([login.user_id])).await.unwrap();
    assert_eq!(deleted, json!(true));
    assert!(bench.guard(&login.access).await.result.is_err(), "a deleted user's token is refused");
}

/// B12: up to a tenth beyond `maxSessions` live on, then the oldest end in one step, at once and for good.
async fn surplus_sessions_end_together(db: &Value) {
    let bench = fresh(db, json!({ "maxSessions": 10 })).await;
    let mut logins = Vec::new();
    for _ in 0..11 {
        bench.clock.advance(1_000);
        logins.push(bench.login("rizz").await);
    }
    assert!(bench.guard(&logins[0].access).await.result.is_ok(), "eleven are within the tenth");
    bench.clock.advance(1_000);
    let answer = bench.login_with("rizz", PASSWORD).await;
    let ended: Vec<_> = answer.events.iter().filter(|event| event["event"] == "auth.session.revoked").collect();
    assert_eq!(ended.len(), 2, "from twelve to ten");
    logins.push(answer.into_login());
    for (age, login) in logins.iter().enumerate() {
        assert_eq!(bench.guard(&login.access).await.result.is_ok(), age >= 2, "session {age}");
        assert_eq!(bench.refresh(&login.refresh).await.status == 200, age >= 2, "session {age}");
    }
}

/// B12: logins at once of a user who has all the sessions there may be wait for none of each other.
async fn logins_beyond_the_most_race(db: &Value) {
    let bench = Arc::new(fresh(db, json!({ "maxSessions": 10, "logger": "[absent]" })).await);
    let id = bench.login("rizz").await.user_id;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (bench, id) = (Arc::clone(&bench), id.clone());
            tokio::spawn(async move {
                for _ in 0..10 {
                    bench.server.call("createSession", json!([id])).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    bench.server.call("createSession", json!([id])).await.unwrap();
    let left = bench.server.call("listSessions", json!([id])).await.unwrap().as_array().unwrap().len();
    assert!(left <= 11, "{left} sessions are left");
}

/// P22: whatever the order, no session from before a password change is alive after it. 200 times on each database, a
/// thousand by `make soak`.
async fn password_change_races(db: &Value) {
    let bench = Arc::new(fresh(db, json!({ "sessionCheck": { "maxAge": 0 } })).await);
    let mut current = PASSWORD.to_owned();
    for round in 0..rounds(200, 1_000) {
        let login = bench.login_with("rizz", &current).await.into_login();
        let next = format!("password number {round}");
        let (a, b, c) = (Arc::clone(&bench), Arc::clone(&bench), Arc::clone(&bench));
        let (old, new, token) = (current.clone(), next.clone(), login.clone());
        let change = tokio::spawn(async move {
            let body = json!({ "currentPassword": old, "newPassword": new });
            a.request("PATCH", "/me/password", &[("authorization", &format!("Bearer {}", token.access))], Some(body))
                .await
        });
        let refresh_token = login.refresh.clone();
        let refresh = tokio::spawn(async move { b.refresh(&refresh_token).await });
        let old = current.clone();
        let relogin = tokio::spawn(async move { c.login_with("rizz", &old).await });
        let (change, refresh, relogin) = (change.await.unwrap(), refresh.await.unwrap(), relogin.await.unwrap());
        assert_eq!(change.status, 200, "{}", change.body);
        for answer in [refresh, relogin].into_iter().filter(|answer| answer.status == 200) {
            let racer = answer.into_login();
            assert!(bench.guard(&racer.access).await.result.is_err(), "round {round}: a session outlived the change");
            assert_eq!(bench.refresh(&racer.refresh).await.status, 401, "round {round}: and could be refreshed");
        }
        assert_eq!(bench.refresh(&login.refresh).await.status, 401);
        current = next;
    }
}

/// P23: fifty refreshes of one token at once are fifty answers and one step.
async fn parallel_refresh(db: &Value) {
    let bench = Arc::new(fresh(db, json!({})).await);
    for round in 0..rounds(50, 200) {
        let login = bench.login("rizz").await;
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (bench, token) = (Arc::clone(&bench), login.refresh.clone());
                tokio::spawn(async move { bench.refresh(&token).await })
            })
            .collect();
        let mut tokens = HashSet::new();
        for task in tasks {
            let answer = task.await.unwrap();
            assert_eq!(answer.status, 200, "round {round}: {}", answer.body);
            assert!(!answer.clears_cookie());
            tokens.insert(answer.cookie("refresh_token").unwrap());
        }
        assert_eq!(tokens.len(), 1, "round {round}: one step, so one successor (the clock stands still)");
        let next = bench.refresh(tokens.iter().next().unwrap()).await;
        assert_eq!(next.status, 200, "the successor is good");
    }
}

/// P24: the previous generation is good for the grace period or until its successor was used; older ones end it all.
async fn generations(db: &Value) {
    let bench = fresh(db, json!({ "refreshGrace": "10s" })).await;
    // An answer was lost: however late, the previous token gets the current one again.
    let first = bench.login("rizz").await.refresh;
    let second = bench.refresh(&first).await.cookie("refresh_token").unwrap();
    bench.clock.advance(3_600_000);
    let again = bench.refresh(&first).await;
    assert_eq!(again.status, 200, "the successor was never used: {}", again.body);
    // The successor is used: within the grace the previous one still works ...
    let third = bench.refresh(&second).await.cookie("refresh_token").unwrap();
    assert_eq!(bench.refresh(&second).await.status, 200, "within the grace");
    // ... and a silent use of the current one counts as use, after which and after the grace it is reuse.
    bench.clock.advance(11_000);
    let silent = sentri_core::http::guard::GuardRequest {
        method: "GET".into(),
        cookie: Some(format!("refresh_token={third}")),
        ..Default::default()
    };
    assert!(bench.server.guard(&silent).await.result.is_ok());
    let reuse = bench.refresh(&second).await;
    assert_eq!((reuse.status, reuse.code()), (401, "UNAUTHORIZED"));
    assert!(reuse.has_event("auth.refresh.reuse_detected"), "{:?}", reuse.events);
    assert!(reuse.clears_cookie());
    assert_eq!(bench.refresh(&third).await.status, 401, "the whole session is over");
    // Two generations back is reuse whatever the time.
    let first = bench.login("rizz").await.refresh;
    let second = bench.refresh(&first).await.cookie("refresh_token").unwrap();
    let third = bench.refresh(&second).await.cookie("refresh_token").unwrap();
    assert!(bench.refresh(&first).await.has_event("auth.refresh.reuse_detected"));
    assert_eq!(bench.refresh(&third).await.status, 401);
}

/// P25: an idle limit that rotation moves, an absolute one that nothing moves.
async fn limits(db: &Value) {
    let options = json!({ "refreshExpiresIn": "1d", "sessionMaxAge": "3d", "accessExpiresIn": "15m" });
    let bench = fresh(db, options).await;
    const DAY: i64 = 86_400_000;
    let idle = bench.login("rizz").await;
    bench.clock.advance(DAY - 1_000);
    assert_eq!(bench.refresh(&idle.refresh).await.status, 200, "a second before the idle limit");
    let idle = bench.login("rizz").await;
    bench.clock.advance(DAY);
    let late = bench.refresh(&idle.refresh).await;
    assert_eq!((late.status, late.code()), (401, "TOKEN_EXPIRED"), "at the idle limit");
    let mut token = bench.login("rizz").await.refresh;
    for hours in 1..=71 {
        bench.clock.advance(3_600_000);
        let answer = bench.refresh(&token).await;
        assert_eq!(answer.status, 200, "hour {hours}: {}", answer.body);
        token = answer.cookie("refresh_token").unwrap();
    }
    bench.clock.advance(3_600_000);
    assert_eq!(bench.refresh(&token).await.status, 401, "no rotation extends the absolute limit");
}

/// P26: neither the bytes of the database nor its rows hold anything that a token can be made from.
async fn no_token_in_the_database(db: &Value) {
    let bench =
        fresh(db, json!({ "secret": "[absent]", "algorithm": "EdDSA", "keys": { "encryptionKey": "k".repeat(32) } }))
            .await;
    let login = bench.login("rizz").await;
    let next = bench.refresh(&login.refresh).await;
    let tokens = [login.access, login.refresh, next.cookie("refresh_token").unwrap()];
    let mut dump = sessions_of(&bench, &login.user_id).await.to_string().into_bytes();
    if let Some(path) = db["filename"].as_str() {
        for suffix in ["", "-wal"] {
            dump.extend(std::fs::read(format!("{path}{suffix}")).unwrap_or_default());
        }
        assert!(dump.len() > 10_000, "the file was read");
    }
    if let Some(url) = db["connectionString"].as_str() {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let task = tokio::spawn(connection);
        for table in ["users", "sessions", "identifiers", "keys", "migrations"] {
            let rows = client.query(&format!("SELECT t::text FROM sentri_{table} t"), &[]).await.unwrap();
            assert!(!rows.is_empty(), "{table}");
            rows.iter().for_each(|row| dump.extend(row.get::<_, String>(0).into_bytes()));
        }
        task.abort();
    }
    let holds = |part: &str| dump.windows(part.len()).any(|window| window == part.as_bytes());
    for token in &tokens {
        for part in token.split('.') {
            assert!(!holds(part), "a part of a token stands in the database");
        }
    }
    assert!(!holds("BEGIN PRIVATE KEY") && !holds(PASSWORD), "private keys are wrapped, passwords hashed");
}

async fn sessions_of(bench: &Bench, user_id: &str) -> Value {
    bench.server.call("listSessions", json!([user_id])).await.unwrap()
}

/// P27: a role change holds at the very next check of this process.
async fn role_changes(db: &Value) {
    let bench = fresh(db, json!({})).await;
    let login = bench.login("rizz").await;
    assert!(bench.guard(&login.access).await.result.unwrap().roles.is_empty());
    bench.server.call("assignRoles", json!([login.user_id, ["editor", "editor"]])).await.unwrap();
    assert_eq!(bench.guard(&login.access).await.result.unwrap().roles, ["editor"]);
    // Another process over the same database sees it when its last read is older than sessionCheck.maxAge.
    bench.server.call("assignRoles", json!([login.user_id, []])).await.unwrap();
    assert!(bench.guard(&login.access).await.result.unwrap().roles.is_empty());
}

/// P38: nobody touches another user's identifiers, and a refused bulk call changes nothing.
async fn own_identifiers_only(db: &Value) {
    let bench = fresh(db, json!({})).await;
    assert_eq!(bench.register("other").await.status, 201);
    let (mine, other) = (bench.login("rizz").await, bench.login("other").await);
    let auth = format!("Bearer {}", mine.access);
    let headers = [("authorization", auth.as_str())];
    let of = |answer: support::Answer| answer.body["data"]["identifiers"].clone();
    let theirs = of(bench.me(&other.access).await)[0]["id"].clone();
    let own = of(bench.me(&mine.access).await)[0]["id"].clone();
    let put = json!({ "identifiers": [{ "id": own, "value": "renamed" }, { "id": theirs, "value": "stolen" }] });
    let answer = bench.request("PUT", "/me/identifiers", &headers, Some(put)).await;
    assert_eq!((answer.status, answer.code()), (404, "IDENTIFIER_NOT_FOUND"));
    let answer = bench.request("DELETE", "/me/identifiers", &headers, Some(json!({ "ids": [theirs] }))).await;
    assert_eq!((answer.status, answer.code()), (404, "IDENTIFIER_NOT_FOUND"));
    let two =
        json!({ "identifiers": [{ "type": "username", "value": "fine" }, { "type": "username", "value": "OTHER" }] });
    let answer = bench.request("POST", "/me/identifiers", &headers, Some(two)).await;
    assert_eq!((answer.status, answer.code()), (409, "IDENTIFIER_ALREADY_EXISTS"));
    let answer = bench.request("DELETE", "/me/identifiers", &headers, Some(json!({ "ids": [own] }))).await;
    assert_eq!((answer.status, answer.code()), (400, "VALIDATION_ERROR"), "the last one stays");
    let now = of(bench.me(&mine.access).await);
    assert_eq!(now.as_array().unwrap().len(), 1);
    assert_eq!(now[0]["value"], "rizz");
}

/// P6: header members that name a key or a place cause no look-up: not with the database closed, not over the network.
#[tokio::test]
async fn p6_headers_cause_no_look_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let place = format!("http://127.0.0.1:{}/keys", listener.local_addr().unwrap().port());
    let bench = fresh(&json!("sqlite::memory:"), json!({ "secret": "[absent]", "algorithm": "ES256" })).await;
    let login = bench.login("rizz").await;
    let payload = login.access.split('.').nth(1).unwrap();
    let signature = login.access.split('.').nth(2).unwrap();
    bench.server.close().await;
    for (name, value) in [
        ("kid", json!("../../../../etc/passwd")),
        ("kid", json!("x' UNION SELECT 'key' --")),
        ("kid", json!(place)),
        ("jku", json!(place)),
        ("x5u", json!(place)),
        ("x5c", json!(["MIIB"])),
        ("jwk", json!({ "kty": "oct", "k": "AAAA" })),
    ] {
        let mut header = json!({ "alg": "ES256", "typ": "JWT" });
        header[name] = value;
        let header = sentri_core::crypto::to_base64url(header.to_string().as_bytes());
        let guarded = bench.server.guard(&bearer(&format!("{header}.{payload}.{signature}"))).await;
        assert!(guarded.result.unwrap_err().is(ErrorCode::TokenInvalid), "{name}: judged without the database");
    }
    let good = bench.server.guard(&bearer(&login.access)).await;
    assert!(
        good.result.unwrap_err().is(ErrorCode::ServiceUnavailable),
        "which was closed, and is asked for good tokens"
    );
    assert!(listener.accept().is_err(), "nobody called");
}

/// P13: no trick of JSON and no empty key makes an admin out of a stranger.
#[tokio::test]
async fn p13_no_admin_by_registration() {
    let bench = Bench::new(&json!("sqlite::memory:"), json!({ "apiKey": ["a long key one", "a long key two"] })).await;
    let open = Bench::new(&json!("sqlite::memory:"), json!({})).await;
    let body = |roles: Value| {
        json!({
            "identifiers": [{ "type": "username", "value": sentri_core::crypto::make_id() }],
            "password": PASSWORD, "roles": roles,
        })
    };
    for roles in [json!(["admin"]), json!(["user", "admin"]), json!(["admin", "admin"])] {
        let answer = open.post("/register", body(roles.clone())).await;
        assert_eq!((answer.status, answer.code()), (403, "FORBIDDEN"), "{roles}");
        for key in ["", " ", "key", "a long key one ", "A LONG KEY ONE"] {
            let answer = bench.request("POST", "/register", &[("X-Api-Key", key)], Some(body(roles.clone()))).await;
            assert_eq!((answer.status, answer.code()), (401, "UNAUTHORIZED"), "{key:?}");
            let answer = open.request("POST", "/register", &[("X-Api-Key", key)], Some(body(roles.clone()))).await;
            assert_eq!(answer.status, 403, "no key is configured, so none opens anything: {key:?}");
        }
        let answer = bench.request("POST", "/register", &[("X-Api-Key", "a long key two")], Some(body(roles))).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    for roles in [json!(["ADMIN"]), json!(["admin "]), json!(["ad\u{200b}min"]), json!(["constructor"]), json!([""])] {
        assert_eq!(open.post("/register", body(roles.clone())).await.code(), "INVALID_ROLE", "{roles}");
    }
    let mut request =
        sentri_core::http::Request { method: "POST".into(), path: "/register".into(), ..Default::default() };
    for text in [
        r#"{"identifiers":[{"type":"username","value":"x1"}],"password":"long enough","roles":[],"roles":["admin"]}"#,
        r#"{"identifiers":[{"type":"username","value":"x2"}],"password":"long enough","__proto__":{"roles":["admin"]}}"#,
    ] {
        request.body = sentri_core::http::Body::Raw(text.as_bytes().to_vec());
        let answer = support::Answer::from(open.server.handle(request.clone()).await);
        assert!(answer.status == 400 || answer.body["data"]["user"]["roles"] == json!([]), "{}", answer.body);
    }
    let in_code = open.server.call("register", json!([body(json!(["admin"]))])).await.unwrap();
    assert_eq!(in_code["success"], true, "{in_code}");
}

/// P14, P15: unknown user, wrong password and user without a password cost one verification each and look alike.
#[tokio::test]
async fn p15_every_failing_login_costs_one_verification() {
    let bench = fresh(&json!("sqlite::memory:"), json!({})).await;
    let mut answers = Vec::new();
    for (name, password) in [("rizz", "wrong password"), ("nobody", "wrong password"), ("nobody@example.com", PASSWORD)]
    {
        let before = bench.server.password_verifications();
        let answer = bench.login_with(name, password).await;
        assert_eq!(bench.server.password_verifications() - before, 1, "{name}");
        answers.push((answer.status, answer.body.to_string(), answer.headers));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(answers[0].0, 401);
}

/// P31, P33: a limit of five is five verifications, and keeps nobody out who is in.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p33_lockout_leaves_sessions_alone() {
    let bench = Arc::new(fresh(&json!("sqlite::memory:"), json!({ "rateLimit": { "maxLoginAttempts": 5 } })).await);
    let login = bench.login("rizz").await;
    let before = bench.server.password_verifications();
    let tasks: Vec<_> = (0..200)
        .map(|i| {
            let bench = Arc::clone(&bench);
            let spelling = ["rizz", "RIZZ", " rizz ", "Rizz"][i % 4];
            tokio::spawn(async move { bench.login_with(spelling, "wrong password").await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 195);
    assert_eq!(bench.server.password_verifications() - before, 5);
    let locked = bench.login_with("rizz", PASSWORD).await;
    assert_eq!(locked.status, 429, "the right password too");
    assert!(locked.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert!(locked.header("ratelimit").is_some() && locked.header("ratelimit-policy").is_some());
    assert!(bench.guard(&login.access).await.result.is_ok());
    assert_eq!(bench.refresh(&login.refresh).await.status, 200);
    bench.clock.advance(901_000);
    assert_eq!(bench.login_with("rizz", PASSWORD).await.status, 200, "after the window");
}

/// Parallel logins that are right are all let in, limit or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_good_logins_are_not_limited() {
    let bench = Arc::new(fresh(&json!("sqlite::memory:"), json!({ "rateLimit": { "maxLoginAttempts": 2 } })).await);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.login_with("rizz", PASSWORD).await.status })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
}

/// P17: hashes made by other implementations log in, and are strengthened on the way.
#[tokio::test]
async fn p17_old_hashes_log_in() {
    let bench = fresh(&json!("sqlite::memory:"), json!({ "password": { "algorithm": "argon2id" } })).await;
    let hash = bench.server.call("hashPassword", json!(["a new password"])).await.unwrap();
    assert!(hash.as_str().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    // `$2a$` and `$2b$` differ in nothing for us. The hash is the one of the bcrypt paper's test suite.
    for version in ["2a", "2b", "2y"] {
        let hash = format!("${version}$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i");
        let verdict = bench.server.call("verifyPassword", json!(["abc", hash])).await.unwrap();
        let wrong = bench.server.call("verifyPassword", json!(["abd", hash])).await.unwrap();
        assert_eq!((verdict, wrong), (json!(true), json!(false)), "{version}");
    }
    for hostile in [
        "$2b$31$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
        "$argon2id$v=19$m=4194304,t=100,p=1$c29tZXNhbHQxMjM0NTY$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$",
        "",
        "plain",
        "$2b$12$short",
    ] {
        let verdict =
            bench.server.call("verifyPassword", json!(["x", if hostile.is_empty() { "-" } else { hostile }])).await;
        assert_eq!(verdict.unwrap(), json!(false), "{hostile}");
    }
}

/// P12, P11: keys rotate under load without one refused token, and what was signed before still verifies.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p12_keys_rotate_with_overlap() {
    let options = json!({ "secret": "[absent]", "algorithm": "ES256", "accessExpiresIn": "15m" });
    let bench = fresh(&json!("sqlite::memory:"), options).await;
    let before = bench.login("rizz").await;
    let kids = |bench: &Bench| -> Vec<String> {
        let set = bench.server.jwks();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let first = kids(&bench);
    let rotated = bench.server.call("rotateKeys", json!([])).await.unwrap();
    assert_eq!(kids(&bench).len(), 2, "published before it signs");
    let kid_of = |token: &str| sentri_core::token::KeyRing::kid_of(token).unwrap();
    assert_eq!(kid_of(&bench.login("rizz").await.access), first[0], "the old one signs until verifiers have the new");
    bench.clock.advance(36_000);
    let after = bench.login("rizz").await;
    assert_eq!(kid_of(&after.access), rotated["kid"].as_str().unwrap());
    for login in [&before, &after] {
        assert!(bench.guard(&login.access).await.result.is_ok());
    }
    assert_eq!(bench.refresh(&before.refresh).await.status, 200, "refresh tokens outlive the key that signed them");
    bench.clock.advance(17 * 60_000);
    assert_eq!(kids(&bench), [rotated["kid"].as_str().unwrap()], "gone when its last token is");
}

/// P12: a key that an operator takes out of the database vouches for nothing more, in no cache either.
#[tokio::test]
async fn p12_what_a_removed_key_vouched_for_is_forgotten() {
    let store: Arc<dyn Store> = open(&json!("sqlite::memory:")).unwrap();
    let clock = Arc::new(TestClock::at(START));
    let options = json!({ "mode": "server", "db": "sqlite::memory:", "validRoles": ["user"], "algorithm": "ES256" });
    let host = Host { clock: Arc::<TestClock>::clone(&clock), ..Host::default() };
    let server = AuthServer::with_store(Config::from_options(&options).unwrap(), host, Arc::clone(&store)).unwrap();
    server.migrate().await.unwrap();
    let token = server.sign_access_token(&json!({ "id": "u-1", "roles": [] })).unwrap();
    server.call("rotateKeys", json!([])).await.unwrap();
    clock.advance(36_000);
    server.reload_keys();
    let epoch = server.epoch();
    assert!(server.verify_access_token(&token).is_ok(), "retired, and still good");
    assert_eq!(store.delete_keys(i64::MAX).await.unwrap(), 1);
    clock.advance(16_000);
    while server.verify_access_token(&token).is_ok() {
        server.reload_keys();
        tokio::task::yield_now().await;
    }
    // The keys are swapped before the epoch moves.
    while server.epoch() == epoch {
        tokio::task::yield_now().await;
    }
}

struct Check(AtomicUsize);

#[async_trait]
impl RevocationCheck for Check {
    async fn is_revoked(&self, _session_id: &str) -> Result<bool, Failure> {
        match self.0.load(Ordering::SeqCst) {
            0 => Ok(false),
            1 => Ok(true),
            2 => Err(ErrorCode::InternalError.into()),
            _ => std::future::pending().await,
        }
    }
}

/// P49: a revocation check that says yes, throws or hangs refuses; no cookie is lost for an outage of it.
#[tokio::test]
async fn p49_the_host_s_revocation_fails_closed() {
    let check = Arc::new(Check(AtomicUsize::new(0)));
    let host = Host { revocation: Some(Arc::<Check>::clone(&check)), ..Host::default() };
    let bench = Bench::with_host(&json!("sqlite::memory:"), json!({ "isTokenRevoked": "[function]" }), host).await;
    assert_eq!(bench.register("rizz").await.status, 201);
    let login = bench.login("rizz").await;
    assert!(bench.server.guard_now(&bearer(&login.access)).is_none(), "never from memory");
    assert!(bench.guard(&login.access).await.result.is_ok());
    for mode in [1, 2, 3] {
        check.0.store(mode, Ordering::SeqCst);
        let guarded = bench.guard(&login.access).await;
        assert!(guarded.result.unwrap_err().is(ErrorCode::Unauthorized), "mode {mode}");
        let refreshed = bench.refresh(&login.refresh).await;
        assert_eq!(refreshed.status, 401);
        assert_eq!(refreshed.clears_cookie(), mode == 1, "an outage of the check is not the end of the session");
    }
    check.0.store(0, Ordering::SeqCst);
    assert!(bench.guard(&login.access).await.result.is_ok(), "and all is well again");
}

struct Override(std::sync::Mutex<Vec<Value>>, Value);

#[async_trait]
impl Overrides for Override {
    fn has(&self, operation: Operation) -> bool {
        operation == Operation::Login
    }

    async fn call(&self, _operation: Operation, input: Value, context: Value) -> Result<Value, Failure> {
        self.0.lock().unwrap().push(json!([input, context]));
        if self.1.is_null() { Err(Error::new(ErrorCode::Forbidden, "not today").into()) } else { Ok(self.1.clone()) }
    }
}

/// Overrides get input and context, their refusals pass as they are, and a result of the wrong shape is no token.
#[tokio::test]
async fn overrides_stand_in_for_built_ins() {
    for (result, status, code) in [
        (Value::Null, 403, "FORBIDDEN"),
        (json!({ "accessToken": 1 }), 500, "CONFIGURATION_ERROR"),
        (json!({ "accessToken": "a", "refreshToken": "b", "user": { "id": "1", "roles": [] } }), 200, ""),
    ] {
        let overrides = Arc::new(Override(std::sync::Mutex::default(), result));
        let host = Host { overrides: Some(Arc::<Override>::clone(&overrides)), ..Host::default() };
        let options = json!({ "router": { "login": "[function]" } });
        let bench = Bench::with_host(&json!("sqlite::memory:"), options, host).await;
        let answer = bench.login_with("rizz", PASSWORD).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.body);
        let calls = overrides.0.lock().unwrap().clone();
        assert_eq!(calls[0][0]["identifier"], "rizz");
        assert_eq!(calls[0][1]["ip"], "203.0.113.7");
    }
}

#[test]
fn the_clock_of_these_tests_is_plausible() {
    assert_eq!(sentri_core::clock::to_iso(START), "2026-01-01T00:00:00.000Z");
}
