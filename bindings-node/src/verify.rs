//! The hot path: free functions over a number, because a method of a class costs more to enter than a verification's
//! own work, and flat texts, because an object costs more to make.

#![cfg_attr(test, allow(dead_code, reason = "napi registers no functions under test"))]

use napi_derive::napi;
use sentri_core::numbered::Numbered;
use sentri_core::protect_host::Either;
use sentri_core::{AuthServer, wire};

use crate::outcome::outcome;
use crate::text::Text;
use crate::window::Window;

/// Servers and clients.
pub static NUMBERED: Numbered<Either> = Numbered::new();

fn with<T>(number: u32, run: impl FnOnce(&Either) -> Option<T>) -> napi::Result<T> {
    let found = NUMBERED.with(number, run).flatten();
    found.ok_or_else(|| napi::Error::from_reason("there is no such server"))
}

/// Looks for keys that other processes made or withdrew, at requests and calls that are answered from memory.
fn look_for_keys(server: &AuthServer) {
    if server.keys_are_old() {
        napi::bindgen_prelude::within_runtime_if_available(|| server.reload_keys());
    }
}

/// The epoch as memory that always holds its present value, for a `Uint32Array`; null: call `epoch`. Its reader must
/// call `epoch` now and then, too.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer | null")]
pub fn epoch_window(number: u32) -> napi::Result<Window> {
    with(number, |either| Some(Window(either.epochs().shared())))
}

/// See `AuthServer::epoch` and `AuthClient::epoch`.
#[napi(catch_unwind)]
pub fn epoch(number: u32) -> napi::Result<u32> {
    with(number, |either| {
        either.server().into_iter().for_each(look_for_keys);
        Some(either.epoch())
    })
}

/// Verifies an access token: packed text (`wire::verified_text`), or JSON text when it is refused.
#[napi(catch_unwind)]
pub fn verify_access_token(server: u32, token: Text) -> napi::Result<Text> {
    with(server, |either| {
        let server = either.server()?;
        look_for_keys(server);
        let packed = server.verify_access_token_with(&token.0, wire::verified_text);
        Some(Text(packed.unwrap_or_else(|error| outcome(Err(error)))))
    })
}
