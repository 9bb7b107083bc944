//! The golden conversations of tests/http, held with an `AuthServer` in-process. tests/README.md has their format.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "http/conversation.rs"]
mod conversation;
#[path = "http/pattern.rs"]
mod pattern;
#[path = "http/run.rs"]
mod run;
#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;

use sentri_core::event::EventName;
use sentri_core::http::router;
use serde_json::Value;
use support::Database;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many conversations are held at once; each may wait for a hash.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    hold_all(Database::Memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    hold_all(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_pgbouncer() {
    hold_all(Database::Pgbouncer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mysql() {
    hold_all(Database::Mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_galera() {
    hold_all(Database::Galera).await;
}

/// Whatever is added to the tables of routes and events gets a conversation.
#[test]
fn every_route_and_event_is_talked_about() {
    let (mut paths, mut events) = (Vec::new(), Vec::new());
    for step in conversation::load_all().into_iter().flat_map(|conversation| conversation.steps) {
        if let conversation::Action::Request(request) = &step.action {
            let method = request.get("method").and_then(Value::as_str).unwrap_or("GET");
            let path = request["path"].as_str().unwrap().split('?').next().unwrap();
            // A success: refusals alone would not show that the route does anything.
            if step.expect.contains_key("ok") || step.expect.contains_key("status") {
                paths.extend(router::find(method, path).map(|(route, _)| (route.method, route.pattern)));
            }
        }
        for event in step.expect.get("events").and_then(Value::as_array).into_iter().flatten() {
            events.push(event[0].as_str().unwrap().to_owned());
        }
    }
    for route in router::ROUTES {
        let found = paths.contains(&(route.method, route.pattern));
        assert!(found, "no conversation has a success of {} {}", route.method, route.pattern);
    }
    for event in EventName::ALL {
        let name = format!("{} {}", event.level().as_str(), event.as_str());
        assert!(events.contains(&name), "no conversation has the event {name}");
    }
}

async fn hold_all(database: Database) {
    let (permits, mut set) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for conversation in conversation::load_all() {
        let permits = Arc::clone(&permits);
        set.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            run::hold(&conversation, database)
                .await
                .map_err(|wrong| format!("{} / {}: {wrong}", conversation.file, conversation.name))
        });
    }
    let (mut held, mut failures) = (0, Vec::new());
    while let Some(result) = set.join_next().await {
        match result.expect("a conversation does not panic") {
            Ok(()) => held += 1,
            Err(wrong) => failures.push(wrong),
        }
    }
    failures.sort();
    assert!(failures.is_empty(), "{held} held, {} failed on {database:?}:\n{}", failures.len(), failures.join("\n"));
    assert!(held > 0, "there are conversations");
}
