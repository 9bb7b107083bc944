//! Wraps the core's `AuthServer` in a JavaScript class that has a method for each of its methods.

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

/// An auth server, or the error that its options caused ([`NativeServer::configuration`]).
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
    /// Checks the options (JSON text) and builds a server, without I/O. With `test_clock`, in milliseconds since 1970,
    /// the clock stands at that instant until `set_clock` moves it.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String, callbacks: NativeCallbacks<'_>, test_clock: Option<f64>) -> napi::Result<Self> {
        let clock = protect_host::test_clock(test_clock);
        let mut host = callbacks.into_host(Host::default())?;
        if let Some(clock) = &clock {
            host.clock = Arc::<TestClock>::clone(clock);
        }
        // A constructor runs outside the runtime, which the core needs for its background work.
        let server = napi::bindgen_prelude::within_runtime_if_available(|| AuthServer::new(&parse(&options), host));
        let number = server.as_ref().map_or(u32::MAX, |server| NUMBERED.remember(server.clone().into()));
        Ok(Self { server, clock, number })
    }

    /// Returns `{"error": ...}` if the options are wrong, else `{"value": [warnings]}`.
    #[napi(catch_unwind)]
    pub fn configuration(&self) -> String {
        outcome(self.server.as_ref().map(|server| json!(server.warnings())).map_err(Clone::clone))
    }

    pub(crate) fn get(&self) -> napi::Result<&AuthServer> {
        get(&self.server)
    }

    /// Sets the test clock, in milliseconds since 1970. Without a test clock it does nothing.
    #[napi(catch_unwind)]
    pub fn set_clock(&self, now: f64) {
        protect_host::set_clock(self.clock.as_ref(), now);
    }

    /// The server's clock, in milliseconds since 1970.
    #[napi(catch_unwind)]
    pub fn now(&self) -> napi::Result<f64> {
        Ok(self.get()?.now() as f64)
    }

    /// Returns the number by which `verifyAccessToken` and `epoch` find this server.
    #[napi(catch_unwind)]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether an endpoint serves this method and path; the path is below the mount point.
    #[napi(catch_unwind)]
    pub fn has_route(&self, method: String, path: String) -> napi::Result<bool> {
        Ok(self.get()?.has_route(&method, &path))
    }

    /// Serves a request to an endpoint and resolves to `{response, events, notices}`.
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

    /// Runs `protect()` without waiting and returns `{principal | error, answer?, headers, events, freshUntil, epoch}`.
    /// Returns null if the answer takes I/O or a decision of the host; then call `guard`.
    #[napi(catch_unwind)]
    pub fn guard_now(&self, request: NativeGuardRequest, request_id: Option<String>) -> napi::Result<Option<String>> {
        Ok(protect_host::guard_now(self.get()?, request, request_id.as_deref()))
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
        protect_host::guard(env, self.get()?, request, request_id, host_context)
    }

    /// Returns the identity that a request's tokens name, or an empty text if they name none. Returns null if the
    /// answer takes I/O; then call `identify`.
    #[napi(catch_unwind)]
    pub fn identify_now(&self, request: NativeGuardRequest) -> napi::Result<Option<String>> {
        Ok(self.get()?.identify_now(&request.into()))
    }

    /// Resolves to the identity that a request's tokens name, or to an empty text if they name none.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn identify(&self, env: napi::Env, request: NativeGuardRequest) -> napi::Result<AsyncBlock<String>> {
        let server = self.get()?.clone();
        run(env, async move { server.identify(&request.into()).await })
    }

    /// Runs a programmatic call by its name, with its arguments as a JSON array. `transaction` is the number of the
    /// host's transaction that the call becomes part of.
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

    /// Returns the events that calls and background work have left for the log, `[{level, entry}]`, and forgets them.
    #[napi(catch_unwind)]
    pub fn take_events(&self) -> napi::Result<String> {
        let server = self.get()?;
        Ok(events_value(&server.take_events(), &|event| server.log_entry(event, None)).to_string())
    }

    /// Runs the built-in use case, for the `next()` of an override.
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
        Ok(protect_host::authorize(self.get()?, &(id, roles, withheld), &required, request_id.as_deref()))
    }

    /// Reads the requirement of `protect({acr, maxAge})`, see [`protect_host::requirement`].
    #[napi(catch_unwind)]
    pub fn requirement(&self, asked: String) -> napi::Result<String> {
        Ok(protect_host::requirement(self.get()?, &asked))
    }

    /// Returns the refusal `{error, events}` for a user whose authentication does not meet a requirement of
    /// [`protect_host::requirement`].
    #[napi(catch_unwind)]
    pub fn step_up(&self, id: String, need: String, request_id: Option<String>) -> napi::Result<String> {
        Ok(protect_host::step_up(self.get()?, &id, &need, request_id.as_deref()))
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
        Ok(protect_host::permit(self.get()?, &(id, roles, None), &verdict, request_id.as_deref()))
    }

    /// Returns the present metrics, see [`protect_host::metrics`].
    #[napi(catch_unwind)]
    pub fn metrics(&self, remembered: String, format: String) -> napi::Result<String> {
        Ok(protect_host::metrics(self.get()?, &remembered, &format))
    }

    /// Returns the response for an error, `{status, headers, body}`.
    #[napi(catch_unwind)]
    pub fn error_response(&self, error: String) -> napi::Result<String> {
        Ok(protect_host::error_response(self.get()?, &error))
    }

    /// Returns the log entry of a hook that threw, `[{level, entry}]`.
    #[napi(catch_unwind)]
    pub fn hook_failed(&self, hook: String, cause: String, request_id: Option<String>) -> napi::Result<String> {
        let server = self.get()?;
        Ok(types::events(server, &[server.hook_failed(&hook, &cause)], request_id.as_deref()).to_string())
    }

    /// Returns the messages that programmatic calls have left for the host to send, and forgets them.
    #[napi(catch_unwind)]
    pub fn messages(&self) -> napi::Result<String> {
        Ok(self.get()?.take_messages().to_string())
    }

    /// Returns the log entry `[{level, entry}]` of a message that was sent, or with `cause` of a message that could not
    /// be sent.
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

    /// Returns the client's address. It is the peer's, or the forwarded address where `trustProxy` trusts the peer.
    #[napi(catch_unwind)]
    pub fn client_address(&self, peer: String, forwarded: Vec<String>) -> napi::Result<Option<String>> {
        Ok(self.get()?.client_address(&peer, &forwarded))
    }

    /// Checks the options of a new rate limiter.
    #[napi(catch_unwind)]
    pub fn check_limit_rule(&self, rule: String) -> napi::Result<String> {
        Ok(outcome(self.get()?.check_limit_rule(&parse(&rule)).map(|()| Value::Null)))
    }

    /// Counts a hit under `key` (JSON), or under the client's address without it, and resolves to
    /// `{headers, error?, events}`.
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
