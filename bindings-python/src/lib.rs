//! The uniffi binding of sentri, for Python and for the other languages that uniffi writes: converts, calls the core,
//! converts. It decides nothing.
//!
//! Errors cross as data: every function that may fail answers JSON text, either `{"value": ...}` or
//! `{"error": {code, message, statusCode, details?, retryAfter?}}` (`sentri_core::wire`).
//!
//! Work that takes time is a [`job::Job`] on a runtime of our own. The event loop or blocked thread that waits for it
//! also runs the host's functions for it: they stay in their own thread, task and context, and our threads never call
//! back.

#![deny(clippy::too_many_lines)]

mod client;
mod idempotency;
mod job;
mod protect_host;
mod runtime;
mod server;
mod standalone;
mod verify;

uniffi::setup_scaffolding!();
