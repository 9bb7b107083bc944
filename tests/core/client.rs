//! Client mode: a client before real issuers on the loopback, honest and hostile ones.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod client {
    pub mod fetching;
    pub mod guard;
    pub mod hostile;
    pub mod issuer;
    pub mod options;
    pub mod rotation;
    pub mod tls;
    pub mod tokens;
}
#[path = "token/fixtures.rs"]
#[allow(dead_code, reason = "shared with the token tests")]
mod fixtures;
mod support;
