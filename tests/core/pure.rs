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
#[path = "pure/client_ip.rs"]
mod client_ip;
#[path = "pure/cookie.rs"]
mod cookie;
#[path = "pure/cors.rs"]
mod cors;
#[path = "pure/device.rs"]
mod device;
#[path = "pure/duration.rs"]
mod duration;
#[path = "pure/factor.rs"]
mod factor;
#[path = "pure/fair.rs"]
mod fair;
#[path = "pure/flow.rs"]
mod flow;
#[path = "pure/idempotency.rs"]
mod idempotency;
#[path = "pure/identifier.rs"]
mod identifier;
#[path = "pure/import.rs"]
mod import;
#[path = "pure/limit.rs"]
mod limit;
#[path = "pure/memory.rs"]
mod memory;
#[path = "pure/options.rs"]
mod options;
#[path = "pure/origin.rs"]
mod origin;
#[path = "pure/password.rs"]
mod password;
#[path = "pure/preflight.rs"]
mod preflight;
#[path = "pure/remote.rs"]
mod remote;
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
#[path = "pure/trace.rs"]
mod trace;
#[path = "pure/vectors.rs"]
mod vectors;
#[path = "pure/withheld.rs"]
mod withheld;
