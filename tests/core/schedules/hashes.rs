//! The hash queue: never more at once than places, and every place comes back.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sentri_core::failure::Failure;
use sentri_core::password::Pool;
use sentri_core::password::fair::Requester;
use sentri_core::sync::{let_timers_fire, step};
use shuttle::future::JoinHandle;
use shuttle::sync::Barrier;

use crate::{Timers, ended, hold, task};

const PLACES: usize = 2;

/// A client in the network of this number.
fn client(network: u8, host: u8) -> Requester {
    Requester::Client(IpAddr::V4(Ipv4Addr::new(192, 0, network, host)))
}

/// A pool, the number of its jobs that run, and the most that ever ran. Plain atomics, which are no steps.
#[derive(Clone)]
struct Hashes {
    pool: Arc<Pool>,
    running: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
    places: usize,
}

impl Hashes {
    fn new(places: usize, queue: usize) -> Self {
        Self {
            pool: Arc::new(Pool::new(places, queue, Duration::from_secs(5))),
            running: Arc::default(),
            peak: Arc::default(),
            places,
        }
    }

    /// A login that hashes.
    fn login(&self, requester: Requester) -> JoinHandle<Result<(), Failure>> {
        let Self { pool, running, peak, .. } = self.clone();
        task(async move {
            let hash = move || {
                // Looked at in the end, since a panic of a job is a result of it.
                peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                step();
                running.fetch_sub(1, Ordering::SeqCst);
            };
            pool.run_for(requester, hash).await
        })
    }

    /// As many jobs as there are places run at once, which takes all of them.
    fn every_place_is_back(&self) {
        let_timers_fire(false);
        let barrier = Arc::new(Barrier::new(self.places));
        let jobs: Vec<_> = (0..self.places)
            .map(|_| {
                let (pool, barrier) = (Arc::clone(&self.pool), Arc::clone(&barrier));
                task(async move {
                    let met = pool.run(move || barrier.wait().is_leader()).await;
                    assert!(met.is_ok(), "{met:?}");
                })
            })
            .collect();
        ended(jobs);
        assert_eq!((self.pool.running(), self.pool.waiting()), (0, 0));
        let peak = self.peak.load(Ordering::SeqCst).max(self.pool.peak());
        assert!(peak <= self.places, "{peak} hashes at once");
    }
}

const fn is_full(result: &Result<(), Failure>) -> bool {
    matches!(result, Err(Failure::HashQueueFull))
}

#[test]
fn never_more_at_once_than_places_and_all_are_served() {
    hold(Timers::Never, || {
        let hashes = Hashes::new(PLACES, 3);
        let logins: Vec<_> = (0..5).map(|host| hashes.login(client(host, 1))).collect();
        let results = ended(logins);
        assert!(results.iter().all(Result::is_ok), "there is room for five: {results:?}");
        hashes.every_place_is_back();
    });
}

#[test]
fn waits_that_end_or_are_broken_off_hold_no_place() {
    for timers in [Timers::Never, Timers::Any] {
        hold(timers, || {
            let hashes = Hashes::new(1, 4);
            let logins: Vec<_> = (0..4).map(|host| hashes.login(client(host, 1))).collect();
            logins[1].abort();
            logins[3].abort();
            ended(logins);
            // The jobs of those that were broken off may still be at it, and go first.
            let_all_end(&hashes);
            hashes.every_place_is_back();
        });
    }
}

/// Waits until no job runs and none waits: jobs are tasks that nobody waits for when their callers are gone.
fn let_all_end(hashes: &Hashes) {
    while hashes.pool.running() + hashes.pool.waiting() > 0 {
        shuttle::thread::yield_now();
    }
}

/// A job that gives way to a smaller network hears of it, and the smaller one is served.
#[test]
fn the_displaced_hear_of_it() {
    hold(Timers::Never, || {
        let hashes = Hashes::new(1, 2);
        let crowd: Vec<_> = (0..4).map(|host| hashes.login(client(0, host))).collect();
        let alone = hashes.login(client(1, 1));
        let results = ended(crowd);
        assert!(ended([alone])[0].is_ok(), "a network of its own always gets a turn");
        let refused = results.iter().filter(|result| is_full(result)).count();
        assert!(refused <= 2 && results.iter().all(|result| result.is_ok() || is_full(result)), "{results:?}");
        hashes.every_place_is_back();
    });
}

#[test]
fn a_job_that_panics_gives_its_place_back() {
    hold(Timers::Never, || {
        let hashes = Hashes::new(1, 3);
        let pool = Arc::clone(&hashes.pool);
        // Without the hook, which would print a schedule for it.
        let broken = task(async move { pool.run(|| resume_unwind(Box::new("a broken hash"))).await });
        let logins: Vec<_> = (0..2).map(|host| hashes.login(client(host, 1))).collect();
        assert!(ended(logins).iter().all(Result::is_ok));
        assert!(matches!(&ended([broken])[..], [Err(Failure::Internal(_))]));
        hashes.every_place_is_back();
    });
}

/// Whoever is broken off in the queue leaves it at once, however long the hashes before take.
#[test]
fn who_leaves_makes_room_for_others() {
    hold(Timers::Never, || {
        let hashes = Hashes::new(1, 2);
        let gate = Arc::new(Barrier::new(2));
        let (pool, closed) = (Arc::clone(&hashes.pool), Arc::clone(&gate));
        let holder = task(async move { pool.run(move || closed.wait().is_leader()).await });
        while hashes.pool.running() == 0 {
            shuttle::thread::yield_now();
        }
        let logins: Vec<_> = (0..2).map(|host| hashes.login(client(host, 1))).collect();
        logins.iter().for_each(JoinHandle::abort);
        ended(logins);
        assert_eq!(hashes.pool.waiting(), 0);
        gate.wait();
        assert!(ended([holder])[0].is_ok());
        hashes.every_place_is_back();
    });
}
