//! The token engine against tables, RFC examples, Project Wycheproof, an independent engine and an attacker.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "token/fixtures.rs"]
mod fixtures;
#[path = "token/keyring.rs"]
mod keyring;
#[path = "token/keys.rs"]
mod keys;
#[path = "token/mutation.rs"]
mod mutation;
#[path = "token/oracle.rs"]
mod oracle;
#[path = "token/vectors.rs"]
mod vectors;
#[path = "token/wycheproof_suite.rs"]
mod wycheproof_suite;
