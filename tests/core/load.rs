//! What holds under load. A binary of its own, one test at a time: the hashing pool is one for the whole process.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use sentri_core::config::Config;
use sentri_core::password::Pool;
use sentri_core::{AuthServer, Host, store};
use serde_json::{Value, json};
use support::{Bench, PASSWORD, options};
use tokio::sync::Mutex;

static ALONE: Mutex<()> = Mutex::const_new(());

/// P19: a thousand logins at once run at most one hash a core; who does not fit is told when to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p19_logins_queue_up_within_bounds() {
    let _alone = ALONE.lock().await;
    let bench = Arc::new(Bench::new(&json!("sqlite::memory:"), json!({})).await);
    assert_eq!(bench.register("rizz").await.status, 201);
    log_in_a_thousand_times(&bench).await;
}

/// P19: each of these hashes takes 19 MiB; a thousand at once would take 19 GiB.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p19_memory_is_bounded_too() {
    let _alone = ALONE.lock().await;
    let more = json!({ "password": { "algorithm": "argon2id" } });
    let bench = Arc::new(Bench::new(&json!("sqlite::memory:"), more).await);
    assert_eq!(bench.register("rizz").await.status, 201);
    let before = peak_memory();
    log_in_a_thousand_times(&bench).await;
    let grown = peak_memory() - before;
    let bound = available_parallelism().unwrap().get() * 20 + 64;
    assert!(grown < bound, "{grown} MiB more, bound {bound}");
}

async fn log_in_a_thousand_times(bench: &Arc<Bench>) {
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let bench = Arc::clone(bench);
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
    assert!(Pool::shared().peak() <= available_parallelism().unwrap().get());
    assert_eq!(bench.login_with("rizz", PASSWORD).await.status, 200, "and afterwards all is well");
}

/// The most memory that this process ever had, in MiB. Only Linux tells; elsewhere nothing ever grows.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |kib| kib.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024)
}

/// P14: by time alone, an unknown user can't be told from a wrong password: of two answers, one of each, the slower is
/// the one or the other equally often. A leak shows in every round, a disturbance of the machine does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p14_unknown_users_take_as_long() {
    let _alone = ALONE.lock().await;
    // The lowest cost whose hash still drowns everything else; the Bench's own is lower.
    let mut config = Config::from_options(&options(&json!("sqlite::memory:"), json!({}))).unwrap();
    config.password.cost = 6;
    let store = store::open(&json!("sqlite::memory:")).unwrap();
    let server = AuthServer::with_store(config, Host::default(), store).unwrap();
    server.migrate().await.unwrap();
    let user = json!({ "identifiers": [{ "type": "username", "value": "rizz" }], "password": PASSWORD });
    server.call("register", json!([user])).await.unwrap();
    let mut shares = Vec::new();
    for _ in 0..4 {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            known.push(time_login(&server, "rizz").await);
            unknown.push(time_login(&server, "nobody").await);
        }
        let share = share_of_slower(&unknown, &known);
        if (0.4..=0.6).contains(&share) {
            return;
        }
        shares.push(share);
    }
    panic!("an unknown user is the slower one this often: {shares:?}");
}

async fn time_login(server: &AuthServer, name: &str) -> Duration {
    let body = json!({ "identifier": name, "password": "a wrong password" });
    let request = sentri_core::http::Request {
        method: "POST".to_owned(),
        path: "/login".to_owned(),
        body: sentri_core::http::Body::Parsed(Value::to_string(&body)),
        ..Default::default()
    };
    let started = Instant::now();
    assert_eq!(server.handle(request).await.response.status, 401);
    started.elapsed()
}

/// The area under the ROC curve: how often one of `a` is greater than one of `b`.
fn share_of_slower(a: &[Duration], b: &[Duration]) -> f64 {
    let wins: usize = a.iter().map(|slow| b.iter().filter(|fast| slow > *fast).count()).sum();
    wins as f64 / (a.len() * b.len()) as f64
}
