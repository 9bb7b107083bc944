//! The events, notices and messages that a use case leaves beside its result.

use std::sync::Arc;

use super::caller::Caller;
use super::story::{Ending, Facts, Story, fill};
use crate::audit::Author;
use crate::event::{Event, EventName};
use crate::hook::Notice;
use crate::message::Message;
use crate::telemetry::Telemetry;
use crate::token::device::DeviceUser;

/// A call of an override in flight. It holds the state that `next()` reads and changes, so that the host need not pass
/// it on.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub devices: Vec<DeviceUser>,
    pub trail: Trail,
}

impl InFlight {
    /// Makes the state of a call for `caller` that begins.
    pub(crate) fn new(telemetry: &Arc<Telemetry>, caller: &Caller, author: &Author) -> Self {
        Self { devices: caller.devices.clone(), trail: Trail::new(telemetry).by(author.clone()) }
    }
}

/// The events, notices and messages that a use case leaves beside its result.
#[derive(Debug)]
pub struct Trail {
    /// The events to log, in this order.
    pub events: Vec<Event>,
    /// Notices for the host's hooks.
    pub notices: Vec<Notice>,
    /// The messages to send after the answer.
    pub messages: Vec<Message>,
    /// The facts for the event of the use case.
    pub facts: Facts,
    /// The author of the changes, for the audit.
    pub author: Author,
    telemetry: Arc<Telemetry>,
}

impl Trail {
    /// Returns an empty trail.
    #[must_use]
    pub fn new(telemetry: &Arc<Telemetry>) -> Self {
        Self {
            events: Vec::new(),
            notices: Vec::new(),
            messages: Vec::new(),
            facts: Facts::default(),
            author: Author::default(),
            telemetry: Arc::clone(telemetry),
        }
    }

    /// Sets the author of the trail.
    #[must_use]
    pub fn by(self, author: Author) -> Self {
        Self { author, ..self }
    }

    /// Counts an event, and adds it to the trail. `fill` is called only if events are logged.
    pub fn note(&mut self, name: EventName, fill: impl FnOnce(Event) -> Event) {
        self.events.extend(self.telemetry.event(name, fill));
    }

    /// Returns the event of a use case that ended, and counts it. If there is no event for this ending, an internal
    /// cause becomes a `HookFailure`, since it is logged nowhere else.
    #[must_use]
    pub fn story(&self, story: Option<&Story>, ending: &Ending<'_>) -> Option<Event> {
        match story.and_then(|story| story.name(&self.facts, ending)) {
            Some(name) => self.telemetry.event(name, |event| fill(event, &self.facts, ending)),
            None => {
                let (error, cause) = (ending.error?, ending.cause?);
                let event = Event::new(EventName::HookFailure);
                self.telemetry.counted(event.with("hook", error.code.as_ref()).with("cause", cause))
            }
        }
    }

    /// Notes an event for each session that ended.
    pub fn sessions_revoked(&mut self, user_id: &str, session_ids: &[String]) {
        for id in session_ids {
            self.note(EventName::SessionRevoked, |e| e.with("userId", user_id).with("sessionId", id.as_str()));
        }
    }

    /// Adds the events, notices and messages of another trail.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.events.extend(other.events);
        self.notices.extend(other.notices);
        self.messages.extend(other.messages);
    }
}
