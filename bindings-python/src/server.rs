//! Wraps the core's `AuthServer` in a class that has a method for each of its methods. Texts are JSON
//! (`sentri_core::wire`).

use std::sync::Arc;

use sentri_core::clock::TestClock;
use sentri_core::{AuthServer, Error, Host, wire};
use serde_json::{Value, json};

use crate::job::{HostFunctions, Job};
use crate::protect_host::{Instance, User, log, test_clock};
use crate::runtime;
use crate::verify::look_for_keys;

/// An auth server, or the error that its options caused ([`NativeServer::configuration`]).
#[derive(uniffi::Object)]
pub struct NativeServer {
    instance: Instance<AuthServer>,
}

impl NativeServer {
    /// `{"value"}` or `{"error"}` of what goes by the keys alone, which other processes may have replaced.
    fn by_keys(&self, run: impl FnOnce(&AuthServer) -> Result<Value, Error>) -> String {
        self.instance.answer(|server| {
            look_for_keys(server);
            run(server)
        })
    }
}

#[uniffi::export]
impl NativeServer {
    /// Checks the options and builds a server, without I/O. `functions` names the host's functions: overridden
    /// operations and `isTokenRevoked`. With `test_clock`, in milliseconds since 1970, the clock stands at that instant
    /// until `set_clock` moves it.
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

    /// Returns `{"error"}` if the options are wrong, else `{"value": [warnings]}`.
    pub fn configuration(&self) -> String {
        self.instance.answer(|server| Ok(json!(server.warnings())))
    }

    /// Whether an endpoint serves this method and path; the path is below the mount point.
    pub fn has_route(&self, method: String, path: String) -> bool {
        self.instance.get().is_ok_and(|server| server.has_route(&method, &path))
    }

    /// Serves a request to an endpoint (`wire::read_request`); the job's result is `{response, events, notices}`.
    pub fn handle(&self, request: String, raw: Option<Vec<u8>>) -> Arc<Job> {
        let request = wire::read_request(&wire::parse(&request), raw);
        self.instance.start(|server| async move {
            let request_id = request.request_id.clone();
            let handled = server.handle(request).await;
            wire::handled_value(handled, &log(&server, request_id.as_deref())).to_string()
        })
    }

    /// Runs a programmatic call by its name, with its arguments as a JSON array. The job's result is `{"value"}` or
    /// `{"error"}`.
    pub fn call(&self, method: String, arguments: String) -> Arc<Job> {
        self.instance.start(|server| async move { wire::outcome(server.call(&method, wire::parse(&arguments)).await) })
    }

    /// Returns the events that calls and background work have left for the log, `{"value": [{level, entry}]}`, and
    /// forgets them.
    pub fn take_events(&self) -> String {
        self.instance.answer(|server| Ok(wire::events_value(&server.take_events(), &log(server, None))))
    }

    /// Runs the built-in use case, for the `next` of an override. The job's result is `{"value"}` or `{"error"}`.
    pub fn run_builtin(&self, operation: String, input: String, context: String) -> Arc<Job> {
        self.instance.start(|server| async move {
            wire::outcome(server.run_builtin(&operation, wire::parse(&input), wire::parse(&context)).await)
        })
    }

    /// Returns the log entry of a hook that raised an error, `{"value": [{level, entry}]}`.
    pub fn hook_failed(&self, hook: String, cause: String, request_id: Option<String>) -> String {
        let words = |server: &AuthServer| {
            let events = [server.hook_failed(&hook, &cause)];
            Ok(wire::events_value(&events, &log(server, request_id.as_deref())))
        };
        self.instance.answer(words)
    }

    /// Returns the messages that programmatic calls have left for the host to send, `{"value": [..]}`, and forgets
    /// them.
    pub fn messages(&self) -> String {
        self.instance.answer(|server| Ok(server.take_messages()))
    }

    /// Returns the log entry `{"value": [..]}` of a message that was sent, or with `cause` of a message that could not
    /// be sent.
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
        self.by_keys(|server| server.sign_access_token(&wire::parse(&claims)).map(Value::from))
    }

    /// Signs a refresh token for a session.
    pub fn sign_refresh_token(&self, session_id: String) -> String {
        self.by_keys(|server| server.sign_refresh_token(&session_id).map(Value::from))
    }

    /// Verifies an access token and returns `{"value": {id, roles, sessionId, exp}}` or `{"error"}`. Python calls the
    /// faster function of the module `verify` instead.
    pub fn verify_access_token(&self, token: String) -> String {
        self.by_keys(|server| server.verify_access_token(&token).map(wire::verified_value))
    }

    /// Verifies a refresh token and returns the id of its session, `{"value": text}`, or `{"error"}`.
    pub fn verify_refresh_token(&self, token: String) -> String {
        self.by_keys(|server| server.verify_refresh_token(&token).map(Value::from))
    }

    /// Returns the client's address, `{"value": text or null}`. It is the peer's, or the forwarded address where
    /// `trustProxy` trusts the peer.
    pub fn client_address(&self, peer: String, forwarded: Vec<String>) -> String {
        self.instance.answer(|server| Ok(json!(server.client_address(&peer, &forwarded))))
    }

    /// Returns the identity that a request's tokens name, or an empty text if they name none. Returns nothing if the
    /// answer takes I/O; then call `identify`.
    pub fn identify_now(&self, request: String) -> Option<String> {
        self.instance.within(|server| server.identify_now(&wire::read_guard_request(&wire::parse(&request))))
    }

    /// Finds the identity that a request's tokens name; the job's result is `{"value": text}`, with an empty text if
    /// they name none.
    pub fn identify(&self, request: String) -> Arc<Job> {
        let request = wire::read_guard_request(&wire::parse(&request));
        self.instance.start(|server| async move { wire::outcome(Ok(server.identify(&request).await.into())) })
    }

    /// Whether `protect()` has to be asked before a request gets a stored answer. `identity` is the result of
    /// `identify` for the request.
    pub fn guards_replay(&self, identity: String, authorization: Option<String>, cookie: Option<String>) -> bool {
        let (authorization, cookie) = (authorization.as_deref(), cookie.as_deref());
        self.instance.get().map_or(true, |server| server.guards_replay(&identity, authorization, cookie))
    }

    /// Checks the options of a new rate limiter.
    pub fn check_limit_rule(&self, rule: String) -> String {
        self.instance.answer(|server| server.check_limit_rule(&wire::parse(&rule)).map(|()| Value::Null))
    }

    /// Counts a hit under `key` (JSON), or under the client's address without it. The job's result is
    /// `{headers, error?, events}`.
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

    /// Sets the test clock, in milliseconds since 1970. Without a test clock it does nothing.
    pub fn set_clock(&self, now: i64) {
        self.instance.set_clock(now);
    }

    /// Returns the number by which the functions of the module `verify` find this server.
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
