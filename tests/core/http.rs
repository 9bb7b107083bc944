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
