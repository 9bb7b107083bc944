//! The core of sentri: every decision about users, sessions, tokens and requests.
//!
//! [`AuthServer`] owns users, sessions and keys; bindings convert requests into [`http::Request`] and write
//! [`http::Handled`] back. The pure modules (`token`, `password`, `identifier`, `limit`, `access`) can be used alone.

#![forbid(unsafe_code)]

pub mod access;
pub mod cache;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod duration;
pub mod error;
pub mod event;
pub mod failure;
pub mod generations;
pub mod hook;
pub mod http;
pub mod idempotency;
pub mod identifier;
pub mod json;
pub mod limit;
pub mod password;
pub mod programmatic;
pub mod redis;
pub mod server;
pub mod service;
pub mod session;
pub mod store;
pub mod token;

pub use error::{Error, ErrorCode};
pub use server::{AuthServer, Host};
