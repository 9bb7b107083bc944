//! The hot path: free functions over a number, because a method of a class costs more to enter than a verification's
//! own work, and flat texts, because an object costs more to make.

#![cfg_attr(test, allow(dead_code, reason = "napi registers no functions under test"))]

use std::fmt::Write as _;
use std::sync::{PoisonError, RwLock};

use napi_derive::napi;
use sentri_core::server::VerifiedAccess;
use sentri_core::token::claims::AccessView;
use sentri_core::{AuthClient, AuthServer};
use serde_json::{Value, json};

use crate::outcome::outcome;
use crate::text::Text;

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

static NUMBERED: RwLock<Vec<Option<Numbered>>> = RwLock::new(Vec::new());

/// Gives a server or a client a number.
pub fn remember(numbered: Numbered) -> u32 {
    let mut all = NUMBERED.write().unwrap_or_else(PoisonError::into_inner);
    let free = all.iter().position(Option::is_none);
    let place = free.unwrap_or_else(|| {
        all.push(None);
        all.len() - 1
    });
    all[place] = Some(numbered);
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Takes a number back.
pub fn forget(number: u32) {
    let mut all = NUMBERED.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = all.get_mut(number as usize) {
        *place = None;
    }
}

fn with<T>(number: u32, run: impl FnOnce(&Numbered) -> Option<T>) -> napi::Result<T> {
    let all = NUMBERED.read().unwrap_or_else(PoisonError::into_inner);
    let found = all.get(number as usize).and_then(Option::as_ref);
    found.and_then(run).ok_or_else(|| napi::Error::from_reason("there is no such server"))
}

/// See `AuthServer::epoch` and `AuthClient::epoch`.
#[napi(catch_unwind)]
pub fn epoch(number: u32) -> napi::Result<u32> {
    with(number, |numbered| {
        Some(match numbered {
            Numbered::Server(server) => server.epoch(),
            Numbered::Client(client) => client.epoch(),
        })
    })
}

/// Verifies an access token: `exp` in seconds, id, session id (may be empty) and roles, each after a unit separator;
/// or JSON text when it is refused.
#[napi(catch_unwind)]
pub fn verify_access_token(server: u32, token: Text) -> napi::Result<Text> {
    with(server, |numbered| {
        let Numbered::Server(server) = numbered else { return None };
        if server.keys_are_old() {
            napi::bindgen_prelude::within_runtime_if_available(|| server.reload_keys());
        }
        let packed = server.verify_access_token_with(&token.0, pack);
        Some(Text(packed.unwrap_or_else(|error| outcome(Err(error)))))
    })
}

/// `{id, roles, sessionId, exp}`
pub fn value(verified: VerifiedAccess) -> Value {
    let VerifiedAccess { id, roles, session_id, exp } = verified;
    json!({ "id": id, "roles": roles, "sessionId": session_id, "exp": exp })
}

/// The separator of packed texts; a claim that holds it crosses as JSON.
const SEPARATOR: char = '\u{1f}';

fn pack(claims: AccessView<'_>) -> String {
    let AccessView { id, roles, session_id, exp, .. } = claims;
    let session = session_id.as_deref().unwrap_or_default();
    if id.contains(SEPARATOR) || session.contains(SEPARATOR) || roles.iter().any(|role| role.contains(SEPARATOR)) {
        return outcome(Ok(json!({ "id": id, "roles": roles, "sessionId": session_id })));
    }
    let mut text = String::with_capacity(160);
    let _ = write!(text, "{exp}");
    for part in [&*id, session].into_iter().chain(roles.iter().map(|role| &**role)) {
        text.push(SEPARATOR);
        text.push_str(part);
    }
    text
}
