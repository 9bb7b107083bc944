//! What holds under load. A binary of its own: the hashing pool is one for the whole process.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use serde_json::json;
use support::{Bench, PASSWORD};

/// P19: a thousand logins at once run at most one hash a core; who does not fit is told when to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p19_logins_queue_up_within_bounds() {
    let bench = Arc::new(Bench::new(&json!("sqlite::memory:"), json!({})).await);
    assert_eq!(bench.register("rizz").await.status, 201);
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.login_with("rizz", PASSWORD).await })
        })
        .collect();
    let mut let_in = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status {
            200 => let_in += 1,
            503 => {
                assert_eq!(answer.code(), "SERVICE_UNAVAILABLE");
                assert!(answer.header("retry-after").is_some());
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert!(let_in > 0);
    assert!(sentri_core::password::Pool::shared().peak() <= std::thread::available_parallelism().unwrap().get());
    assert_eq!(bench.login_with("rizz", PASSWORD).await.status, 200, "and afterwards all is well");
}
