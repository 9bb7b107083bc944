//! The result of `protect()` and its events.

use super::GuardRequest;
use crate::assurance::Assurance;
use crate::clock::Millis;
use crate::error::Error;
use crate::event::{Event, EventName};
use crate::http::Response;
use crate::telemetry::Telemetry;
use crate::web::authorization;

/// The maker of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// User id.
    pub id: String,
    /// The user's roles in effect: the present ones where the session was looked at, else those of the token.
    pub roles: Vec<String>,
    /// The user's further roles, which wait for a second factor.
    pub withheld: Vec<String>,
    /// Session id, unless the token was signed without one.
    pub session_id: Option<String>,
    /// The strength and the age of the authentication; `None` if they are not kept.
    pub assurance: Option<Assurance>,
    /// The access token, or the token minted in its place.
    pub token: String,
    /// The time at which it expires.
    pub exp: Millis,
}

/// The result of `protect()`.
#[derive(Clone)]
pub struct ProtectResult {
    /// The principal, or why there is none.
    pub result: Result<Principal, Error>,
    /// The whole response to a request that ends here, a CORS preflight. `result` is an error then, so that a host that
    /// ignores this field admits no request.
    pub answer: Option<Response>,
    /// To be set on the response: `Set-Cookie` or `X-Access-Token` of a silent refresh.
    pub headers: Vec<(String, String)>,
    /// To be logged.
    pub events: Vec<Event>,
    /// Until when the same bearer token may be answered from a cache of the caller's, under the same epoch;
    /// 0: never.
    pub fresh_until: Millis,
}

impl ProtectResult {
    /// The result for a host that remembers it by the `Authorization` header of the request.
    #[must_use]
    pub fn for_memory(self, request: &GuardRequest) -> Self {
        let is_memorable = request.authorization.as_deref().is_some_and(authorization::is_memorable);
        Self { fresh_until: if is_memorable { self.fresh_until } else { 0 }, ..self }
    }

    /// A request that may go on. `mode` is that of the events.
    #[must_use]
    pub fn passed(mode: &'static str, telemetry: &Telemetry, principal: Principal, fresh_until: Millis) -> Self {
        let user_id = principal.id.as_str();
        let event = telemetry.event(EventName::ProtectSuccess, |e| e.with("userId", user_id).with("mode", mode));
        let events = event.into_iter().collect();
        Self { result: Ok(principal), answer: None, headers: Vec::new(), events, fresh_until }
    }

    /// One that may not.
    #[must_use]
    pub fn refused(mode: &'static str, telemetry: &Telemetry, error: Error) -> Self {
        let event = telemetry.event(EventName::ProtectFailure, |event| failure(event, mode, &error));
        let events = event.into_iter().collect();
        Self { result: Err(error), answer: None, headers: Vec::new(), events, fresh_until: 0 }
    }

    /// The result for a token whose session has ended, or whose state is unknown.
    #[must_use]
    pub fn revoked(mode: &'static str, telemetry: &Telemetry, user_id: &str, error: Error) -> Self {
        let event = telemetry.event(EventName::ProtectTokenRevoked, |e| e.with("userId", user_id).with("mode", mode));
        let events = event.into_iter().collect();
        Self { result: Err(error), answer: None, headers: Vec::new(), events, fresh_until: 0 }
    }

    /// The same, with an event of what stood in the way.
    #[must_use]
    pub fn because(mut self, telemetry: &Telemetry, event: Option<Event>) -> Self {
        self.events.extend(event.and_then(|event| telemetry.counted(event)));
        self
    }
}

/// The fields of a request that was not let in.
pub(crate) fn failure(event: Event, mode: &'static str, error: &Error) -> Event {
    event.with("errorCode", error.code.as_ref()).with("mode", mode)
}
