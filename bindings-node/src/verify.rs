//! The functions that every request calls. They find the server by a number, since entering a method of a class costs
//! more than the verification itself, and return flat texts, since making an object costs more.

#![cfg_attr(test, allow(dead_code, reason = "napi registers no functions under test"))]

use napi_derive::napi;
use sentri_core::numbered::Numbered;
use sentri_core::protect_host::Either;
use sentri_core::{AuthServer, wire};

use crate::outcome::outcome;
use crate::text::Text;
use crate::window::Window;

/// The servers and clients of this process, by number.
pub static NUMBERED: Numbered<Either> = Numbered::new();

fn with<T>(number: u32, run: impl FnOnce(&Either) -> Option<T>) -> napi::Result<T> {
    let found = NUMBERED.with(number, run).flatten();
    found.ok_or_else(|| napi::Error::from_reason("there is no such server"))
}

/// Starts to look for keys that other processes made or withdrew, if the last look is too old. Requests and calls that
/// are answered from memory would not notice them otherwise.
pub fn look_for_keys(server: &AuthServer) {
    if server.keys_are_old() {
        napi::bindgen_prelude::within_runtime_if_available(|| server.reload_keys());
    }
}

/// Returns memory that always holds the present epoch, for a `Uint32Array`, or null if the engine can't share memory;
/// then call `epoch`. A reader of the memory must call `epoch` now and then, too, since that call looks for new keys.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer | null")]
pub fn epoch_window(number: u32) -> napi::Result<Window> {
    with(number, |either| Some(Window(either.epochs().shared())))
}

/// Returns the present epoch (`AuthServer::epoch`, `AuthClient::epoch`), and looks for new keys of a server.
#[napi(catch_unwind)]
pub fn epoch(number: u32) -> napi::Result<u32> {
    with(number, |either| {
        either.server().into_iter().for_each(look_for_keys);
        Some(either.epoch())
    })
}

/// Verifies an access token and returns its claims as packed text (`wire::verified_text`), or the error as JSON text.
#[napi(catch_unwind)]
pub fn verify_access_token(server: u32, token: Text) -> napi::Result<Text> {
    with(server, |either| {
        let server = either.server()?;
        look_for_keys(server);
        let packed = server.verify_access_token_with(&token.0, wire::verified_text);
        Some(Text(packed.unwrap_or_else(|error| outcome(Err(error)))))
    })
}
