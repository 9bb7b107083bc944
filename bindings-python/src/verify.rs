//! The functions that every request calls. They find the server by a number, since entering a method of a class costs
//! more than a verification. They take borrowed bytes and return flat text, since texts and JSON cost more than a
//! signature.

use std::sync::Arc;

use sentri_core::numbered::Numbered;
use sentri_core::protect_host::Either;
use sentri_core::{AuthServer, Error, ErrorCode, wire};

use crate::job::{self, Job};
use crate::runtime::{self, Home};

/// The servers and clients by number.
pub static NUMBERED: Numbered<Entry> = Numbered::new();

/// A server or client, the process that it works in, and the source of that of another process.
pub struct Entry {
    pub either: Either,
    pub home: Arc<Home>,
    pub origin: Arc<dyn Origin>,
}

/// Makes a server or client again in a forked child.
pub trait Origin: Send + Sync {
    /// Puts the server or client of this process under the number, if that has not been done.
    fn renew(self: Arc<Self>, number: u32) -> Result<(), Error>;
}

fn none() -> Error {
    ErrorCode::InternalError.into()
}

/// Starts to look for keys that other processes made or withdrew, if the last look is too old. Requests and calls that
/// are answered from memory would not notice them otherwise.
pub fn look_for_keys(server: &AuthServer) {
    if server.keys_are_old()
        && let Ok(runtime) = runtime::handle()
    {
        let _entered = runtime.enter();
        server.reload_keys();
    }
}

impl Entry {
    /// Runs [`look_for_keys`]. Returns false if a look is due and the server is that of the parent of this process,
    /// whose connections must be left alone. The id of the process is read only then.
    fn looks_for_keys(&self) -> bool {
        let Some(server) = self.either.server() else { return true };
        self.home.settle();
        if server.keys_are_old() && !self.home.is_here() {
            return false;
        }
        look_for_keys(server);
        true
    }
}

/// Runs `run` on a server or client. A forked child uses the keys of its parent until a look for keys is due. Then it
/// gets a server of its own.
fn with<T>(number: u32, run: impl Fn(&Either) -> Result<T, Error>) -> Result<T, Error> {
    let here =
        |entry: &Entry| entry.looks_for_keys().then(|| run(&entry.either)).ok_or_else(|| Arc::clone(&entry.origin));
    // Renewed without the lock, since that takes the place of the entry.
    let origin = match NUMBERED.with(number, here) {
        Some(Ok(outcome)) => return outcome,
        Some(Err(origin)) => origin,
        None => return Err(none()),
    };
    origin.renew(number)?;
    NUMBERED.with(number, here).and_then(Result::ok).unwrap_or_else(|| Err(none()))
}

/// Returns the present epoch (`AuthServer::epoch`, `AuthClient::epoch`), and looks for new keys of a server. Returns 0
/// if there is no server or client of this number.
#[uniffi::export]
pub fn epoch(number: u32) -> u32 {
    with(number, |either| Ok(either.epoch())).unwrap_or_default()
}

/// Verifies an access token (UTF-8) and returns its claims as packed text (`wire::verified_text`), or `{"error"}`.
#[uniffi::export]
pub fn verify_access_token(server: u32, token: &[u8]) -> String {
    let token = std::str::from_utf8(token).unwrap_or_default();
    with(server, |either| either.server().ok_or_else(none)?.verify_access_token_with(token, wire::verified_text))
        .unwrap_or_else(|error| wire::outcome(Err(error)))
}

/// Signs an access token for claims in the flat form (UTF-8, `wire::read_claims_text`) and returns the token, or
/// `{"error"}`.
#[uniffi::export]
pub fn sign_access_token(server: u32, claims: &[u8]) -> String {
    let claims = wire::read_claims_text(std::str::from_utf8(claims).unwrap_or_default());
    with(server, |either| either.server().ok_or_else(none)?.sign_access_token(&claims))
        .unwrap_or_else(|error| wire::outcome(Err(error)))
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
