//! P60: behind PgBouncer in transaction mode nothing fails, though sixteen workers share five connections.

use std::sync::Arc;

use serde_json::json;

use crate::support::{Bench, Database, Own};

const WORKERS: usize = 16;
/// For each worker: a registration and 33 times a login, a refresh and a look at the user.
const ROUNDS: usize = 33;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p60_nothing_fails_behind_a_pooler() {
    let own = Own::new(Database::Pgbouncer).await;
    // All at once on an empty database, as sixteen processes start.
    let mut starts = Vec::new();
    for _ in 0..WORKERS {
        let db = own.option.clone();
        starts.push(tokio::spawn(async move { Arc::new(Bench::new(&db, json!({})).await) }));
    }
    let mut work = Vec::new();
    for (number, start) in starts.into_iter().enumerate() {
        let bench = start.await.unwrap();
        work.push(tokio::spawn(async move {
            let name = format!("user{number}");
            assert_eq!(bench.register(&name).await.status, 201);
            let mut calls = 1;
            for _ in 0..ROUNDS {
                let login = bench.login(&name).await;
                let refreshed = bench.refresh(&login.refresh).await;
                assert_eq!(refreshed.status, 200, "{}", refreshed.body);
                let me = bench.me(&refreshed.into_login().access).await;
                assert_eq!(me.status, 200, "{}", me.body);
                calls += 3;
            }
            bench.server.close().await;
            calls
        }));
    }
    let mut calls = 0;
    for worker in work {
        calls += worker.await.unwrap();
    }
    assert_eq!(calls, 1_600);
    own.drop().await;
}
