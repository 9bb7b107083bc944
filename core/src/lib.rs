//! The core of sentri: every decision about users, sessions, tokens and requests.
//!
//! [`AuthServer`] owns users, sessions and keys. Bindings convert requests to [`http::Request`] and write
//! [`http::Handled`] back. [`AuthClient`] guards the routes of another application by the server's public keys. The
//! pure modules (`token`, `password`, `identifier`, `limit`, `access`) can be used alone.

#![deny(clippy::too_many_lines)]
#![forbid(unsafe_code)]

pub mod access;
pub mod assurance;
pub mod audit;
pub mod authentication;
pub mod cache;
pub mod client;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod duration;
pub mod epoch;
pub mod error;
pub mod event;
pub mod factor;
pub mod failure;
pub mod flow;
pub mod generations;
pub mod histogram;
pub mod hook;
pub mod host;
pub mod http;
pub mod idempotency;
pub mod identifier;
pub mod import;
pub mod json;
pub mod key_source;
pub mod limit;
pub mod message;
pub mod numbered;
pub mod password;
pub mod programmatic;
pub mod protect_host;
pub mod redis;
pub mod server;
pub mod service;
pub mod session;
pub mod settings;
pub mod standalone;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod tls;
pub mod token;
mod url;
pub mod use_case;
pub mod web;
pub mod wire;

pub use client::{AuthClient, ClientHost};
pub use error::{Error, ErrorCode};
pub use server::{AuthServer, Host};
