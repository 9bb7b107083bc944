//! The part that the classes of both modes share: all that guards routes. Each of their methods converts by a
//! function of here.

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncBlock, AsyncBlockBuilder, within_runtime_if_available};
use sentri_core::clock::TestClock;
use sentri_core::guardian::{Guardian, User};
use sentri_core::http::decision::{Admitted, Decision, PermitOutcome};
use sentri_core::telemetry::{Remembered, spell};
use sentri_core::{Error, wire};
use serde_json::Value;

use crate::foreign::in_context;
use crate::outcome::{outcome, parse, read_error};
use crate::types::{self, NodeGuardRequest};

/// The result of the options: a guardian, or the error that the host throws.
pub type Made<G> = Result<G, Error>;

/// The guardian, or an exception: the host looks at `configuration` first.
pub fn get<G>(made: &Made<G>) -> napi::Result<&G> {
    made.as_ref().map_err(|error| napi::Error::from_reason(error.to_string()))
}

/// A clock that stands at `now`, in milliseconds since 1970, until it is set.
pub fn test_clock(now: Option<f64>) -> Option<Arc<TestClock>> {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a JavaScript Date")]
    now.map(|now| Arc::new(TestClock::at(now as i64)))
}

/// Moves a test clock.
pub fn set_clock(clock: Option<&Arc<TestClock>>, now: f64) {
    if let Some(clock) = clock {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a JavaScript Date")]
        clock.set(now as i64);
    }
}

/// `{principal | error, answer?, headers, events, freshUntil, epoch}`, or nothing: call `guard`.
pub fn guard_now<G: Guardian>(guardian: &G, request: NodeGuardRequest, request_id: Option<&str>) -> Option<String> {
    let epoch = guardian.epoch();
    let guarded = within_runtime_if_available(|| guardian.guard_now(&request.into()))?;
    Some(types::guarded(guardian, guarded, epoch, request_id).to_string())
}

/// The same with I/O. `host_context` comes back to `isTokenRevoked`.
pub fn guard<G: Guardian>(
    env: napi::Env,
    guardian: &G,
    request: NodeGuardRequest,
    request_id: Option<String>,
    host_context: Option<u32>,
) -> napi::Result<AsyncBlock<String>> {
    let guardian = guardian.clone();
    run(env, async move {
        let epoch = guardian.epoch();
        let guarded = in_context(host_context, guardian.guard(&request.into())).await;
        types::guarded(&guardian, guarded, epoch, request_id.as_deref()).to_string()
    })
}

/// `{value: null}` or `{error}`.
pub fn check_roles(guardian: &impl Guardian, required: &[String]) -> String {
    outcome(guardian.check_roles(required).map(|()| Value::Null))
}

/// `{error?, events}`
pub fn authorize(guardian: &impl Guardian, user: &Named, required: &[String], request_id: Option<&str>) -> String {
    decision(guardian, guardian.authorize(admitted(user), required), request_id)
}

/// `{value: {acr?, maxAge?, leeway}}` or `{error}` for what `protect({acr, maxAge})` was given.
pub fn requirement(guardian: &impl Guardian, asked: &str) -> String {
    let need = guardian.requirement(&parse(asked));
    outcome(need.map(|need| wire::requirement_value(need, guardian.leeway_seconds())))
}

/// `{error, events}` for a user whose authentication is not what [`requirement`] said.
pub fn step_up(guardian: &impl Guardian, id: &str, need: &str, request_id: Option<&str>) -> String {
    decision(guardian, guardian.step_up(id, wire::read_requirement(need)), request_id)
}

/// `{error?, events}`. `verdict` is `passed`, `denied`, `withheld`, `unauthenticated`, or the role that bypasses after
/// `bypass:`.
pub fn permit(guardian: &impl Guardian, user: &Named, verdict: &str, request_id: Option<&str>) -> String {
    decision(guardian, guardian.permit(admitted(user), &PermitOutcome::from_text(verdict)), request_id)
}

/// The numbers of this moment, as JSON or as the text for Prometheus. `remembered` is `{name of an event: count}`.
pub fn metrics(guardian: &impl Guardian, remembered: &str, format: &str) -> String {
    spell(&guardian.metrics(&Remembered::from_json(&parse(remembered))), format)
}

/// `{status, headers, body}`
pub fn error_response(guardian: &impl Guardian, error: &str) -> String {
    types::response(guardian.error_response(&read_error(&parse(error))))
}

/// Id, roles in effect and roles that wait of the user whom `protect()` has let in; no id if it did not run.
pub type Named = (Option<String>, Option<Vec<String>>, Option<Vec<String>>);

fn admitted((id, roles, withheld): &Named) -> User<'_> {
    let (roles, withheld) = (roles.as_deref().unwrap_or_default(), withheld.as_deref().unwrap_or_default());
    Some(Admitted { id: id.as_deref()?, roles, withheld })
}

fn decision(guardian: &impl Guardian, decision: Decision, request_id: Option<&str>) -> String {
    wire::decision_value(decision, &|event| guardian.log_entry(event, request_id)).to_string()
}

/// Runs a future as a promise. A panic in it rejects.
pub fn run(env: napi::Env, future: impl Future<Output = String> + Send + 'static) -> napi::Result<AsyncBlock<String>> {
    AsyncBlockBuilder::new(async move { Ok(future.await) }).build(&env)
}
