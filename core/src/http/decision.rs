//! `authorize()` and `permit()`: decide about a user whom `protect()` has admitted. Both modes use them.

use super::guard::Principal;
use crate::access;
use crate::assurance::{Acr, Requirement};
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};
use crate::telemetry::Telemetry;

/// The decision of `authorize()` or `permit()`.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The error that refuses the request. `None`: the request passes.
    pub error: Option<Error>,
    /// The event for the log.
    pub event: Option<Event>,
}

/// The user whom `protect()` has admitted, as the checks after it need it.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    /// The user's id.
    pub id: &'a str,
    /// The roles in effect.
    pub roles: &'a [String],
    /// The roles that wait for a second factor.
    pub withheld: &'a [String],
}

impl<'a> From<&'a Principal> for Admitted<'a> {
    fn from(Principal { id, roles, withheld, .. }: &'a Principal) -> Self {
        Self { id, roles, withheld }
    }
}

/// The result of the host's check, for [`permit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermitVerdict {
    /// There is no user, since `protect()` did not run.
    Unauthenticated,
    /// The user has this role, which makes the check needless, so it was not run.
    Bypass(String),
    /// The check admitted the user.
    Passed,
    /// The check refused the user, who has a role that makes the check needless once a second factor is presented.
    Withheld,
    /// The check refused the user.
    Denied,
}

impl PermitVerdict {
    /// Reads `passed`, `withheld`, `unauthenticated`, or `bypass:` and the role; anything else is `denied`.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match (text, text.strip_prefix("bypass:")) {
            (_, Some(role)) => Self::Bypass(role.to_owned()),
            ("passed", _) => Self::Passed,
            ("withheld", _) => Self::Withheld,
            ("unauthenticated", _) => Self::Unauthenticated,
            _ => Self::Denied,
        }
    }
}

/// The cause in the log if a route has no `protect()`, since a request without a user passes no `protect()`.
const AUTHORIZE_ALONE: &str = "authorize() found no user: put protect() in front of it";
const PERMIT_ALONE: &str = "permit() found no user: put protect() in front of it";

/// The answer on a route without `protect()`. In production it does not reveal how the application is built.
fn alone(cause: &str, production: bool) -> Error {
    if production { ErrorCode::Unauthorized.into() } else { Error::new(ErrorCode::Unauthorized, cause) }
}

/// The authentication that puts withheld roles into effect.
const SECOND_FACTOR: Requirement = Requirement { acr: Some(Acr::Aal2), max_age: None };

/// Runs `authorize()`: admits a user who has at least one of the roles `required`. If only a withheld role would be
/// enough, the error asks the user for a second factor.
#[must_use]
pub fn authorize(
    user: Option<Admitted<'_>>,
    required: &[String],
    mode: &'static str,
    telemetry: &Telemetry,
    production: bool,
) -> Decision {
    let (error, name) = match user {
        None => (Some(alone(AUTHORIZE_ALONE, production)), EventName::AuthorizeUnauthenticated),
        Some(user) if access::authorize(user.roles, required) => (None, EventName::AuthorizePassed),
        Some(user) if access::authorize(user.withheld, required) => {
            return step_up(user.id, SECOND_FACTOR, mode, telemetry);
        }
        Some(_) => (Some(ErrorCode::Forbidden.into()), EventName::AuthorizeDenied),
    };
    let fill = |event| match user {
        None => authorize_fields(event, user, required).with("cause", AUTHORIZE_ALONE),
        Some(_) => authorize_fields(event, user, required),
    };
    Decision { error, event: telemetry.event(name, fill) }
}

fn authorize_fields(mut event: Event, user: Option<Admitted<'_>>, required: &[String]) -> Event {
    if let Some(Admitted { id, roles, .. }) = user {
        event = event.with("userId", id).with("userRoles", roles.to_vec());
    }
    event.with("requiredRoles", required.to_vec())
}

/// Returns the refusal of `protect({acr, maxAge})` for a user whose authentication is not enough.
#[must_use]
pub fn step_up(user_id: &str, need: Requirement, mode: &'static str, telemetry: &Telemetry) -> Decision {
    let fill = |event: Event| {
        let mut event = event.with("userId", user_id).with("mode", mode);
        if let Some(acr) = need.acr {
            event = event.with("acr", acr.as_str());
        }
        match need.max_age {
            Some(max_age) => event.with("maxAge", max_age),
            None => event,
        }
    };
    Decision { error: Some(need.error()), event: telemetry.event(EventName::StepUpRequired, fill) }
}

/// Runs `permit()`: turns the verdict of the host's check into a decision.
#[must_use]
pub fn permit(
    user: Option<Admitted<'_>>,
    outcome: &PermitVerdict,
    mode: &'static str,
    telemetry: &Telemetry,
    production: bool,
) -> Decision {
    let (error, name) = match (user, outcome) {
        (None, _) | (_, PermitVerdict::Unauthenticated) => {
            (Some(alone(PERMIT_ALONE, production)), EventName::PermitUnauthenticated)
        }
        (_, PermitVerdict::Bypass(_)) => (None, EventName::PermitRoleBypass),
        (_, PermitVerdict::Passed) => (None, EventName::PermitPassed),
        (Some(user), PermitVerdict::Withheld) => return step_up(user.id, SECOND_FACTOR, mode, telemetry),
        (_, PermitVerdict::Denied) => (Some(ErrorCode::Forbidden.into()), EventName::PermitDenied),
    };
    Decision { error, event: telemetry.event(name, |event| permit_fields(event, user, outcome)) }
}

fn permit_fields(mut event: Event, user: Option<Admitted<'_>>, outcome: &PermitVerdict) -> Event {
    if let (Some(Admitted { id, .. }), false) = (user, event.name == EventName::PermitUnauthenticated) {
        event = event.with("userId", id);
    }
    if event.name == EventName::PermitUnauthenticated {
        event = event.with("cause", PERMIT_ALONE);
    }
    match outcome {
        PermitVerdict::Bypass(role) if event.name == EventName::PermitRoleBypass => {
            event.with("bypassedByRole", role.as_str())
        }
        _ => event,
    }
}
