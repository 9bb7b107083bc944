//! The hot path: free functions over a number, because a method of a class costs more to enter than a verification's
//! own work, and flat texts, because an object costs more to make.

#![cfg_attr(test, allow(dead_code, reason = "napi registers no functions under test"))]

use std::fmt::Write as _;
use std::sync::{PoisonError, RwLock};

use napi_derive::napi;
use sentri_core::AuthServer;
use sentri_core::token::claims::AccessView;
use serde_json::json;

use crate::outcome::outcome;
use crate::text::Text;

static SERVERS: RwLock<Vec<Option<AuthServer>>> = RwLock::new(Vec::new());

/// Gives a server a number.
pub fn remember(server: AuthServer) -> u32 {
    let mut servers = SERVERS.write().unwrap_or_else(PoisonError::into_inner);
    let free = servers.iter().position(Option::is_none);
    let place = free.unwrap_or_else(|| {
        servers.push(None);
        servers.len() - 1
    });
    servers[place] = Some(server);
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Takes a number back.
pub fn forget(number: u32) {
    let mut servers = SERVERS.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = servers.get_mut(number as usize) {
        *place = None;
    }
}

fn with<T>(number: u32, run: impl FnOnce(&AuthServer) -> T) -> napi::Result<T> {
    let servers = SERVERS.read().unwrap_or_else(PoisonError::into_inner);
    let server = servers.get(number as usize).and_then(Option::as_ref);
    server.map(run).ok_or_else(|| napi::Error::from_reason("there is no such server"))
}

/// See `AuthServer::epoch`.
#[napi(catch_unwind)]
pub fn epoch(server: u32) -> napi::Result<u32> {
    with(server, AuthServer::epoch)
}

/// Verifies an access token: `exp` in seconds, id, session id (may be empty) and roles, each after a unit separator;
/// or JSON text when it is refused.
#[napi(catch_unwind)]
pub fn verify_access_token(server: u32, token: Text) -> napi::Result<Text> {
    with(server, |server| {
        if server.keys_are_old() {
            napi::bindgen_prelude::within_runtime_if_available(|| server.reload_keys());
        }
        let packed = server.verify_access_token_with(&token.0, pack);
        Text(packed.unwrap_or_else(|error| outcome(Err(error))))
    })
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
