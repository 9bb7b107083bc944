//! Fuzz targets: for any bytes, the code that reads what comes from outside keeps its properties.
//!
//! A target is a function over bytes that panics where a property is broken. libFuzzer calls it by `src/main.rs`, guided by
//! coverage; `tests/fuzz.rs` replays the corpus and mutates it on every run of the tests.

#![allow(clippy::unwrap_used, reason = "a target that panics has found a fault")]

pub mod allocation;
pub mod corpus;
pub mod mutation;
mod reading;
mod targets;

pub use targets::{Decide, TARGETS, Target, find};

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;
