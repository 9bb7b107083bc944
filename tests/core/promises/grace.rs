//! The grace of a refresh token for requests that wait (P23, P24): they are judged by the time at which the session was
//! read, not by the time at which they began, so no good session ends as one that was stolen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use sentri_core::clock::{Clock, Millis, TestClock};
use sentri_core::config::Config;
use sentri_core::failure::Failure;
use sentri_core::hook::RevocationCheck;
use sentri_core::http::guard::GuardRequest;
use sentri_core::{AuthServer, Host, store};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Bench, Database, Own, START, options};

/// The two ways to use a refresh token.
#[derive(Clone, Copy, Debug)]
enum Use {
    Refresh,
    Silent,
}

impl Use {
    const ALL: [Self; 2] = [Self::Refresh, Self::Silent];

    async fn is_accepted(self, bench: &Bench, token: &str) -> bool {
        match self {
            Self::Refresh => bench.refresh(token).await.status == 200,
            Self::Silent => {
                let cookie = Some(format!("refresh_token={token}"));
                let request = GuardRequest { method: "GET".into(), cookie, ..GuardRequest::default() };
                bench.server.guard(&request).await.result.is_ok()
            }
        }
    }
}

/// Rotates a token a second from now, uses its successor silently a second later, and returns the successor.
async fn rotate_and_use(bench: &Bench, token: &str) -> String {
    bench.clock.advance(1_000);
    let successor = bench.refresh(token).await.cookie("refresh_token").expect("it rotates");
    bench.clock.advance(1_000);
    assert!(Use::Silent.is_accepted(bench, &successor).await);
    successor
}

/// A host's `isTokenRevoked` that holds one question back.
#[derive(Default)]
struct Hesitant {
    hesitates: AtomicBool,
    was_asked: Notify,
    may_answer: Notify,
}

#[async_trait]
impl RevocationCheck for Hesitant {
    async fn is_revoked(&self, _session_id: &str) -> Result<bool, Failure> {
        if self.hesitates.swap(false, Ordering::SeqCst) {
            self.was_asked.notify_one();
            self.may_answer.notified().await;
        }
        Ok(false)
    }
}

#[tokio::test]
async fn a_request_that_waits_for_the_host_while_others_rotate_is_in_the_grace() {
    for late in Use::ALL {
        let check = Arc::new(Hesitant::default());
        let host = Host { revocation: Some(Arc::<Hesitant>::clone(&check)), ..Host::default() };
        let more = json!({ "isTokenRevoked": "[function]", "refreshGrace": "10s" });
        let bench = Arc::new(Bench::with_host(&json!("sqlite::memory:"), more, host).await);
        assert_eq!(bench.register("rizz").await.status, 201);
        let token = bench.login("rizz").await.refresh;
        check.hesitates.store(true, Ordering::SeqCst);
        let waiting = tokio::spawn({
            let (bench, token) = (Arc::clone(&bench), token.clone());
            async move { late.is_accepted(&bench, &token).await }
        });
        check.was_asked.notified().await;
        let successor = rotate_and_use(&bench, &token).await;
        check.may_answer.notify_one();
        assert!(waiting.await.unwrap(), "{late:?}");
        assert_eq!(bench.refresh(&successor).await.status, 200, "{late:?}: the session lives");
    }
}

/// A clock at one of whose readings something happens: the reader gets the time of before.
struct Interrupted {
    clock: Arc<TestClock>,
    /// Readings until that one; 0 is never.
    countdown: AtomicUsize,
    event: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Clock for Interrupted {
    fn now(&self) -> Millis {
        let now = self.clock.now();
        let step = |left: usize| left.checked_sub(1);
        if self.countdown.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step) == Ok(1)
            && let Some(event) = self.event.lock().take()
        {
            std::thread::scope(|scope| {
                scope.spawn(event);
            });
        }
        now
    }

    fn is_set_by_hand(&self) -> bool {
        true
    }
}

fn server(db: &Value, clock: Arc<dyn Clock>, hand: &Arc<TestClock>) -> Bench {
    let mut config = Config::from_options(&options(db, json!({ "refreshGrace": "10s" }))).unwrap();
    config.password.cost = 4;
    let host = Host { clock, ..Host::default() };
    let server = AuthServer::with_store(config, host, store::open(db).unwrap()).unwrap();
    Bench { server, clock: Arc::clone(hand), address: "203.0.113.7".to_owned() }
}

/// At each of its readings of the clock another server rotates the session, and the successor is used.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_by_another_server_at_any_time_leaves_the_session_alive() {
    let own = Own::new(Database::SqliteFile).await;
    let hand = Arc::new(TestClock::at(START));
    let event = Mutex::default();
    let clock = Arc::new(Interrupted { clock: Arc::clone(&hand), countdown: AtomicUsize::new(0), event });
    let here = server(&own.option, Arc::<Interrupted>::clone(&clock), &hand);
    let there = Arc::new(server(&own.option, Arc::<TestClock>::clone(&hand), &hand));
    here.server.migrate().await.unwrap();
    there.server.migrate().await.unwrap();
    assert_eq!(there.register("rizz").await.status, 201);
    for late in Use::ALL {
        for reading in 1.. {
            let token = there.login("rizz").await.refresh;
            let successor = Arc::new(Mutex::new(None));
            *clock.event.lock() = Some(Box::new({
                let (there, token, successor) = (Arc::clone(&there), token.clone(), Arc::clone(&successor));
                let runtime = tokio::runtime::Handle::current();
                move || *successor.lock() = Some(runtime.block_on(rotate_and_use(&there, &token)))
            }));
            clock.countdown.store(reading, Ordering::SeqCst);
            assert!(late.is_accepted(&here, &token).await, "{late:?}, reading {reading}");
            clock.countdown.store(0, Ordering::SeqCst);
            let Some(successor) = successor.lock().take() else {
                assert!(reading > 2, "{late:?} reads the clock");
                break;
            };
            assert_eq!(there.refresh(&successor).await.status, 200, "{late:?}, reading {reading}: the session lives");
        }
    }
    here.server.close().await;
    there.server.close().await;
    own.drop().await;
}
