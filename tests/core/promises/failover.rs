//! P61: when a standby takes the place of the primary, answers are 503 only while there is no primary, no session is
//! lost and nobody has to log in again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::pair::Pair;
use crate::support::{Answer, Bench, Login, PASSWORD, rounds};

const CLIENTS: usize = 8;
/// How soon after a promotion every answer is good again.
const SOON: Duration = Duration::from_secs(5);

/// What the clients of a server saw.
#[derive(Default)]
pub(super) struct Seen {
    pub good: AtomicUsize,
    unavailable: AtomicUsize,
    /// From when on no answer may be a 503.
    pub settled: AtomicBool,
    pub over: AtomicBool,
}

impl Seen {
    /// Judges an answer to a request that began when all was `settled` or not.
    pub fn note(&self, settled: bool, answer: &Answer) {
        match answer.status {
            200 => self.good.fetch_add(1, Ordering::SeqCst),
            503 => self.unavailable.fetch_add(1, Ordering::SeqCst),
            _ => panic!("a session was lost: {} {}", answer.status, answer.body),
        };
        let all_the_time = settled && self.settled.load(Ordering::SeqCst);
        assert!(answer.status == 200 || !all_the_time, "a 503 while all is well: {}", answer.body);
    }
}

/// Refreshes and asks for its user without end, by the newest token that it was given.
async fn live(bench: Arc<Bench>, mut login: Login, seen: Arc<Seen>) -> Login {
    while !seen.over.load(Ordering::SeqCst) {
        let settled = seen.settled.load(Ordering::SeqCst);
        let refreshed = bench.refresh(&login.refresh).await;
        seen.note(settled, &refreshed);
        if refreshed.status == 200 {
            login = refreshed.into_login();
        }
        let settled = seen.settled.load(Ordering::SeqCst);
        seen.note(settled, &bench.me(&login.access).await);
        sleep(Duration::from_millis(5)).await;
    }
    login
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < SOON, "{what} takes longer than {SOON:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn fail_over(times: usize) {
    let mut pair = Pair::new().await;
    let bench = Arc::new(Bench::new(&json!(pair.url()), json!({ "sessionCheck": { "maxAge": 0 } })).await);
    let mut logins = Vec::new();
    for number in 0..CLIENTS {
        assert_eq!(bench.register(&format!("user{number}")).await.status, 201);
        logins.push(bench.login(&format!("user{number}")).await);
    }
    for turn in 0..times {
        let seen = Arc::new(Seen::default());
        seen.settled.store(true, Ordering::SeqCst);
        let clients: Vec<_> = std::mem::take(&mut logins)
            .into_iter()
            .map(|login| tokio::spawn(live(Arc::clone(&bench), login, Arc::clone(&seen))))
            .collect();
        sleep(Duration::from_millis(300)).await;
        seen.settled.store(false, Ordering::SeqCst);
        pair.kill_primary();
        let before = seen.good.load(Ordering::SeqCst);
        assert!(before > 0, "there is load");
        until("a 503", async || seen.unavailable.load(Ordering::SeqCst) > 0).await;
        pair.promote().await;
        until("the first good answer after the promotion", async || {
            bench.login_with("user0", PASSWORD).await.status == 200
        })
        .await;
        // Requests that began before it.
        sleep(Duration::from_secs(2)).await;
        seen.settled.store(true, Ordering::SeqCst);
        let settled = seen.good.load(Ordering::SeqCst);
        sleep(Duration::from_millis(500)).await;
        seen.over.store(true, Ordering::SeqCst);
        for client in clients {
            logins.push(client.await.unwrap());
        }
        assert!(seen.good.load(Ordering::SeqCst) > settled, "turn {turn}: load goes on");
        for login in &logins {
            assert_eq!(bench.refresh(&login.refresh).await.status, 200, "turn {turn}: every session is there");
        }
        if turn + 1 < times {
            pair.replace_standby().await;
        }
    }
    bench.server.close().await;
}

/// Once, or ten times back and forth by `make soak`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p61_soak_failovers_cost_no_session() {
    fail_over(rounds(1, 10)).await;
}
