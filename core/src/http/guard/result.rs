//! The result of `protect()` and its events.

use super::GuardRequest;
use crate::assurance::Assurance;
use crate::clock::Millis;
use crate::error::Error;
use crate::event::{Event, EventName};
use crate::http::Response;
use crate::telemetry::Telemetry;
use crate::web::authorization;

/// The user behind a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// User id.
    pub id: String,
    /// The user's roles in effect. They are the present roles if the session was checked, else those of the token.
    pub roles: Vec<String>,
    /// The user's other roles, which are not in effect until a second factor is presented.
    pub withheld: Vec<String>,
    /// Session id. `None`: the token was signed without one.
    pub session_id: Option<String>,
    /// The strength and the age of the authentication. `None`: they are not recorded.
    pub assurance: Option<Assurance>,
    /// The access token, or the token that a silent refresh minted in its place.
    pub token: String,
    /// The time at which the token expires, in milliseconds since 1970.
    pub exp: Millis,
}

/// The result of `protect()`.
#[derive(Clone)]
pub struct ProtectResult {
    /// The principal, or the error that refuses the request.
    pub result: Result<Principal, Error>,
    /// The complete response to a CORS preflight, which reaches no handler. `result` is then an error, so that a host
    /// that ignores this field admits no request.
    pub answer: Option<Response>,
    /// The headers to set on the response: `Set-Cookie` or `X-Access-Token` of a silent refresh, or cookies to delete,
    /// with `Cache-Control`.
    pub headers: Vec<(String, String)>,
    /// The events to log.
    pub events: Vec<Event>,
    /// The time until which the caller may answer the same bearer token from its own cache, under the same epoch, in
    /// milliseconds since 1970. 0: never.
    pub fresh_until: Millis,
}

impl ProtectResult {
    /// Returns the result for a host that caches it by the `Authorization` header of the request. Without such a header
    /// it must not be cached.
    #[must_use]
    pub fn for_memory(self, request: &GuardRequest) -> Self {
        let is_memorable = request.authorization.as_deref().is_some_and(authorization::is_memorable);
        Self { fresh_until: if is_memorable { self.fresh_until } else { 0 }, ..self }
    }

    /// Makes the result for a request that is admitted. `mode` is the field of its events.
    #[must_use]
    pub fn passed(mode: &'static str, telemetry: &Telemetry, principal: Principal, fresh_until: Millis) -> Self {
        let user_id = principal.id.as_str();
        let event = telemetry.event(EventName::ProtectSuccess, |e| e.with("userId", user_id).with("mode", mode));
        let events = event.into_iter().collect();
        Self { result: Ok(principal), answer: None, headers: Vec::new(), events, fresh_until }
    }

    /// Makes the result for a request that is refused.
    #[must_use]
    pub fn refused(mode: &'static str, telemetry: &Telemetry, error: Error) -> Self {
        let event = telemetry.event(EventName::ProtectFailure, |event| failure(event, mode, &error));
        let events = event.into_iter().collect();
        Self { result: Err(error), answer: None, headers: Vec::new(), events, fresh_until: 0 }
    }

    /// Makes the result for a token whose session or user has ended, or whose revocation is unknown.
    #[must_use]
    pub fn revoked(mode: &'static str, telemetry: &Telemetry, user_id: &str, error: Error) -> Self {
        let event = telemetry.event(EventName::ProtectTokenRevoked, |e| e.with("userId", user_id).with("mode", mode));
        let events = event.into_iter().collect();
        Self { result: Err(error), answer: None, headers: Vec::new(), events, fresh_until: 0 }
    }

    /// Adds an event that explains the result, for example a failure of the host's function.
    #[must_use]
    pub fn because(mut self, telemetry: &Telemetry, event: Option<Event>) -> Self {
        self.events.extend(event.and_then(|event| telemetry.counted(event)));
        self
    }
}

/// Adds the fields to the event of a refused request.
pub(crate) fn failure(event: Event, mode: &'static str, error: &Error) -> Event {
    event.with("errorCode", error.code.as_ref()).with("mode", mode)
}
