//! The events of a use case: an event for its success, and perhaps another for its failure, with fields from its facts.

use std::time::Duration;

use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};

/// The events of a use case.
#[derive(Debug)]
pub struct Story {
    /// The event of a success.
    pub success: EventName,
    /// The event of a failure, if the use case has one.
    pub failure: Option<EventName>,
}

/// The facts that a use case collects for the fields of its event.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The id of the user that the use case is about.
    pub user_id: Option<String>,
    /// The roles that the user has after the use case.
    pub roles: Option<Vec<String>>,
    /// The methods of a login (`amr`), if the session keeps them.
    pub amr: Option<Vec<&'static str>>,
    /// The number of identifiers.
    pub count: Option<usize>,
    /// The event of a failure that replaces the story's.
    pub failure: Option<EventName>,
    /// The event of a success that replaces the story's.
    pub success: Option<EventName>,
}

/// The end of a use case.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// The error, if the use case failed.
    pub error: Option<&'a Error>,
    /// The cause of a failure, for the log alone.
    pub cause: Option<&'a str>,
    /// The time that the use case took.
    pub took: Duration,
}

impl Story {
    /// Returns the name of the event for this ending, if there is one.
    #[must_use]
    pub fn name(&self, facts: &Facts, ending: &Ending<'_>) -> Option<EventName> {
        match ending.error {
            None => facts.success.or(Some(self.success)),
            // This is no failure, since the first step of the login succeeded.
            Some(error) if error.is(ErrorCode::MfaRequired) => Some(EventName::MfaChallenged),
            Some(_) => facts.failure.or(self.failure),
        }
    }
}

/// Fills in the fields that an event of this name has.
#[must_use]
pub fn fill(mut event: Event, facts: &Facts, ending: &Ending<'_>) -> Event {
    for field in event.name.fields() {
        let value = match *field {
            "userId" | "targetUserId" => facts.user_id.as_deref().map(Into::into),
            "roles" => facts.roles.clone().map(Into::into),
            "amr" => facts.amr.clone().map(Into::into),
            "count" => facts.count.map(Into::into),
            "errorCode" => ending.error.map(|error| error.code.as_ref().into()),
            "cause" => ending.cause.map(Into::into),
            "duration_ms" => Some(u64::try_from(ending.took.as_millis()).unwrap_or(u64::MAX).into()),
            _ => None,
        };
        if let Some(value) = value {
            event.fields.insert((*field).to_owned(), value);
        }
    }
    event
}
