//! The uniffi binding of sentri, for Python and for the other languages that uniffi supports. It converts arguments,
//! calls the core and converts the results; it decides nothing.
//!
//! Errors cross as data and not as exceptions. Every function that may fail returns JSON text, either `{"value": ...}`
//! or `{"error": {code, message, statusCode, details?, retryAfter?}}` (`sentri_core::wire`).
//!
//! Work that takes time is a [`job::Job`] on a runtime of our own. The event loop or the blocked thread of the host
//! that waits for the job also runs the host's functions for it. So these functions stay in the host's thread, task and
//! context, and our threads never call them.

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
