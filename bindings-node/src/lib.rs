//! The Node binding of sentri: converts, calls the core, converts. It decides nothing.
//!
//! Errors cross as data, never as exceptions of the boundary: every function that may fail answers JSON text, either
//! `{"value": ...}` or `{"error": {code, message, statusCode, details?, retryAfter?}}`.

#![deny(clippy::too_many_lines)]

mod client;
mod drain;
mod foreign;
mod idempotency;
mod outcome;
mod protect_host;
mod server;
mod server_tokens;
mod standalone;
mod text;
mod types;
mod verify;
mod window;
