//! The functions that every request calls. They find the server by a number, since entering a method of a class costs
//! more than a verification. They take borrowed bytes and return flat text, since texts and JSON cost more than a
//! signature.

use std::sync::Arc;

use sentri_core::numbered::Numbered;
use sentri_core::protect_host::Either;
use sentri_core::{AuthServer, Error, ErrorCode, wire};

use crate::job::{self, Job};
use crate::runtime::{self, Home};

/// The servers and clients by number, each with the process that it works in.
pub static NUMBERED: Numbered<(Either, Arc<Home>)> = Numbered::new();

fn none() -> Error {
    ErrorCode::InternalError.into()
}

/// Starts to look for keys that other processes made or withdrew, if the last look is too old. Requests and calls that
/// are answered from memory would not notice them otherwise. A forked child uses the keys that it has, and leaves the
/// parent's connections alone.
fn look_for_keys(server: &AuthServer, home: &Home) {
    home.settle();
    if server.keys_are_old()
        && home.is_here()
        && let Ok(runtime) = runtime::handle()
    {
        let _entered = runtime.enter();
        server.reload_keys();
    }
}

/// Returns the present epoch (`AuthServer::epoch`, `AuthClient::epoch`), and looks for new keys of a server. Returns 0
/// if there is no server or client of this number.
#[uniffi::export]
pub fn epoch(number: u32) -> u32 {
    let epoch = NUMBERED.with(number, |(either, home)| {
        either.server().into_iter().for_each(|server| look_for_keys(server, home));
        either.epoch()
    });
    epoch.unwrap_or_default()
}

/// Verifies an access token (UTF-8) and returns its claims as packed text (`wire::verified_text`), or `{"error"}`.
#[uniffi::export]
pub fn verify_access_token(server: u32, token: &[u8]) -> String {
    let token = std::str::from_utf8(token).unwrap_or_default();
    let verified = NUMBERED.with(server, |(either, home)| {
        let server = either.server().ok_or_else(none)?;
        look_for_keys(server, home);
        server.verify_access_token_with(token, wire::verified_text)
    });
    verified.unwrap_or_else(|| Err(none())).unwrap_or_else(|error| wire::outcome(Err(error)))
}

/// Signs an access token for claims in the flat form (UTF-8, `wire::read_claims_text`) and returns the token, or
/// `{"error"}`.
#[uniffi::export]
pub fn sign_access_token(server: u32, claims: &[u8]) -> String {
    let claims = wire::read_claims_text(std::str::from_utf8(claims).unwrap_or_default());
    let sign = |(either, _): &(Either, Arc<Home>)| either.server().ok_or_else(none)?.sign_access_token(&claims);
    let signed = NUMBERED.with(server, sign).unwrap_or_else(|| Err(none()));
    signed.unwrap_or_else(|error| wire::outcome(Err(error)))
}

/// Panics at once, for the tests of panics.
#[uniffi::export]
pub fn panic_now(message: String) {
    runtime::keep_panics_quiet();
    std::panic::panic_any(message);
}

/// Starts a job that panics, for the tests of panics.
#[uniffi::export]
pub fn panic_later(message: String) -> Arc<Job> {
    job::start(async move { std::panic::panic_any(message) })
}
