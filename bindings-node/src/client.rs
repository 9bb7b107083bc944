//! Wraps the core's `AuthClient` in a JavaScript class that has a method for each of its methods.

use std::sync::Arc;

use napi::bindgen_prelude::AsyncBlock;
use napi_derive::napi;
use sentri_core::clock::TestClock;
use sentri_core::{AuthClient, ClientHost, wire};
use serde_json::json;

use crate::foreign::NativeCallbacks;
use crate::outcome::{outcome, parse};
use crate::protect_host::{self, InstanceResult, get};
use crate::types::NativeGuardRequest;
use crate::verify::NUMBERED;

/// A client of an auth server, or the error that its options caused ([`NativeClient::configuration`]).
#[napi]
pub struct NativeClient {
    client: InstanceResult<AuthClient>,
    clock: Option<Arc<TestClock>>,
    number: u32,
}

impl Drop for NativeClient {
    fn drop(&mut self) {
        NUMBERED.forget(self.number);
    }
}

#[napi]
impl NativeClient {
    /// Checks the options (JSON text) and builds a client, without I/O. With `test_clock`, in milliseconds since 1970,
    /// the clock stands at that instant until `set_clock` moves it.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String, callbacks: NativeCallbacks<'_>, test_clock: Option<f64>) -> napi::Result<Self> {
        let clock = protect_host::test_clock(test_clock);
        let mut host = ClientHost { revocation: callbacks.into_revocation()?, ..ClientHost::default() };
        if let Some(clock) = &clock {
            host.clock = Arc::<TestClock>::clone(clock);
        }
        let client = AuthClient::new(&parse(&options), host);
        let number = client.as_ref().map_or(u32::MAX, |client| NUMBERED.remember(client.clone().into()));
        Ok(Self { client, clock, number })
    }

    /// Returns `{"error": ...}` if the options are wrong, else `{"value": [warnings]}`.
    #[napi(catch_unwind)]
    pub fn configuration(&self) -> String {
        outcome(self.client.as_ref().map(|_| json!([])).map_err(Clone::clone))
    }

    /// Sets the test clock, in milliseconds since 1970. Without a test clock it does nothing.
    #[napi(catch_unwind)]
    pub fn set_clock(&self, now: f64) {
        protect_host::set_clock(self.clock.as_ref(), now);
    }

    /// Returns the number by which `epoch` finds this client.
    #[napi(catch_unwind)]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Runs `protect()` without waiting and returns `{principal | error, answer?, headers, events, freshUntil, epoch}`.
    /// Returns null if the answer takes I/O or a decision of the host; then call `guard`.
    #[napi(catch_unwind)]
    pub fn guard_now(&self, request: NativeGuardRequest, request_id: Option<String>) -> napi::Result<Option<String>> {
        Ok(protect_host::guard_now(get(&self.client)?, request, request_id.as_deref()))
    }

    /// Runs `protect()` and resolves to the same JSON text as `guardNow`. `host_context` is the host's number for the
    /// request, which the core passes on to `isTokenRevoked`.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn guard(
        &self,
        env: napi::Env,
        request: NativeGuardRequest,
        request_id: Option<String>,
        host_context: Option<u32>,
    ) -> napi::Result<AsyncBlock<String>> {
        protect_host::guard(env, get(&self.client)?, request, request_id, host_context)
    }

    /// Checks the roles given to `authorize()`.
    #[napi(catch_unwind)]
    pub fn check_roles(&self, required: Vec<String>) -> napi::Result<String> {
        Ok(protect_host::check_roles(get(&self.client)?, &required))
    }

    /// Runs `authorize()` and returns `{error?, events}`.
    #[napi(catch_unwind)]
    pub fn authorize(
        &self,
        id: Option<String>,
        roles: Option<Vec<String>>,
        withheld: Option<Vec<String>>,
        required: Vec<String>,
        request_id: Option<String>,
    ) -> napi::Result<String> {
        Ok(protect_host::authorize(get(&self.client)?, &(id, roles, withheld), &required, request_id.as_deref()))
    }

    /// Reads the requirement of `protect({acr, maxAge})`, see [`protect_host::requirement`].
    #[napi(catch_unwind)]
    pub fn requirement(&self, asked: String) -> napi::Result<String> {
        Ok(protect_host::requirement(get(&self.client)?, &asked))
    }

    /// Returns the refusal `{error, events}` for a user whose authentication does not meet a requirement of
    /// [`protect_host::requirement`].
    #[napi(catch_unwind)]
    pub fn step_up(&self, id: String, need: String, request_id: Option<String>) -> napi::Result<String> {
        Ok(protect_host::step_up(get(&self.client)?, &id, &need, request_id.as_deref()))
    }

    /// Runs `permit()` and returns `{error?, events}`, see [`protect_host::permit`].
    #[napi(catch_unwind)]
    pub fn permit(
        &self,
        id: Option<String>,
        roles: Option<Vec<String>>,
        verdict: String,
        request_id: Option<String>,
    ) -> napi::Result<String> {
        Ok(protect_host::permit(get(&self.client)?, &(id, roles, None), &verdict, request_id.as_deref()))
    }

    /// Returns the present metrics, see [`protect_host::metrics`].
    #[napi(catch_unwind)]
    pub fn metrics(&self, remembered: String, format: String) -> napi::Result<String> {
        Ok(protect_host::metrics(get(&self.client)?, &remembered, &format))
    }

    /// Returns the response for an error, `{status, headers, body}`.
    #[napi(catch_unwind)]
    pub fn error_response(&self, error: String) -> napi::Result<String> {
        Ok(protect_host::error_response(get(&self.client)?, &error))
    }

    /// Verifies an access token and resolves to `{"value": {id, roles, sessionId, exp}}` or `{"error": ...}`. It does
    /// not call `isTokenRevoked`.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn verify_access_token(&self, env: napi::Env, token: String) -> napi::Result<AsyncBlock<String>> {
        let client = get(&self.client)?.clone();
        protect_host::run(
            env,
            async move { outcome(client.verify_access_token(&token).await.map(wire::verified_value)) },
        )
    }

    /// Returns the access token of a request without verifying it, or null if the request has none.
    #[napi(catch_unwind)]
    pub fn access_token_of(
        &self,
        authorization: Option<String>,
        cookie: Option<String>,
    ) -> napi::Result<Option<String>> {
        Ok(get(&self.client)?.access_token_of(authorization.as_deref(), cookie.as_deref()))
    }
}
