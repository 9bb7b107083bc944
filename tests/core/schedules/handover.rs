//! Counters in Redis and in memory beside it: limits while Redis comes and goes, and no place that is held for ever.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sentri_core::cache::{Cache, Settlement};
use shuttle::future::{JoinHandle, block_on};
use shuttle::thread;

use super::limiter::{budget, is_granted};
use super::world::{ATTEMPTS, KEY, World, outage};
use crate::{Timers, ended, hold, task};

#[test]
fn lost_connections_grant_nothing_more() {
    hold(Timers::Never, || {
        let world = World::new();
        let attempts = world.attempts(2, &[Settlement::Counted]);
        let redis = Arc::clone(&world.redis);
        let breaker = task(async move { (0..2).for_each(|_| redis.breaks()) });
        world.all_end(attempts, 2);
        ended([breaker]);
        let (granted, lost) = (world.granted.load(Ordering::SeqCst), world.lost());
        // A settlement whose answer was lost is sent again, and may count twice.
        assert!(granted <= 2 && granted + lost >= 2, "{granted} granted, {lost} answers were lost");
        world.all_is_told(2);
        let (count, in_flight) = world.redis.held();
        assert!(count >= 2 && in_flight == 0, "{count} counted, {in_flight} in flight");
    });
}

#[test]
fn lost_connections_hold_no_place() {
    hold(Timers::Never, || {
        let world = World::new();
        let attempts = world.attempts(2, &[Settlement::Refunded]);
        let redis = Arc::clone(&world.redis);
        let breaker = task(async move { (0..2).for_each(|_| redis.breaks()) });
        world.all_end(attempts, 2);
        ended([breaker]);
        world.all_is_told(2);
        assert_eq!(world.redis.held(), (0, 0), "all of them were taken back");
        assert_eq!(world.granted.load(Ordering::SeqCst), u32::try_from(ATTEMPTS).unwrap());
    });
}

#[test]
fn an_outage_grants_what_processes_grant_alone() {
    hold(Timers::Never, || {
        let world = World::new();
        let attempts = world.attempts(2, &[Settlement::Counted]);
        let outage = outage(&world, false);
        world.all_end(attempts, 2);
        ended([outage]);
        let (granted, alone) = (world.granted.load(Ordering::SeqCst), world.alone());
        assert!(granted <= 2 * (1 + alone), "{granted} granted, {alone} processes were alone");
        world.all_is_told(2);
        let (count, in_flight) = world.redis.held();
        assert!(count >= 2 && in_flight == 0, "{count} counted, {in_flight} in flight");
    });
}

#[test]
fn a_restart_grants_once_more_for_each_process() {
    hold(Timers::Never, || {
        let world = World::new();
        let attempts = world.attempts(2, &[Settlement::Counted]);
        let outage = outage(&world, true);
        world.all_end(attempts, 2);
        ended([outage]);
        let granted = world.granted.load(Ordering::SeqCst);
        assert!(granted <= 2 * 3, "{granted} granted");
        world.all_is_told(2);
        let (count, in_flight) = world.redis.held();
        assert!(count >= 1 && in_flight == 0, "{count} counted, {in_flight} in flight");
    });
}

#[test]
fn no_place_is_held_behind_an_outage() {
    for is_emptied in [false, true] {
        hold(Timers::Never, move || {
            let world = World::new();
            let attempts = world.attempts(2, &[Settlement::Refunded]);
            let outage = outage(&world, is_emptied);
            world.all_end(attempts, 2);
            ended([outage]);
            world.all_is_told(2);
            assert_eq!(world.redis.held(), (0, 0), "all of them were taken back");
        });
    }
}

/// A caller that is broken off while Redis is asked holds no place that Redis granted meanwhile.
#[test]
fn a_caller_that_is_gone_holds_no_place() {
    hold(Timers::Never, || {
        let world = World::new();
        let begin = |number: usize| {
            let cache = Arc::clone(&world.caches[number % 2]);
            task(async move {
                if is_granted(cache.begin(KEY, budget(2)).await) {
                    drop(task(async move { cache.settle(KEY, Settlement::Refunded).await }));
                }
            })
        };
        let attempts: Vec<_> = (0..4).map(begin).collect();
        attempts[0].abort();
        attempts[3].abort();
        while !attempts.iter().all(JoinHandle::is_finished) {
            world.words(2);
            thread::yield_now();
        }
        world.all_is_told(2);
        assert_eq!(world.redis.held(), (0, 0), "all of them were taken back or broken off");
    });
}

/// Whoever waits in the queue of a process is served or refused, and leaves it.
#[test]
fn nobody_stays_in_a_queue() {
    for timers in [Timers::Never, Timers::Any] {
        hold(timers, || {
            let world = World::new();
            ended(world.attempts(1, &[Settlement::Refunded]));
            assert_eq!(world.redis.held(), (0, 0));
            for cache in &world.caches {
                assert!(is_granted(block_on(cache.hit(KEY, budget(3)))), "the bucket is empty");
            }
        });
    }
}
