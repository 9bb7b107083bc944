//! One class over `AuthClient`; a method for each of its methods. Texts are JSON (`sentri_core::wire`).

use std::sync::Arc;

use sentri_core::clock::TestClock;
use sentri_core::{AuthClient, ClientHost, wire};
use serde_json::json;

use crate::job::{HostFunctions, Job};
use crate::protect_host::{Instance, User, test_clock};
use crate::runtime;

/// A client of an auth server, or the reason why the options make none ([`NativeClient::configuration`]).
#[derive(uniffi::Object)]
pub struct NativeClient {
    instance: Instance<AuthClient>,
}

#[uniffi::export]
impl NativeClient {
    /// Checks the options and builds a client; no I/O. `functions` may name `isTokenRevoked`. With `test_clock` time
    /// stays there until it is set.
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

    /// `{"error"}` when the options are wrong, else `{"value": [warnings]}`.
    pub fn configuration(&self) -> String {
        self.instance.answer(|_| Ok(json!([])))
    }

    /// Verifies an access token: `{id, roles, sessionId, exp}`; the host is not asked about its session.
    pub fn verify_access_token(&self, token: String) -> Arc<Job> {
        self.instance.start(|client| async move {
            wire::outcome(client.verify_access_token(&token).await.map(wire::verified_value))
        })
    }

    /// The same without waiting, or nothing: call `verify_access_token`.
    pub fn verify_access_token_now(&self, token: String) -> Option<String> {
        let verified = self.instance.within(|client| client.verify_access_token_now(&token))?;
        Some(wire::outcome(verified.map(wire::verified_value)))
    }

    /// Moves the test clock, in milliseconds since 1970.
    pub fn set_clock(&self, now: i64) {
        self.instance.set_clock(now);
    }

    /// The number under which `epoch` and Python's `verify_access_token` know it.
    pub fn number(&self) -> u32 {
        self.instance.number()
    }

    /// `protect()` without waiting: `{principal | error, answer?, headers, events, freshUntil, epoch}`, or nothing:
    /// call `guard`.
    pub fn guard_now(&self, request: String, request_id: Option<String>) -> Option<String> {
        self.instance.guard_now(&request, request_id.as_deref())
    }

    /// `protect()`.
    pub fn guard(&self, request: String, request_id: Option<String>) -> Arc<Job> {
        self.instance.guard(&request, request_id)
    }

    /// Checks the roles given to `authorize()`.
    pub fn check_roles(&self, required: Vec<String>) -> String {
        self.instance.check_roles(&required)
    }

    /// `authorize()`: `{"value": {error?, events}}`.
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

    /// Reads the requirement of `protect(acr=, max_age=)`: `{"value": {acr?, maxAge?, leeway}}` or `{"error"}`.
    pub fn requirement(&self, asked: String) -> String {
        self.instance.requirement(&asked)
    }

    /// Words the refusal for a requirement: `{"value": {error, events}}`.
    pub fn step_up(&self, id: String, need: String, request_id: Option<String>) -> String {
        self.instance.step_up(&id, &need, request_id.as_deref())
    }

    /// `permit()`: `{"value": {error?, events}}`. `verdict` is `passed`, `denied`, `withheld`, `unauthenticated`, or
    /// `bypass:` and a role.
    pub fn permit(
        &self,
        id: Option<String>,
        roles: Vec<String>,
        verdict: String,
        request_id: Option<String>,
    ) -> String {
        self.instance.permit(&User::new(id, roles, Vec::new()), &verdict, request_id.as_deref())
    }

    /// The response for an error: `{"value": {status, headers, body}}`.
    pub fn error_response(&self, error: String) -> String {
        self.instance.error_response(&error)
    }

    /// The present numbers: `{"value": text}`, which is JSON, or with `prometheus` the text format of Prometheus.
    /// `remembered` is `{name of an event: count}`.
    pub fn metrics(&self, remembered: String, format: String) -> String {
        self.instance.metrics(&remembered, &format)
    }

    /// The access token that a request brings, unverified: `{"value": text or null}`.
    pub fn access_token_of(&self, authorization: Option<String>, cookie: Option<String>) -> String {
        self.instance.access_token_of(authorization.as_deref(), cookie.as_deref())
    }
}
