//! One class over `AuthServer`; a method for each of its methods. Texts are JSON (`sentri_core::wire`).

use std::sync::Arc;

use sentri_core::clock::TestClock;
use sentri_core::event::Event;
use sentri_core::server::PermitOutcome;
use sentri_core::{AuthServer, Error, Host, wire};
use serde_json::{Value, json};

use crate::job::{self, HostFunctions, Job};
use crate::runtime::{self, Home};
use crate::verify;

/// An auth server, or the reason why the options make none ([`NativeServer::configuration`]).
#[derive(uniffi::Object)]
pub struct NativeServer {
    server: Result<AuthServer, Error>,
    clock: Option<Arc<TestClock>>,
    number: u32,
    home: Home,
}

impl Drop for NativeServer {
    fn drop(&mut self) {
        verify::forget(self.number);
    }
}

impl NativeServer {
    fn get(&self) -> Result<&AuthServer, Error> {
        self.server.as_ref().map_err(Clone::clone)
    }

    /// Starts work with the server, unless it belongs to another process.
    fn start<F: Future<Output = String> + Send + 'static>(&self, work: impl FnOnce(AuthServer) -> F) -> Arc<Job> {
        match self.home.settle().and_then(|()| self.get()) {
            Ok(server) => job::start(work(server.clone())),
            Err(error) => job::refuse(error),
        }
    }

    fn answer(&self, run: impl FnOnce(&AuthServer) -> Result<Value, Error>) -> String {
        wire::outcome(self.get().and_then(run))
    }
}

/// Words events under a request's id.
fn log(server: &AuthServer, request_id: Option<&str>) -> impl Fn(&Event) -> (sentri_core::event::Level, Value) {
    move |event| server.log_entry(event, request_id)
}

fn user<'a>(id: Option<&'a String>, roles: &'a [String]) -> Option<(&'a str, &'a [String])> {
    Some((id?.as_str(), roles))
}

#[uniffi::export]
impl NativeServer {
    /// Checks the options and builds a server; no I/O. `functions` names what the host overrides. With `test_clock` time
    /// stands there until it is set.
    #[uniffi::constructor]
    pub fn new(options: String, functions: Vec<String>, test_clock: Option<i64>) -> Self {
        runtime::keep_panics_quiet();
        let mut host = Host::default();
        HostFunctions::install(&functions, &mut host);
        let clock = test_clock.map(|now| Arc::new(TestClock::at(now)));
        if let Some(clock) = &clock {
            host.clock = Arc::<TestClock>::clone(clock);
        }
        let server = AuthServer::new(&wire::parse(&options), host);
        let number = server.as_ref().map_or(u32::MAX, |server| verify::remember(server.clone()));
        Self { server, clock, number, home: Home::default() }
    }

    /// `{"error"}` when the options are wrong, else `{"value": [warnings]}`.
    pub fn configuration(&self) -> String {
        self.answer(|server| Ok(json!(server.warnings())))
    }

    /// Moves the test clock, in milliseconds since 1970.
    pub fn set_clock(&self, now: i64) {
        if let Some(clock) = &self.clock {
            clock.set(now);
        }
    }

    /// The number under which `verify_access_token` and `epoch` know this server.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether an endpoint serves this.
    pub fn has_route(&self, method: String, path: String) -> bool {
        self.get().is_ok_and(|server| server.has_route(&method, &path))
    }

    /// Serves a request (`wire::read_request`): `{response, events, effects}`.
    pub fn handle(&self, request: String, raw: Option<Vec<u8>>) -> Arc<Job> {
        let request = wire::read_request(&wire::parse(&request), raw);
        self.start(|server| async move {
            let request_id = request.request_id.clone();
            let handled = server.handle(request).await;
            wire::handled_value(handled, &log(&server, request_id.as_deref())).to_string()
        })
    }

    /// `protect()` without waiting: `{principal | error, headers, events, freshUntil, epoch}`, or nothing: call `guard`.
    pub fn guard_now(&self, request: String, request_id: Option<String>) -> Option<String> {
        let server = self.get().ok()?;
        self.home.settle().ok()?;
        let _runtime = runtime::handle().ok()?;
        let entered = _runtime.enter();
        let epoch = server.epoch();
        let guarded = server.guard_now(&wire::read_guard_request(&wire::parse(&request)))?;
        drop(entered);
        Some(wire::guarded_value(guarded, epoch, &log(server, request_id.as_deref())).to_string())
    }

    /// `protect()`.
    pub fn guard(&self, request: String, request_id: Option<String>) -> Arc<Job> {
        let request = wire::read_guard_request(&wire::parse(&request));
        self.start(|server| async move {
            let epoch = server.epoch();
            let guarded = server.guard(&request).await;
            wire::guarded_value(guarded, epoch, &log(&server, request_id.as_deref())).to_string()
        })
    }

    /// A programmatic call by name; arguments as a JSON array. `{"value"}` or `{"error"}`.
    pub fn call(&self, method: String, arguments: String) -> Arc<Job> {
        self.start(|server| async move { wire::outcome(server.call(&method, wire::parse(&arguments)).await) })
    }

    /// What the `next` of an override runs. `{"value"}` or `{"error"}`.
    pub fn run_builtin(&self, operation: String, input: String, context: String) -> Arc<Job> {
        self.start(|server| async move {
            wire::outcome(server.run_builtin(&operation, wire::parse(&input), wire::parse(&context)).await)
        })
    }

    /// Checks the roles given to `authorize()`.
    pub fn check_roles(&self, required: Vec<String>) -> String {
        self.answer(|server| server.check_roles(&required).map(|()| Value::Null))
    }

    /// `authorize()`: `{error?, events}`.
    pub fn authorize(
        &self,
        id: Option<String>,
        roles: Vec<String>,
        required: Vec<String>,
        request_id: Option<String>,
    ) -> String {
        let decide = |server: &AuthServer| {
            let decision = server.authorize(user(id.as_ref(), &roles), &required);
            wire::decision_value(decision, &log(server, request_id.as_deref()))
        };
        self.get().map_or_else(|error| wire::outcome(Err(error)), |server| decide(server).to_string())
    }

    /// `permit()`: `{error?, events}`. `verdict` is `passed`, `denied`, `unauthenticated`, or `bypass:` and a role.
    pub fn permit(&self, id: Option<String>, roles: Vec<String>, verdict: String, request_id: Option<String>) -> String {
        let verdict = PermitOutcome::from_text(&verdict);
        let decide = |server: &AuthServer| {
            let decision = server.permit(user(id.as_ref(), &roles), &verdict);
            wire::decision_value(decision, &log(server, request_id.as_deref()))
        };
        self.get().map_or_else(|error| wire::outcome(Err(error)), |server| decide(server).to_string())
    }

    /// The response for an error: `{"value": {status, headers, body}}`.
    pub fn error_response(&self, error: String) -> String {
        let error = wire::read_error(&wire::parse(&error));
        self.answer(|server| Ok(wire::response_value(&server.error_response(&error))))
    }

    /// The log entry of a hook that threw: `{"value": [{level, entry}]}`.
    pub fn hook_failed(&self, hook: String, cause: String, request_id: Option<String>) -> String {
        let words = |server: &AuthServer| {
            let events = [server.hook_failed(&hook, &cause)];
            Ok(wire::events_value(&events, &log(server, request_id.as_deref())))
        };
        self.answer(words)
    }

    /// Signs an access token for `{id, roles, sessionId?}`.
    pub fn sign_access_token(&self, claims: String) -> String {
        self.answer(|server| server.sign_access_token(&wire::parse(&claims)).map(Value::from))
    }

    /// Signs a refresh token for a session.
    pub fn sign_refresh_token(&self, session_id: String) -> String {
        self.answer(|server| server.sign_refresh_token(&session_id).map(Value::from))
    }

    /// Verifies an access token: `{id, roles, sessionId, exp}`. Python has a faster one of its own (`verify`).
    pub fn verify_access_token(&self, token: String) -> String {
        self.answer(|server| server.verify_access_token(&token).map(wire::verified_value))
    }

    /// Verifies a refresh token: the session's id.
    pub fn verify_refresh_token(&self, token: String) -> String {
        self.answer(|server| server.verify_refresh_token(&token).map(Value::from))
    }

    /// The access token that a request brings, unverified.
    pub fn access_token_of(&self, authorization: Option<String>, cookie: Option<String>) -> Option<String> {
        self.get().ok()?.access_token_of(authorization.as_deref(), cookie.as_deref())
    }

    /// Checks the options of a rate limiter.
    pub fn check_limit_rule(&self, rule: String) -> String {
        self.answer(|server| server.check_limit_rule(&wire::parse(&rule)).map(|()| Value::Null))
    }

    /// Counts one hit: `{headers, error?, events}`.
    pub fn limit(&self, rule: String, key: String, is_address: bool, request_id: Option<String>) -> Arc<Job> {
        self.start(|server| async move {
            let limited = server.limit(&wire::parse(&rule), &key, is_address).await;
            wire::limited_value(&limited, &log(&server, request_id.as_deref())).to_string()
        })
    }
}
