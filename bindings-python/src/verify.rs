//! The hot path: free functions over a number, because entering a method of a class costs more than a verification.

use std::sync::{Arc, PoisonError, RwLock};

use sentri_core::{AuthClient, AuthServer, ErrorCode, wire};

use crate::job::{self, Job};
use crate::runtime::{self, Home};

/// What a number stands for.
pub enum Numbered {
    Server(AuthServer),
    Client(AuthClient),
}

impl From<AuthServer> for Numbered {
    fn from(server: AuthServer) -> Self {
        Self::Server(server)
    }
}

impl From<AuthClient> for Numbered {
    fn from(client: AuthClient) -> Self {
        Self::Client(client)
    }
}

/// A server or a client, and the process that it works in.
type Entry = (Numbered, Arc<Home>);

static NUMBERED: RwLock<Vec<Option<Entry>>> = RwLock::new(Vec::new());

/// Gives a server or a client a number.
pub fn remember(numbered: Numbered, home: Arc<Home>) -> u32 {
    let mut all = NUMBERED.write().unwrap_or_else(PoisonError::into_inner);
    let free = all.iter().position(Option::is_none);
    let place = free.unwrap_or_else(|| {
        all.push(None);
        all.len() - 1
    });
    all[place] = Some((numbered, home));
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Takes a number back.
pub fn forget(number: u32) {
    let mut all = NUMBERED.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = all.get_mut(number as usize) {
        *place = None;
    }
}

fn with<T>(number: u32, run: impl FnOnce(&Entry) -> T) -> Option<T> {
    let all = NUMBERED.read().unwrap_or_else(PoisonError::into_inner);
    all.get(number as usize).and_then(Option::as_ref).map(run)
}

/// See `AuthServer::epoch` and `AuthClient::epoch`.
#[uniffi::export]
pub fn epoch(number: u32) -> u32 {
    let epoch = with(number, |(numbered, _)| match numbered {
        Numbered::Server(server) => server.epoch(),
        Numbered::Client(client) => client.epoch(),
    });
    epoch.unwrap_or_default()
}

/// Verifies an access token (UTF-8): packed text (`wire::verified_text`), or `{"error"}`.
#[uniffi::export]
pub fn verify_access_token(server: u32, token: &[u8]) -> String {
    let token = std::str::from_utf8(token).unwrap_or_default();
    let verified = with(server, |(numbered, home)| {
        let Numbered::Server(server) = numbered else { return Err(ErrorCode::InternalError.into()) };
        // A forked child verifies with the keys that it has, and leaves the parent's connections alone.
        if server.keys_are_old()
            && home.settle().is_ok()
            && let Ok(runtime) = runtime::handle()
        {
            let _entered = runtime.enter();
            server.reload_keys();
        }
        server.verify_access_token(token)
    });
    let verified = verified.unwrap_or_else(|| Err(ErrorCode::InternalError.into()));
    verified.map_or_else(|error| wire::outcome(Err(error)), wire::verified_text)
}

/// Panics. For the test that shows what becomes of a panic.
#[uniffi::export]
pub fn panic_now(message: String) {
    runtime::keep_panics_quiet();
    std::panic::panic_any(message);
}

/// A job that panics. For the test that shows what becomes of a panic.
#[uniffi::export]
pub fn panic_later(message: String) -> Arc<Job> {
    job::start(async move { std::panic::panic_any(message) })
}
