//! A revocation in one server is known in the others at once, though they look at rows once an hour.

use std::time::{Duration, Instant};

use sentri_core::crypto::make_random;
use serde_json::json;

use crate::proxy::Line;
use crate::support::{Bench, Database, Login, Own, PASSWORD};
use crate::{dump, proxied, redis_url};

pub async fn server(own: &Own, url: &str) -> Bench {
    let options = json!({ "redisUrl": url, "sessionCheck": { "maxAge": "1h" }, "rateLimit": {} });
    let mut server = Bench::new(&own.option, options).await;
    // Its own buckets in a Redis that other tests and runs use too.
    let [a, b, c] = make_random();
    server.address = format!("10.{a}.{b}.{c}");
    server
}

/// A session that both servers have seen and take from memory.
pub async fn known_to(servers: [&Bench; 2], name: &str) -> Login {
    let login = servers[0].login(name).await;
    for server in servers {
        assert!(server.guard(&login.access).await.result.is_ok());
    }
    login
}

/// Waits until `server` refuses the token; how long it took.
pub async fn refused_after(server: &Bench, token: &str) -> Duration {
    let started = Instant::now();
    while server.guard(token).await.result.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(5), "still accepted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    started.elapsed()
}

/// Servers subscribe when they are ready; a word said before that is not heard.
pub async fn subscribed() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// B12: what a login beyond `maxSessions` ends is over in every process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_oldest_session_is_known_in_the_other() {
    let own = Own::new(Database::SqliteFile).await;
    let options =
        json!({ "redisUrl": redis_url(), "sessionCheck": { "maxAge": "1h" }, "rateLimit": false, "maxSessions": 1 });
    let here = Bench::new(&own.option, options.clone()).await;
    let there = Bench::new(&own.option, options).await;
    subscribed().await;
    here.register("rizz").await;
    let oldest = known_to([&here, &there], "rizz").await;
    let newest = here.login("rizz").await;
    assert!(refused_after(&there, &oldest.access).await < Duration::from_secs(1));
    assert!(there.guard(&newest.access).await.result.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_in_one_is_known_in_the_other() {
    let own = Own::new(Database::SqliteFile).await;
    let (here, there) = (server(&own, &redis_url()).await, server(&own, &redis_url()).await);
    subscribed().await;
    let user = here.register("rizz").await;
    let id = user.body["data"]["user"]["id"].as_str().unwrap().to_owned();
    let epoch = there.server.epoch();

    let login = known_to([&here, &there], "rizz").await;
    let cookie = format!("refresh_token={}", login.refresh);
    assert_eq!(here.request("POST", "/logout", &[("cookie", &cookie)], None).await.status, 200);
    assert!(refused_after(&there, &login.access).await < Duration::from_secs(1));
    assert_ne!(there.server.epoch(), epoch, "what callers keep is stale too");

    let (first, second) = (known_to([&here, &there], "rizz").await, known_to([&here, &there], "rizz").await);
    let bearer = format!("Bearer {}", first.access);
    assert_eq!(here.request("POST", "/logout-all", &[("authorization", &bearer)], None).await.status, 200);
    refused_after(&there, &first.access).await;
    refused_after(&there, &second.access).await;

    let login = known_to([&here, &there], "rizz").await;
    let new = json!({ "currentPassword": PASSWORD, "newPassword": "another horse 2" });
    let bearer = format!("Bearer {}", login.access);
    let changed = here.request("PATCH", "/me/password", &[("authorization", &bearer)], Some(new)).await;
    assert_eq!(changed.status, 200);
    refused_after(&there, &login.access).await;

    // A role that was taken away.
    let login = there.login_with("rizz", "another horse 2").await.into_login();
    here.server.call("assignRoles", json!([id, ["editor"]])).await.unwrap();
    let started = Instant::now();
    loop {
        let principal = there.guard(&login.access).await.result.unwrap();
        if principal.roles == ["editor"] {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", principal.roles);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    own.drop().await;
}

/// What was said while the line was down is not known, so all that is in memory is looked at again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_line_makes_a_server_look_again() {
    for line in [Line::Cut, Line::Paused] {
        let own = Own::new(Database::SqliteFile).await;
        let (proxy, url) = proxied().await;
        let (here, there) = (server(&own, &redis_url()).await, server(&own, &url).await);
        subscribed().await;
        here.register("rizz").await;
        let login = known_to([&here, &there], "rizz").await;
        proxy.set(line);
        let cookie = format!("refresh_token={}", login.refresh);
        assert_eq!(here.request("POST", "/logout", &[("cookie", &cookie)], None).await.status, 200);
        proxy.set(Line::Open);
        assert!(refused_after(&there, &login.access).await < Duration::from_secs(3), "{line:?}");
        own.drop().await;
    }
}

/// Redis away: requests are served, in time, and the log says why limits are those of the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_no_error_to_anybody() {
    let own = Own::new(Database::SqliteFile).await;
    let (proxy, url) = proxied().await;
    let server = server(&own, &url).await;
    server.register("rizz").await;
    proxy.set(Line::Cut);
    let started = Instant::now();
    let entered = server.login_with("rizz", PASSWORD).await;
    let mut events = entered.events.clone();
    let login = entered.into_login();
    assert_eq!(server.me(&login.access).await.status, 200);
    for expected in [401, 401, 401, 401, 401, 429] {
        let answer = server.login_with("rizz", "wrong wrong").await;
        assert_eq!(answer.status, expected);
        events.extend(answer.events);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let told: Vec<_> = events.iter().filter(|event| event["hook"] == "redis").collect();
    let [told] = told[..] else { panic!("once: {events:?}") };
    assert!(told["cause"].as_str().unwrap().starts_with("Redis is away"), "{told}");
    own.drop().await;
}

/// P26: what a server with all its features leaves in Redis holds no token and no part of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_in_redis() {
    let own = Own::new(Database::SqliteFile).await;
    let server = server(&own, &redis_url()).await;
    server.register("somebody-of-this-test").await;
    let login = server.login("somebody-of-this-test").await;
    server.login_with("somebody-of-this-test", "wrong wrong").await;
    server.refresh(&login.refresh).await;
    let text = dump("sentri:*").await;
    assert!(text.contains("sentri:limit:login:account:"), "limits are in Redis");
    for secret in [&login.access, &login.refresh] {
        for part in secret.split('.') {
            assert!(!text.contains(part), "{part}");
        }
    }
    for word in ["somebody-of-this-test", PASSWORD, "wrong wrong"] {
        assert!(!text.contains(word), "{word}");
    }
    own.drop().await;
}
