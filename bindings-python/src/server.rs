//! One class over `AuthServer`; a method for each of its methods. Texts are JSON (`sentri_core::wire`).

use std::sync::Arc;

use sentri_core::clock::TestClock;
use sentri_core::{AuthServer, Host, wire};
use serde_json::{Value, json};

use crate::job::{HostFunctions, Job};
use crate::protect_host::{Instance, User, log, test_clock};
use crate::runtime;

/// An auth server, or the reason why the options make none ([`NativeServer::configuration`]).
#[derive(uniffi::Object)]
pub struct NativeServer {
    instance: Instance<AuthServer>,
}

#[uniffi::export]
impl NativeServer {
    /// Checks the options and builds a server; no I/O. `functions` names the functions that the host overrides. With
    /// `test_clock` time stays there until it is set.
    #[uniffi::constructor]
    pub fn new(options: String, functions: Vec<String>, test_clock: Option<i64>) -> Self {
        runtime::keep_panics_quiet();
        let clock = self::test_clock(test_clock);
        let time = clock.clone();
        let make = move || {
            let mut host = Host { revocation: HostFunctions::revocation(&functions), ..Host::default() };
            host.overrides = HostFunctions::overrides(&functions);
            if let Some(clock) = &time {
                host.clock = Arc::<TestClock>::clone(clock);
            }
            AuthServer::new(&wire::parse(&options), host)
        };
        Self { instance: Instance::new(make, clock) }
    }

    /// `{"error"}` when the options are wrong, else `{"value": [warnings]}`.
    pub fn configuration(&self) -> String {
        self.instance.answer(|server| Ok(json!(server.warnings())))
    }

    /// Whether an endpoint serves this.
    pub fn has_route(&self, method: String, path: String) -> bool {
        self.instance.get().is_ok_and(|server| server.has_route(&method, &path))
    }

    /// Serves a request (`wire::read_request`): `{response, events, notices}`.
    pub fn handle(&self, request: String, raw: Option<Vec<u8>>) -> Arc<Job> {
        let request = wire::read_request(&wire::parse(&request), raw);
        self.instance.start(|server| async move {
            let request_id = request.request_id.clone();
            let handled = server.handle(request).await;
            wire::handled_value(handled, &log(&server, request_id.as_deref())).to_string()
        })
    }

    /// A programmatic call by name; arguments as a JSON array. `{"value"}` or `{"error"}`.
    pub fn call(&self, method: String, arguments: String) -> Arc<Job> {
        self.instance.start(|server| async move { wire::outcome(server.call(&method, wire::parse(&arguments)).await) })
    }

    /// The events that calls and background work have left for the log: `{"value": [{level, entry}]}`.
    pub fn take_events(&self) -> String {
        self.instance.answer(|server| Ok(wire::events_value(&server.take_events(), &log(server, None))))
    }

    /// Runs the built-in for the `next` of an override: `{"value"}` or `{"error"}`.
    pub fn run_builtin(&self, operation: String, input: String, context: String) -> Arc<Job> {
        self.instance.start(|server| async move {
            wire::outcome(server.run_builtin(&operation, wire::parse(&input), wire::parse(&context)).await)
        })
    }

    /// The log entry of a hook that threw: `{"value": [{level, entry}]}`.
    pub fn hook_failed(&self, hook: String, cause: String, request_id: Option<String>) -> String {
        let words = |server: &AuthServer| {
            let events = [server.hook_failed(&hook, &cause)];
            Ok(wire::events_value(&events, &log(server, request_id.as_deref())))
        };
        self.instance.answer(words)
    }

    /// The messages that calls left, for the host to send: `{"value": [..]}`.
    pub fn messages(&self) -> String {
        self.instance.answer(|server| Ok(server.take_messages()))
    }

    /// The log entry of a message that was sent, or with a cause of a message that could not be sent: `{"value":
    /// [..]}`.
    pub fn message_event(
        &self,
        kind: String,
        channel: String,
        cause: Option<String>,
        request_id: Option<String>,
    ) -> String {
        let words = |server: &AuthServer| {
            let events = [server.message_event(&kind, &channel, cause.as_deref())];
            Ok(wire::events_value(&events, &log(server, request_id.as_deref())))
        };
        self.instance.answer(words)
    }

    /// Signs an access token for `{id, roles, sessionId?}`.
    pub fn sign_access_token(&self, claims: String) -> String {
        self.instance.answer(|server| server.sign_access_token(&wire::parse(&claims)).map(Value::from))
    }

    /// Signs a refresh token for a session.
    pub fn sign_refresh_token(&self, session_id: String) -> String {
        self.instance.answer(|server| server.sign_refresh_token(&session_id).map(Value::from))
    }

    /// Verifies an access token: `{id, roles, sessionId, exp}`. Python has a faster one of its own (`verify`).
    pub fn verify_access_token(&self, token: String) -> String {
        self.instance.answer(|server| server.verify_access_token(&token).map(wire::verified_value))
    }

    /// Verifies a refresh token: the session's id.
    pub fn verify_refresh_token(&self, token: String) -> String {
        self.instance.answer(|server| server.verify_refresh_token(&token).map(Value::from))
    }

    /// The client's address: the peer's, or the forwarded one where `trustProxy` says so: `{"value": text or null}`.
    pub fn client_address(&self, peer: String, forwarded: Vec<String>) -> String {
        self.instance.answer(|server| Ok(json!(server.client_address(&peer, &forwarded))))
    }

    /// The user named by a request's tokens, or the empty text; nothing: call `identify`.
    pub fn identify_now(&self, request: String) -> Option<String> {
        self.instance.within(|server| server.identify_now(&wire::read_guard_request(&wire::parse(&request))))
    }

    /// The user named by a request's tokens, or the empty text: `{"value": text}`.
    pub fn identify(&self, request: String) -> Arc<Job> {
        let request = wire::read_guard_request(&wire::parse(&request));
        self.instance.start(|server| async move { wire::outcome(Ok(server.identify(&request).await.into())) })
    }

    /// Whether `protect()` has to be asked before a request gets a stored answer. `identity` is the user named by its
    /// tokens, or an empty text.
    pub fn guards_replay(&self, identity: String, authorization: Option<String>, cookie: Option<String>) -> bool {
        let (authorization, cookie) = (authorization.as_deref(), cookie.as_deref());
        self.instance.get().map_or(true, |server| server.guards_replay(&identity, authorization, cookie))
    }

    /// Checks the options of a new rate limiter.
    pub fn check_limit_rule(&self, rule: String) -> String {
        self.instance.answer(|server| server.check_limit_rule(&wire::parse(&rule)).map(|()| Value::Null))
    }

    /// Counts one hit, by `key` (JSON) or the client's address: `{headers, error?, events}`.
    pub fn limit(
        &self,
        rule: String,
        key: String,
        peer: String,
        forwarded: Vec<String>,
        request_id: Option<String>,
    ) -> Arc<Job> {
        self.instance.start(|server| async move {
            let limited = server.limit(&wire::parse(&rule), &wire::read_limit_key(&key), &peer, &forwarded).await;
            wire::limited_value(&limited, &log(&server, request_id.as_deref())).to_string()
        })
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
