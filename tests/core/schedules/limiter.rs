//! Buckets in memory: never more than the budget, everybody hears, and whoever is gone holds nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sentri_core::cache::memory::MemoryCache;
use sentri_core::cache::{Budget, Cache, LimitVerdict, Settlement};
use sentri_core::sync::step;
use shuttle::future::block_on;

use crate::{Timers, any_of, clock, ended, hold, task};

const KEY: &str = "login:account:rizz";
const CALLERS: usize = 5;

pub fn budget(limit: u32) -> Budget {
    Budget { limit, window: Duration::from_secs(3600) }
}

pub const fn is_granted(verdict: LimitVerdict) -> bool {
    matches!(verdict, LimitVerdict::Granted { .. })
}

/// The attempts of a bucket as its callers know them: begun after they were granted and ended before they are settled,
/// so at no step more than the bucket holds. Plain atomics, which are no steps.
#[derive(Default)]
struct Tally {
    in_flight: AtomicU32,
    counted: AtomicU32,
}

impl Tally {
    fn held(&self) -> u32 {
        self.in_flight.load(Ordering::SeqCst) + self.counted.load(Ordering::SeqCst)
    }

    async fn settle(&self, cache: &MemoryCache, settlement: Settlement) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        if settlement == Settlement::Counted {
            self.counted.fetch_add(1, Ordering::SeqCst);
        }
        cache.settle(KEY, settlement).await;
    }
}

/// An attempt that ends in one of these ways. Returns whether it was granted.
async fn attempt(cache: Arc<MemoryCache>, tally: Arc<Tally>, limit: u32, ends: &'static [Settlement]) -> bool {
    if !is_granted(cache.begin(KEY, budget(limit)).await) {
        return false;
    }
    tally.in_flight.fetch_add(1, Ordering::SeqCst);
    // What was counted before a success is forgotten at a step that nobody else can name.
    let held = if ends.contains(&Settlement::Reset) { tally.in_flight.load(Ordering::SeqCst) } else { tally.held() };
    assert!(held <= limit, "{held} of {limit}");
    step();
    tally.settle(&cache, any_of(ends)).await;
    true
}

fn bucket() -> (Arc<MemoryCache>, Arc<Tally>) {
    (Arc::new(MemoryCache::new(clock())), Arc::default())
}

/// Every place of the bucket is free again, or counted.
fn every_place_is_back(cache: &MemoryCache, limit: u32) {
    let counted = cache.counted(KEY).map_or(0, |(count, _)| count);
    for _ in counted..limit {
        assert!(cache.begin_now(KEY, budget(limit)).is_some_and(is_granted), "{counted} of {limit} are counted");
    }
    assert!(!cache.begin_now(KEY, budget(limit)).is_some_and(is_granted));
}

fn counted_or_taken_back(limit: u32, timers: Timers) {
    let (cache, tally) = bucket();
    let callers = (0..CALLERS).map(|_| {
        let (cache, tally) = (Arc::clone(&cache), Arc::clone(&tally));
        task(async move {
            let granted = attempt(cache, Arc::clone(&tally), limit, &[Settlement::Counted, Settlement::Refunded]).await;
            if !granted && timers == Timers::Never {
                assert_eq!(tally.counted.load(Ordering::SeqCst), limit, "refused though a place may come back");
            }
        })
    });
    ended(callers.collect::<Vec<_>>());
    assert_eq!(cache.counted(KEY).map_or(0, |(count, _)| count), tally.counted.load(Ordering::SeqCst));
    every_place_is_back(&cache, limit);
}

#[test]
fn never_more_than_the_budget_and_nobody_waits_for_ever() {
    for limit in [1, 2, 3] {
        hold(Timers::Never, move || counted_or_taken_back(limit, Timers::Never));
    }
}

#[test]
fn never_more_than_the_budget_though_waits_end_at_any_step() {
    hold(Timers::Any, || counted_or_taken_back(2, Timers::Any));
}

#[test]
fn a_success_frees_everybody_and_no_more_run_than_may() {
    hold(Timers::Never, || {
        let (cache, tally) = bucket();
        let ends = &[Settlement::Counted, Settlement::Refunded, Settlement::Reset];
        let callers: Vec<_> =
            (0..CALLERS).map(|_| task(attempt(Arc::clone(&cache), Arc::clone(&tally), 2, ends))).collect();
        ended(callers);
        every_place_is_back(&cache, 2);
    });
}

/// A caller that is broken off while it waits takes nobody's word along.
#[test]
fn a_dropped_caller_gives_its_place_back() {
    for timers in [Timers::Never, Timers::Any] {
        hold(timers, || {
            let (cache, tally) = bucket();
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| task(attempt(Arc::clone(&cache), Arc::clone(&tally), 1, &[Settlement::Refunded])))
                .collect();
            callers[1].abort();
            callers[2].abort();
            ended(callers);
            assert!(cache.is_empty(), "{cache:?}");
            every_place_is_back(&cache, 1);
        });
    }
}

/// Hits and peeks at a full bucket have one order: behind the last hit of the budget nobody gets through.
#[test]
fn behind_the_last_hit_nobody_looks_in() {
    hold(Timers::Never, || {
        let (cache, _) = bucket();
        let spent = Arc::new(AtomicU32::new(0));
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let (cache, spent) = (Arc::clone(&cache), Arc::clone(&spent));
                task(async move {
                    let spent_before = spent.load(Ordering::SeqCst) == 2;
                    if number % 2 == 0 {
                        if is_granted(cache.hit(KEY, budget(2)).await) {
                            assert!(!spent_before);
                            assert!(spent.fetch_add(1, Ordering::SeqCst) < 2, "a third hit");
                        }
                    } else {
                        assert!(!(is_granted(cache.peek(KEY, budget(2)).await) && spent_before), "looked in");
                    }
                })
            })
            .collect();
        ended(callers);
        assert!(!is_granted(block_on(cache.peek(KEY, budget(2)))), "three hits were asked for");
    });
}
