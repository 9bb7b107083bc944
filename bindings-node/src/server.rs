//! One class over `AuthServer`; a method for each of its methods.

use std::sync::Arc;

use napi::bindgen_prelude::AsyncBlock;
use napi_derive::napi;
use sentri_core::clock::TestClock;
use sentri_core::{AuthServer, Host, wire};
use serde_json::{Value, json};

use crate::foreign::{NativeCallbacks, in_context};
use crate::outcome::{outcome, parse};
use crate::protect_host::{self, InstanceResult, get, run};
use crate::types::{self, NativeGuardRequest, NativeRequest};
use crate::verify::NUMBERED;
use sentri_core::wire::events_value;

/// An auth server, or the reason why the options make none ([`NativeServer::configuration`]).
#[napi]
pub struct NativeServer {
    server: InstanceResult<AuthServer>,
    clock: Option<Arc<TestClock>>,
    number: u32,
}

impl Drop for NativeServer {
    fn drop(&mut self) {
        NUMBERED.forget(self.number);
    }
}

#[napi]
impl NativeServer {
    /// Checks the options (JSON text) and builds a server; no I/O. With `test_clock` time stands there until it is set.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String, callbacks: NativeCallbacks<'_>, test_clock: Option<f64>) -> napi::Result<Self> {
        let clock = protect_host::test_clock(test_clock);
        let mut host = callbacks.into_host(Host::default())?;
        if let Some(clock) = &clock {
            host.clock = Arc::<TestClock>::clone(clock);
        }
        // Constructors run outside the runtime that the core's background work wants.
        let server = napi::bindgen_prelude::within_runtime_if_available(|| AuthServer::new(&parse(&options), host));
        let number = server.as_ref().map_or(u32::MAX, |server| NUMBERED.remember(server.clone().into()));
        Ok(Self { server, clock, number })
    }

    /// `{"error": ...}` when the options are wrong, else `{"value": [warnings]}`.
    #[napi(catch_unwind)]
    pub fn configuration(&self) -> String {
        outcome(self.server.as_ref().map(|server| json!(server.warnings())).map_err(Clone::clone))
    }

    pub(crate) fn get(&self) -> napi::Result<&AuthServer> {
        get(&self.server)
    }

    /// Moves the test clock, in milliseconds since 1970.
    #[napi(catch_unwind)]
    pub fn set_clock(&self, now: f64) {
        protect_host::set_clock(self.clock.as_ref(), now);
    }

    /// The server's clock, in milliseconds since 1970.
    #[napi(catch_unwind)]
    pub fn now(&self) -> napi::Result<f64> {
        Ok(self.get()?.now() as f64)
    }

    /// The number under which `verifyAccessToken` and `epoch` know this server.
    #[napi(catch_unwind)]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether an endpoint serves this.
    #[napi(catch_unwind)]
    pub fn has_route(&self, method: String, path: String) -> napi::Result<bool> {
        Ok(self.get()?.has_route(&method, &path))
    }

    /// Serves a request: `{response, events, notices}`.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn handle(&self, env: napi::Env, request: NativeRequest) -> napi::Result<AsyncBlock<String>> {
        let server = self.get()?.clone();
        let request_id = request.request_id.clone();
        let host_context = request.host_context;
        run(env, async move {
            let handled = in_context(host_context, server.handle(request.into())).await;
            types::handled(&server, handled, request_id.as_deref()).to_string()
        })
    }

    /// `protect()` without waiting: `{principal | error, answer?, headers, events, freshUntil, epoch}`, or null: call
    /// `guard`.
    #[napi(catch_unwind)]
    pub fn guard_now(&self, request: NativeGuardRequest, request_id: Option<String>) -> napi::Result<Option<String>> {
        Ok(protect_host::guard_now(self.get()?, request, request_id.as_deref()))
    }

    /// `protect()`. `host_context` comes back to `isTokenRevoked`.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn guard(
        &self,
        env: napi::Env,
        request: NativeGuardRequest,
        request_id: Option<String>,
        host_context: Option<u32>,
    ) -> napi::Result<AsyncBlock<String>> {
        protect_host::guard(env, self.get()?, request, request_id, host_context)
    }

    /// The user named by a request's tokens, or the empty text; null: call `identify`.
    #[napi(catch_unwind)]
    pub fn identify_now(&self, request: NativeGuardRequest) -> napi::Result<Option<String>> {
        Ok(self.get()?.identify_now(&request.into()))
    }

    /// The user named by a request's tokens, or the empty text.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn identify(&self, env: napi::Env, request: NativeGuardRequest) -> napi::Result<AsyncBlock<String>> {
        let server = self.get()?.clone();
        run(env, async move { server.identify(&request.into()).await })
    }

    /// A programmatic call by name; arguments as a JSON array. `transaction`: the number of the host's transaction that
    /// it shall be part of.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn call(
        &self,
        env: napi::Env,
        method: String,
        args: String,
        transaction: Option<u32>,
    ) -> napi::Result<AsyncBlock<String>> {
        let server = self.get()?.clone();
        run(env, async move { outcome(server.call_within(transaction, &method, parse(&args)).await) })
    }

    /// The events that calls and background work have left for the log: `[{level, entry}]`.
    #[napi(catch_unwind)]
    pub fn take_events(&self) -> napi::Result<String> {
        let server = self.get()?;
        Ok(events_value(&server.take_events(), &|event| server.log_entry(event, None)).to_string())
    }

    /// Runs the built-in for an override's `next()`.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn run_builtin(
        &self,
        env: napi::Env,
        operation: String,
        input: String,
        context: String,
    ) -> napi::Result<AsyncBlock<String>> {
        let server = self.get()?.clone();
        run(env, async move { outcome(server.run_builtin(&operation, parse(&input), parse(&context)).await) })
    }

    /// Checks the roles given to `authorize()`.
    #[napi(catch_unwind)]
    pub fn check_roles(&self, required: Vec<String>) -> napi::Result<String> {
        Ok(protect_host::check_roles(self.get()?, &required))
    }

    /// `authorize()`: `{error?, events}`.
    #[napi(catch_unwind)]
    pub fn authorize(
        &self,
        id: Option<String>,
        roles: Option<Vec<String>>,
        withheld: Option<Vec<String>>,
        required: Vec<String>,
        request_id: Option<String>,
    ) -> napi::Result<String> {
        Ok(protect_host::authorize(self.get()?, &(id, roles, withheld), &required, request_id.as_deref()))
    }

    /// Reads the requirement of `protect({acr, maxAge})`: see [`protect_host::requirement`].
    #[napi(catch_unwind)]
    pub fn requirement(&self, asked: String) -> napi::Result<String> {
        Ok(protect_host::requirement(self.get()?, &asked))
    }

    /// Words the refusal for a requirement of [`protect_host::requirement`]: `{error, events}`.
    #[napi(catch_unwind)]
    pub fn step_up(&self, id: String, need: String, request_id: Option<String>) -> napi::Result<String> {
        Ok(protect_host::step_up(self.get()?, &id, &need, request_id.as_deref()))
    }

    /// `permit()`: `{error?, events}`, see [`protect_host::permit`].
    #[napi(catch_unwind)]
    pub fn permit(
        &self,
        id: Option<String>,
        roles: Option<Vec<String>>,
        verdict: String,
        request_id: Option<String>,
    ) -> napi::Result<String> {
        Ok(protect_host::permit(self.get()?, &(id, roles, None), &verdict, request_id.as_deref()))
    }

    /// The numbers of this moment: see [`protect_host::metrics`].
    #[napi(catch_unwind)]
    pub fn metrics(&self, remembered: String, format: String) -> napi::Result<String> {
        Ok(protect_host::metrics(self.get()?, &remembered, &format))
    }

    /// The response for an error: `{status, headers, body}`.
    #[napi(catch_unwind)]
    pub fn error_response(&self, error: String) -> napi::Result<String> {
        Ok(protect_host::error_response(self.get()?, &error))
    }

    /// The log entry of a hook that threw: `[{level, entry}]`.
    #[napi(catch_unwind)]
    pub fn hook_failed(&self, hook: String, cause: String, request_id: Option<String>) -> napi::Result<String> {
        let server = self.get()?;
        Ok(types::events(server, &[server.hook_failed(&hook, &cause)], request_id.as_deref()).to_string())
    }

    /// The messages that calls left, for the host to send.
    #[napi(catch_unwind)]
    pub fn messages(&self) -> napi::Result<String> {
        Ok(self.get()?.take_messages().to_string())
    }

    /// The log entry of a message that was sent, or with a cause of a message that could not be sent: `[{level,
    /// entry}]`.
    #[napi(catch_unwind)]
    pub fn message_event(
        &self,
        kind: String,
        channel: String,
        cause: Option<String>,
        request_id: Option<String>,
    ) -> napi::Result<String> {
        let server = self.get()?;
        let events = [server.message_event(&kind, &channel, cause.as_deref())];
        Ok(types::events(server, &events, request_id.as_deref()).to_string())
    }

    /// The client's address: the peer's, or the forwarded one where `trustProxy` says so.
    #[napi(catch_unwind)]
    pub fn client_address(&self, peer: String, forwarded: Vec<String>) -> napi::Result<Option<String>> {
        Ok(self.get()?.client_address(&peer, &forwarded))
    }

    /// Checks the options of a new rate limiter.
    #[napi(catch_unwind)]
    pub fn check_limit_rule(&self, rule: String) -> napi::Result<String> {
        Ok(outcome(self.get()?.check_limit_rule(&parse(&rule)).map(|()| Value::Null)))
    }

    /// Counts one hit, by `key` (JSON) or the client's address: `{headers, error?, events}`.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn limit(
        &self,
        env: napi::Env,
        rule: String,
        key: String,
        peer: String,
        forwarded: Vec<String>,
        request_id: Option<String>,
    ) -> napi::Result<AsyncBlock<String>> {
        let server = self.get()?.clone();
        run(env, async move {
            let limited = server.limit(&parse(&rule), &wire::read_limit_key(&key), &peer, &forwarded).await;
            wire::limited_value(&limited, &|event| server.log_entry(event, request_id.as_deref())).to_string()
        })
    }
}
