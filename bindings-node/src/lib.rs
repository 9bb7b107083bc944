//! The Node binding of sentri. It converts arguments, calls the core and converts the results; it decides nothing.
//!
//! Errors cross as data and not as exceptions. Every function that may fail returns JSON text, either `{"value": ...}`
//! or `{"error": {code, message, statusCode, details?, retryAfter?}}`.

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
