//! The methods by which both modes guard routes. `NativeServer` and `NativeClient` call these functions, which convert
//! arguments and results.

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncBlock, AsyncBlockBuilder, within_runtime_if_available};
use sentri_core::clock::TestClock;
use sentri_core::http::decision::{Admitted, Decision, PermitVerdict};
use sentri_core::protect_host::{ProtectHost, User};
use sentri_core::telemetry::{Remembered, spell};
use sentri_core::{Error, wire};
use serde_json::Value;

use crate::foreign::in_context;
use crate::outcome::{outcome, parse, read_error};
use crate::types::{self, NativeGuardRequest};

/// The server or client, or the error of its options, which the host throws.
pub type InstanceResult<G> = Result<G, Error>;

/// Returns the server or client. If its options were wrong, this is an exception, since the host must look at
/// `configuration` first.
pub fn get<G>(made: &InstanceResult<G>) -> napi::Result<&G> {
    made.as_ref().map_err(|error| napi::Error::from_reason(error.to_string()))
}

/// Makes a clock that stands at `now`, in milliseconds since 1970, until it is set.
pub fn test_clock(now: Option<f64>) -> Option<Arc<TestClock>> {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a JavaScript Date")]
    now.map(|now| Arc::new(TestClock::at(now as i64)))
}

/// Sets a test clock to `now`, in milliseconds since 1970.
pub fn set_clock(clock: Option<&Arc<TestClock>>, now: f64) {
    if let Some(clock) = clock {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a JavaScript Date")]
        clock.set(now as i64);
    }
}

/// Runs `protect()` without waiting and returns `{principal | error, answer?, headers, events, freshUntil, epoch}`.
/// Returns `None` if the answer takes I/O or a decision of the host; then call [`guard`].
pub fn guard_now<G: ProtectHost>(
    protect_host: &G,
    request: NativeGuardRequest,
    request_id: Option<&str>,
) -> Option<String> {
    let epoch = protect_host.epoch();
    let guarded = within_runtime_if_available(|| protect_host.guard_now(&request.into()))?;
    Some(types::guarded(protect_host, guarded, epoch, request_id).to_string())
}

/// Runs `protect()`, with I/O where needed, and resolves to the same text as [`guard_now`]. `host_context` is the
/// host's number for the request, which the core passes on to `isTokenRevoked`.
pub fn guard<G: ProtectHost>(
    env: napi::Env,
    protect_host: &G,
    request: NativeGuardRequest,
    request_id: Option<String>,
    host_context: Option<u32>,
) -> napi::Result<AsyncBlock<String>> {
    let protect_host = protect_host.clone();
    run(env, async move {
        let epoch = protect_host.epoch();
        let guarded = in_context(host_context, protect_host.guard(&request.into())).await;
        types::guarded(&protect_host, guarded, epoch, request_id.as_deref()).to_string()
    })
}

/// Checks the roles given to `authorize()` and returns `{value: null}` or `{error}`.
pub fn check_roles(protect_host: &impl ProtectHost, required: &[String]) -> String {
    outcome(protect_host.check_roles(required).map(|()| Value::Null))
}

/// Runs `authorize()` and returns `{error?, events}`.
pub fn authorize(
    protect_host: &impl ProtectHost,
    user: &Named,
    required: &[String],
    request_id: Option<&str>,
) -> String {
    decision(protect_host, protect_host.authorize(admitted(user), required), request_id)
}

/// Reads the argument of `protect({acr, maxAge})` and returns `{value: {acr?, maxAge?, leeway}}`, with seconds as
/// numbers, or `{error}`.
pub fn requirement(protect_host: &impl ProtectHost, asked: &str) -> String {
    let need = protect_host.requirement(&parse(asked));
    outcome(need.map(|need| wire::requirement_value(need, protect_host.leeway_seconds())))
}

/// Returns the refusal `{error, events}` for a user whose authentication does not meet a [`requirement`].
pub fn step_up(protect_host: &impl ProtectHost, id: &str, need: &str, request_id: Option<&str>) -> String {
    decision(protect_host, protect_host.step_up(id, wire::read_requirement(need)), request_id)
}

/// Runs `permit()` and returns `{error?, events}`. `verdict` is `passed`, `denied`, `withheld`, `unauthenticated`, or
/// `bypass:` and the role that made the check needless.
pub fn permit(protect_host: &impl ProtectHost, user: &Named, verdict: &str, request_id: Option<&str>) -> String {
    decision(protect_host, protect_host.permit(admitted(user), &PermitVerdict::from_text(verdict)), request_id)
}

/// Returns the present metrics, as JSON or in the text format of Prometheus. `remembered` counts the events of requests
/// that the host answered from its own cache, `{name of an event: count}`.
pub fn metrics(protect_host: &impl ProtectHost, remembered: &str, format: &str) -> String {
    spell(&protect_host.metrics(&Remembered::from_json(&parse(remembered))), format)
}

/// Returns the response for an error, `{status, headers, body}`.
pub fn error_response(protect_host: &impl ProtectHost, error: &str) -> String {
    types::response(protect_host.error_response(&read_error(&parse(error))))
}

/// Id, roles in effect and withheld roles of the user whom `protect()` has admitted. There is no id if `protect()` did
/// not run.
pub type Named = (Option<String>, Option<Vec<String>>, Option<Vec<String>>);

fn admitted((id, roles, withheld): &Named) -> User<'_> {
    let (roles, withheld) = (roles.as_deref().unwrap_or_default(), withheld.as_deref().unwrap_or_default());
    Some(Admitted { id: id.as_deref()?, roles, withheld })
}

fn decision(protect_host: &impl ProtectHost, decision: Decision, request_id: Option<&str>) -> String {
    wire::decision_value(decision, &|event| protect_host.log_entry(event, request_id)).to_string()
}

/// Runs a future as a promise. A panic in it rejects.
pub fn run(env: napi::Env, future: impl Future<Output = String> + Send + 'static) -> napi::Result<AsyncBlock<String>> {
    AsyncBlockBuilder::new(async move { Ok(future.await) }).build(&env)
}
