//! The event of a use case: an event for its success, perhaps another for its failure, with fields from its facts.

use std::time::Duration;

use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};

/// The events of a use case.
#[derive(Debug)]
pub struct Story {
    /// The event of its success.
    pub success: EventName,
    /// The event of its failure, if it has one.
    pub failure: Option<EventName>,
}

/// The facts that the event of a use case has fields for.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The user that it is about.
    pub user_id: Option<String>,
    /// The roles that the user has after it.
    pub roles: Option<Vec<String>>,
    /// The methods of a login, where one of them is the code of a message.
    pub amr: Option<Vec<&'static str>>,
    /// The number of identifiers.
    pub count: Option<usize>,
    /// The event of a failure, in the place of the story's.
    pub failure: Option<EventName>,
    /// The event of a success, in the place of the story's.
    pub success: Option<EventName>,
}

/// The end of a use case.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// The refusal, where it failed.
    pub error: Option<&'a Error>,
    /// The cause of a failure, for the log alone.
    pub cause: Option<&'a str>,
    /// The time that it took.
    pub took: Duration,
}

impl Story {
    /// Returns the name of the event, if there is one for this end.
    #[must_use]
    pub fn name(&self, facts: &Facts, ending: &Ending<'_>) -> Option<EventName> {
        match ending.error {
            None => facts.success.or(Some(self.success)),
            // No failure: the password was right.
            Some(error) if error.is(ErrorCode::MfaRequired) => Some(EventName::MfaChallenged),
            Some(_) => facts.failure.or(self.failure),
        }
    }
}

/// Returns the event with the fields that its name has.
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
