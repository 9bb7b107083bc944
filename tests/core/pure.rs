//! Tests of the core: the pure decisions, by vectors and by properties.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "pure/access.rs"]
mod access;
#[path = "pure/assurance.rs"]
mod assurance;
#[path = "pure/authentication.rs"]
mod authentication;
#[path = "pure/authorization.rs"]
mod authorization;
#[path = "pure/claims.rs"]
mod claims;
#[path = "pure/client_ip.rs"]
mod client_ip;
#[path = "pure/cookie.rs"]
mod cookie;
#[path = "pure/cors.rs"]
mod cors;
#[path = "pure/credential.rs"]
mod credential;
#[path = "pure/decision.rs"]
mod decision;
#[path = "pure/device.rs"]
mod device;
#[path = "pure/device_cookie.rs"]
mod device_cookie;
#[path = "pure/duration.rs"]
mod duration;
#[path = "pure/factor.rs"]
mod factor;
#[path = "pure/fair.rs"]
mod fair;
#[path = "pure/flow.rs"]
mod flow;
#[path = "pure/foreign.rs"]
mod foreign;
#[path = "pure/guarded.rs"]
mod guarded;
#[path = "pure/idempotency.rs"]
mod idempotency;
#[path = "pure/identifier.rs"]
mod identifier;
#[path = "pure/import.rs"]
mod import;
#[path = "pure/key_set.rs"]
mod key_set;
#[path = "pure/limit.rs"]
mod limit;
#[path = "pure/limiters.rs"]
mod limiters;
#[path = "pure/memory.rs"]
mod memory;
#[path = "pure/numbered.rs"]
mod numbered;
#[path = "pure/options.rs"]
mod options;
#[path = "pure/origin.rs"]
mod origin;
#[path = "pure/password.rs"]
mod password;
#[path = "pure/preflight.rs"]
mod preflight;
#[path = "pure/query.rs"]
mod query;
#[path = "pure/remote.rs"]
mod remote;
#[path = "pure/ring_secrets.rs"]
mod ring_secrets;
#[path = "pure/session.rs"]
mod session;
#[path = "pure/shape.rs"]
mod shape;
#[path = "pure/shares.rs"]
mod shares;
#[path = "pure/standalone.rs"]
mod standalone;
#[path = "pure/telemetry.rs"]
mod telemetry;
#[path = "pure/token_choice.rs"]
mod token_choice;
#[path = "pure/trace.rs"]
mod trace;
#[path = "pure/vectors.rs"]
mod vectors;
#[path = "pure/withheld.rs"]
mod withheld;
