//! Passwords without a server. Arguments are a JSON list, answers as everywhere.

#![cfg_attr(test, allow(dead_code, reason = "napi registers no functions under test"))]

use napi::bindgen_prelude::AsyncBlock;
use napi_derive::napi;
use sentri_core::standalone;

use crate::guardian::run;
use crate::outcome::{outcome, parse};

/// Runs a password function by its name (`sentri_core::standalone::call`).
#[napi(ts_return_type = "Promise<string>")]
pub fn call_standalone(env: napi::Env, method: String, arguments: String) -> napi::Result<AsyncBlock<String>> {
    run(env, async move { outcome(standalone::call(&method, &parse(&arguments)).await) })
}

/// Whether a hash is weaker than what the options would make now: `[hash, options?]`.
#[napi(catch_unwind)]
pub fn needs_rehash(arguments: String) -> String {
    outcome(standalone::needs_rehash(&parse(&arguments)))
}
