//! Locks, atomics, tasks and timers for the modules in which the order of steps between tasks matters.
//!
//! They are those of parking_lot, std and tokio. With the feature `schedules`, which only tests turn on, they are those
//! of shuttle, by which a test chooses the order (tests/core/schedules). Channels and notifiers are tokio's in both
//! cases, since they need no runtime.

#[cfg(feature = "schedules")]
mod scheduled;

#[cfg(feature = "schedules")]
pub use scheduled::*;
#[cfg(not(feature = "schedules"))]
pub use {
    parking_lot::Mutex,
    std::sync::atomic,
    tokio::runtime::Handle,
    tokio::task::{spawn, spawn_blocking},
    tokio::time::{sleep, timeout, timeout_at},
};
