//! Functions that need no server: passwords, and the options and messages of `sentri serve`. The arguments of a
//! password function are a JSON list.

#![cfg_attr(test, allow(dead_code, reason = "napi registers no functions under test"))]

use napi::bindgen_prelude::AsyncBlock;
use napi_derive::napi;
use sentri_core::{settings, standalone};

use crate::outcome::{outcome, parse};
use crate::protect_host::run;

/// Runs a password function by its name (`sentri_core::standalone::call`).
#[napi(ts_return_type = "Promise<string>")]
pub fn call_standalone(env: napi::Env, method: String, args: String) -> napi::Result<AsyncBlock<String>> {
    run(env, async move { outcome(standalone::call(&method, &parse(&args)).await) })
}

/// Whether a hash is weaker than a hash by the options would be. The arguments are `[hash, options?]`.
#[napi(catch_unwind)]
pub fn needs_rehash(args: String) -> String {
    outcome(standalone::needs_rehash(&parse(&args)))
}

/// Reads the options of `sentri serve` from flags, environment and file (`sentri_core::settings::settle`).
#[napi(catch_unwind)]
pub fn settle_options(given: String) -> String {
    settings::settle_text(&given)
}

/// Writes a message of `sentri serve` as a mail or a signed request (`sentri_core::settings::compose`).
#[napi(catch_unwind)]
pub fn compose_message(given: String) -> String {
    settings::compose::compose_text(&given)
}

/// Reads the options that SIGHUP changes (`sentri_core::settings::reload`).
#[napi(catch_unwind)]
pub fn reload_options(settled: String) -> String {
    settings::reload::reload_text(&settled)
}
