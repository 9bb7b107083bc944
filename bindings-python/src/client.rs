//! Wraps the core's `AuthClient` in a class that has a method for each of its methods. Texts are JSON
//! (`sentri_core::wire`).

use std::sync::Arc;

use sentri_core::clock::TestClock;
use sentri_core::{AuthClient, ClientHost, wire};
use serde_json::json;

use crate::job::{HostFunctions, Job};
use crate::protect_host::{Instance, User, test_clock};
use crate::runtime;

/// A client of an auth server, or the error that its options caused ([`NativeClient::configuration`]).
#[derive(uniffi::Object)]
pub struct NativeClient {
    instance: Instance<AuthClient>,
}

#[uniffi::export]
impl NativeClient {
    /// Checks the options and builds a client, without I/O. `functions` may name `isTokenRevoked`. With `test_clock`,
    /// in milliseconds since 1970, the clock stands at that instant until `set_clock` moves it.
    #[uniffi::constructor]
    pub fn new(options: String, functions: Vec<String>, test_clock: Option<i64>) -> Self {
        runtime::keep_panics_quiet();
        let clock = self::test_clock(test_clock);
        let time = clock.clone();
        let make = move || {
            let mut host = ClientHost { revocation: HostFunctions::revocation(&functions), ..ClientHost::default() };
            if let Some(clock) = &time {
                host.clock = Arc::<TestClock>::clone(clock);
            }
            AuthClient::new(&wire::parse(&options), host)
        };
        Self { instance: Instance::new(make, clock) }
    }

    /// Returns `{"error"}` if the options are wrong, else `{"value": [warnings]}`.
    pub fn configuration(&self) -> String {
        self.instance.answer(|_| Ok(json!([])))
    }

    /// Verifies an access token; the job's result is `{"value": {id, roles, sessionId, exp}}` or `{"error"}`. It does
    /// not call `isTokenRevoked`.
    pub fn verify_access_token(&self, token: String) -> Arc<Job> {
        self.instance.start(|client| async move {
            wire::outcome(client.verify_access_token(&token).await.map(wire::verified_value))
        })
    }

    /// Verifies an access token without waiting, and returns the same text as the job of `verify_access_token`. Returns
    /// nothing if a key set must be fetched first; then call `verify_access_token`.
    pub fn verify_access_token_now(&self, token: String) -> Option<String> {
        let verified = self.instance.within(|client| client.verify_access_token_now(&token))?;
        Some(wire::outcome(verified.map(wire::verified_value)))
    }

    /// Sets the test clock, in milliseconds since 1970. Without a test clock it does nothing.
    pub fn set_clock(&self, now: i64) {
        self.instance.set_clock(now);
    }

    /// Returns the number by which `epoch` finds this client.
    pub fn number(&self) -> u32 {
        self.instance.number()
    }

    /// Runs `protect()` without waiting and returns `{principal | error, answer?, headers, events, freshUntil, epoch}`.
    /// Returns nothing if the answer takes I/O or a decision of the host; then call `guard`.
    pub fn guard_now(&self, request: String, request_id: Option<String>) -> Option<String> {
        self.instance.guard_now(&request, request_id.as_deref())
    }

    /// Runs `protect()`; the job's result is the same JSON text as of `guard_now`.
    pub fn guard(&self, request: String, request_id: Option<String>) -> Arc<Job> {
        self.instance.guard(&request, request_id)
    }

    /// Checks the roles given to `authorize()`.
    pub fn check_roles(&self, required: Vec<String>) -> String {
        self.instance.check_roles(&required)
    }

    /// Runs `authorize()` and returns `{"value": {error?, events}}`.
    pub fn authorize(
        &self,
        id: Option<String>,
        roles: Vec<String>,
        withheld: Vec<String>,
        required: Vec<String>,
        request_id: Option<String>,
    ) -> String {
        self.instance.authorize(&User::new(id, roles, withheld), &required, request_id.as_deref())
    }

    /// Reads the requirement of `protect(acr=, max_age=)` and returns `{"value": {acr?, maxAge?, leeway}}`, with
    /// seconds as numbers, or `{"error"}`.
    pub fn requirement(&self, asked: String) -> String {
        self.instance.requirement(&asked)
    }

    /// Returns the refusal `{"value": {error, events}}` for a user whose authentication does not meet a requirement.
    pub fn step_up(&self, id: String, need: String, request_id: Option<String>) -> String {
        self.instance.step_up(&id, &need, request_id.as_deref())
    }

    /// Runs `permit()` and returns `{"value": {error?, events}}`. `verdict` is `passed`, `denied`, `withheld`,
    /// `unauthenticated`, or `bypass:` and the role that made the check needless.
    pub fn permit(
        &self,
        id: Option<String>,
        roles: Vec<String>,
        verdict: String,
        request_id: Option<String>,
    ) -> String {
        self.instance.permit(&User::new(id, roles, Vec::new()), &verdict, request_id.as_deref())
    }

    /// Returns the response for an error, `{"value": {status, headers, body}}`.
    pub fn error_response(&self, error: String) -> String {
        self.instance.error_response(&error)
    }

    /// Returns the present metrics, `{"value": text}`. The text is JSON, or with the format `prometheus` the text
    /// format of Prometheus. `remembered` counts the events of requests that the host answered from its own cache,
    /// `{name of an event: count}`.
    pub fn metrics(&self, remembered: String, format: String) -> String {
        self.instance.metrics(&remembered, &format)
    }

    /// Returns the access token of a request without verifying it, `{"value": text or null}`.
    pub fn access_token_of(&self, authorization: Option<String>, cookie: Option<String>) -> String {
        self.instance.access_token_of(authorization.as_deref(), cookie.as_deref())
    }
}
