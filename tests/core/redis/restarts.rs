//! P59: exact while Redis lives, on a machine that is busy on purpose, and bounded when Redis is killed and started
//! again.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentri_core::cache::{Cache as _, Settlement};
use sentri_core::crypto::{make_id, make_random};
use sentri_core::idempotency::Passage;

use crate::clusters::redis_at;
use crate::idempotency::{gate, incoming};
use crate::limits::{FIVE, cache, is_granted};
use crate::proxied;
use crate::proxy::Line;
use crate::servers::free_port;
use crate::support::rounds;

/// Attempts at one account by `processes`, each of which takes up to 300 ms; how many were granted.
async fn granted_while(processes: usize, url: &str, disturbance: impl Future<Output = ()>) -> usize {
    let (key, caches) = (make_id(), (0..processes).map(|_| cache(url)).collect::<Vec<_>>());
    let attempts: Vec<_> = (0..30)
        .map(|index| {
            let (cache, key) = (Arc::clone(&caches[index % processes]), key.clone());
            let [random] = make_random::<1>();
            tokio::spawn(async move {
                let granted = is_granted(&cache.begin(&key, FIVE).await);
                if granted {
                    tokio::time::sleep(Duration::from_millis(50 + u64::from(random))).await;
                    cache.settle(&key, Settlement::Counted).await;
                }
                granted
            })
        })
        .collect();
    disturbance.await;
    let mut granted = 0;
    for attempt in attempts {
        granted += usize::from(attempt.await.unwrap());
    }
    for cache in &caches {
        assert!(!is_granted(&cache.begin(&key, FIVE).await), "it is spent for all");
    }
    granted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p59_b3_soak_a_restart_costs_at_most_what_processes_granted_alone() {
    let port = free_port();
    let url = format!("redis://127.0.0.1:{port}");
    for round in 0..rounds(6, 20) {
        for processes in [1, 4] {
            let redis = redis_at(port).await;
            let [before, away] = make_random::<2>();
            let mut again = None;
            let granted = granted_while(processes, &url, async {
                tokio::time::sleep(Duration::from_millis(10 + u64::from(before))).await;
                drop(redis);
                tokio::time::sleep(Duration::from_millis(u64::from(away))).await;
                again = Some(redis_at(port).await);
            })
            .await;
            // One process knows what it granted, whatever Redis forgot.
            let bound = if processes == 1 { 5 } else { 5 + 5 * processes };
            assert!((5..=bound).contains(&granted), "round {round}: {granted} over {processes}");
        }
    }
}

/// A connection that ends while Redis lives is no outage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p59_b3_soak_a_lost_connection_is_no_outage() {
    let redis = redis_at(free_port()).await;
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let client = ::redis::Client::open(url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for _ in 0..rounds(5, 20) {
        let granted = granted_while(4, &url, async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(30)).await;
                let mut kill = ::redis::cmd("CLIENT");
                kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes");
                let _: i64 = kill.query_async(&mut connection).await.unwrap();
            }
        })
        .await;
        assert_eq!(granted, 5);
    }
}

/// Silence of half a second, as a busy machine makes it, is no outage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p59_b3_soak_a_slow_redis_is_no_outage() {
    let (proxy, url) = proxied().await;
    for _ in 0..rounds(2, 20) {
        let granted = granted_while(4, &url, async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            proxy.set(Line::Paused);
            tokio::time::sleep(Duration::from_millis(500)).await;
            proxy.set(Line::Open);
        })
        .await;
        assert_eq!(granted, 5);
    }
}

/// Tells a process of this test binary what to do: spin, or make requests at this bucket and with this key.
const CHILD: &str = "SENTRI_TEST_BUSY";

/// A process that uses up a core, for a bounded time.
struct Spinner(Child);

impl Drop for Spinner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn child(task: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["restarts::p59_d4_soak_exact_on_a_busy_machine", "--exact", "--nocapture"]);
    command.env(CHILD, task).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p59_d4_soak_exact_on_a_busy_machine() {
    match std::env::var(CHILD).ok().as_deref() {
        Some("spin") => {
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(60) {
                std::hint::spin_loop();
            }
            return;
        }
        Some(name) => return requests(name).await,
        None => {}
    }
    let cores = std::thread::available_parallelism().unwrap().get();
    for round in 0..rounds(2, 20) {
        let _spinners: Vec<_> = (0..cores).map(|_| Spinner(child("spin").spawn().unwrap())).collect();
        let name = make_id();
        let children: Vec<_> = (0..4).map(|_| child(&name).spawn().unwrap()).collect();
        let (mut granted, mut executed) = (0, 0);
        for child in children {
            let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
            let counts = text.lines().find_map(|line| line.strip_prefix("counts ")).unwrap();
            let (first, second) = counts.split_once(' ').unwrap();
            granted += first.parse::<usize>().unwrap();
            executed += second.parse::<usize>().unwrap();
        }
        assert_eq!((granted, executed), (5, 1), "round {round}");
    }
}

/// A hundred attempts at one bucket and a hundred equal requests, at once.
async fn requests(name: &str) {
    let (cache, gate) = (cache(&crate::redis_url()), gate(&crate::redis_url()));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (cache, gate, name) = (Arc::clone(&cache), Arc::clone(&gate), name.to_owned());
            tokio::spawn(async move {
                let granted = is_granted(&cache.begin(&name, FIVE).await);
                let executed = matches!(gate.pass(&incoming(&name, b"")).await, Passage::Execute(..));
                if granted {
                    cache.settle(&name, Settlement::Counted).await;
                }
                (usize::from(granted), usize::from(executed))
            })
        })
        .collect();
    let (mut granted, mut executed) = (0, 0);
    for task in tasks {
        let (one, other) = task.await.unwrap();
        (granted, executed) = (granted + one, executed + other);
    }
    println!("counts {granted} {executed}");
}
