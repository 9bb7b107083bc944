//! What holds under load. A binary of its own, one test at a time: the hashing pool is one for the whole process.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "load/alike.rs"]
mod alike;
#[path = "support/crowd.rs"]
mod crowd;
#[path = "load/scale.rs"]
mod scale;
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
    let server = server_with_cost(&options(&json!("sqlite::memory:"), json!({})), 6).await;
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

/// The cost at which a hash takes about 15 ms on one core, built without optimisation or with it, so that the queue is
/// as long, in logins, as it is in production.
async fn server_at_live_cost(more: Value) -> Arc<AuthServer> {
    server_with_cost(&options(&json!("sqlite::memory:"), more), if cfg!(debug_assertions) { 8 } else { 10 }).await
}

/// A server of these options whose hashes have this cost.
async fn server_with_cost(options: &Value, cost: u32) -> Arc<AuthServer> {
    let mut config = Config::from_options(options).unwrap();
    config.password.cost = cost;
    let store = store::open(&json!("sqlite::memory:")).unwrap();
    let server = AuthServer::with_store(config, Host::default(), store).unwrap();
    server.migrate().await.unwrap();
    Arc::new(server)
}

async fn register(server: &AuthServer, name: &str) {
    let user = json!({ "identifiers": [{ "type": "username", "value": name }], "password": PASSWORD });
    server.call("register", json!([user])).await.unwrap();
}

async fn log_in_from(server: &AuthServer, ip: &str, name: &str, password: &str) -> u16 {
    let body = json!({ "identifier": name, "password": password });
    let request = sentri_core::http::Request {
        method: "POST".to_owned(),
        path: "/login".to_owned(),
        body: sentri_core::http::Body::Parsed(Value::to_string(&body)),
        client_ip: Some(ip.to_owned()),
        ..Default::default()
    };
    server.handle(request).await.response.status
}

/// How long one attack lasts.
const ATTACK: Duration = Duration::from_secs(15);

/// Runs `parallel` attackers for [`ATTACK`] and lets a victim elsewhere log in again and again meanwhile. The 99th
/// percentile of the victim's time; a refusal counts as the longest time.
async fn victim_under<A, F>(server: &Arc<AuthServer>, parallel: usize, attack: A) -> Duration
where
    A: Fn(Arc<AuthServer>, usize, usize) -> F + Copy + Send + 'static,
    F: Future<Output = u16> + Send,
{
    let end = Instant::now() + ATTACK;
    let attackers: Vec<_> = (0..parallel)
        .map(|n| {
            let server = Arc::clone(server);
            tokio::spawn(async move {
                for round in 0.. {
                    if Instant::now() >= end {
                        return;
                    }
                    if attack(Arc::clone(&server), n, round).await == 429 {
                        // Refusals cost nothing; without a pause they would only measure how fast they are made.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    } else {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut times = Vec::new();
    while Instant::now() < end {
        let started = Instant::now();
        let status = log_in_from(server, "203.0.113.9", "victim", PASSWORD).await;
        times.push(if status == 200 { started.elapsed() } else { Duration::from_secs(3600 + u64::from(status)) });
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
    for attacker in attackers {
        attacker.await.unwrap();
    }
    times.sort_unstable();
    assert!(times.len() >= 10, "{} logins of the victim", times.len());
    times[(times.len() * 99).div_ceil(100) - 1]
}

/// P57: wrong logins at unknown names from the 256 /64 of one /56, 110 at a time. Measures time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p57_a_flood_from_one_prefix_leaves_others_their_logins() {
    let _alone = ALONE.lock().await;
    let server = server_at_live_cost(json!({ "rateLimit": true })).await;
    register(&server, "victim").await;
    let p99 = victim_under(&server, 110, |server, n, round| async move {
        let subnet = (n + round * 110) % 256;
        let name = format!("nobody {n} {round}");
        log_in_from(&server, &format!("2001:db8:0:{subnet:x}::{round:x}"), &name, "a wrong password").await
    })
    .await;
    assert!(p99 < Duration::from_secs(3), "{p99:?}");
}

/// P57: right logins at 20 accounts of the attacker's own from two addresses, 100 at a time. Measures time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p57_right_logins_leave_others_theirs() {
    let _alone = ALONE.lock().await;
    let server = server_at_live_cost(json!({ "rateLimit": true })).await;
    register(&server, "victim").await;
    for n in 0..20 {
        register(&server, &format!("own {n}")).await;
    }
    let p99 = victim_under(&server, 100, |server, n, _| async move {
        let ip = if n % 2 == 0 { "192.0.2.1" } else { "198.51.100.1" };
        log_in_from(&server, ip, &format!("own {}", n % 20), PASSWORD).await
    })
    .await;
    assert!(p99 < Duration::from_secs(3), "{p99:?}");
}

/// B4: passwords that nobody can have wait nowhere, and of those that wait, no bucket holds more than it may.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn long_passwords_at_one_account_take_no_memory() {
    let _alone = ALONE.lock().await;
    let server = server_at_live_cost(json!({ "rateLimit": true })).await;
    register(&server, "victim").await;
    let before = peak_memory();
    for length in [60_000, 1_000] {
        let tasks: Vec<_> = (0..1_500)
            .map(|n| {
                let (server, ip) = (Arc::clone(&server), format!("10.0.{}.{}", n / 200, n % 200));
                tokio::spawn(async move { log_in_from(&server, &ip, "victim", &"x".repeat(length)).await })
            })
            .collect();
        for task in tasks {
            assert!(matches!(task.await.unwrap(), 401 | 429));
        }
    }
    let grown = peak_memory() - before;
    assert!(grown < 64, "{grown} MiB more");
}

/// The time of the work of a login, without that which its endpoint waits for.
async fn time_login(server: &AuthServer, name: &str) -> Duration {
    let input = json!({ "identifier": name, "password": "a wrong password" });
    let started = Instant::now();
    let refused = server.run_builtin("login", input, json!({})).await.unwrap_err();
    assert_eq!(refused.code.as_ref(), "INVALID_CREDENTIALS");
    started.elapsed()
}

/// The area under the ROC curve: how often one of `a` is greater than one of `b`.
fn share_of_slower(a: &[Duration], b: &[Duration]) -> f64 {
    let wins: usize = a.iter().map(|slow| b.iter().filter(|fast| slow > *fast).count()).sum();
    wins as f64 / (a.len() * b.len()) as f64
}
