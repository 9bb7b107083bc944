//! Properties that hold in any order of the steps of tasks: the limiter, the hash queue, the fetch of a key set, what
//! is known of sessions, and counters over outages of Redis. shuttle chooses the order, at random and by PCT, in which
//! few tasks go ahead of others. A failure prints its schedule, which `shuttle::replay` runs again.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "token/fixtures.rs"]
#[allow(dead_code, reason = "shared with the token tests")]
mod fixtures;
#[path = "support/rounds.rs"]
mod rounds;
mod schedules {
    pub mod freshness;
    pub mod handover;
    pub mod hashes;
    pub mod keys;
    pub mod limiter;
    pub mod model;
    pub mod world;
}

use std::sync::Arc;

use sentri_core::clock::{Clock, TestClock};
use sentri_core::sync::let_timers_fire;
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, future};

use rounds::rounds;

/// The stack of a task. Those of shuttle are too small for a debug build of a signature.
const STACK: usize = 512 * 1024;
/// The most switches between tasks by which PCT looks for a fault.
const DEPTH: usize = 4;

/// Whether the timers of a property fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timers {
    /// Never, so whoever is not woken waits for ever, and the schedule fails as a deadlock.
    Never,
    /// At any step, or not at all.
    Any,
}

/// Has a property hold under schedules of both kinds.
pub fn hold(timers: Timers, property: impl Fn() + Send + Sync + Copy + 'static) {
    let schedules = rounds(1_000, 20_000);
    let mut config = Config::new();
    config.stack_size = STACK;
    config.silence_warnings = true;
    let run = move || {
        let_timers_fire(timers == Timers::Any);
        property();
    };
    Runner::new(RandomScheduler::new(schedules), config.clone()).run(run);
    Runner::new(PctScheduler::new(DEPTH, schedules), config).run(run);
}

/// A task of the test, whose panic fails the schedule.
pub fn task<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> future::JoinHandle<T> {
    future::spawn(work)
}

/// Waits for all tasks and returns their results, without those that were broken off.
pub fn ended<T>(tasks: impl IntoIterator<Item = future::JoinHandle<T>>) -> Vec<T> {
    tasks.into_iter().filter_map(|task| future::block_on(task).ok()).collect()
}

/// A choice that belongs to the schedule.
pub fn any_of<T: Copy>(choices: &[T]) -> T {
    choices[thread_rng().gen_range(0..choices.len())]
}

/// A clock that stands still.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(TestClock::at(fixtures::NOW))
}
