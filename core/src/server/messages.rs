//! Messages that programmatic calls leave for the host, and the events of their delivery.

use serde_json::Value;

use super::AuthServer;
use crate::event::{Event, EventName};
use crate::message::Message;

impl AuthServer {
    /// Returns the messages that programmatic calls left, as the host's `send` gets them, `[{id, kind, ..}]`, and
    /// forgets them.
    #[must_use]
    pub fn take_messages(&self) -> Value {
        std::mem::take(&mut *self.realm().outbox.lock()).iter().map(Message::to_json).collect()
    }

    /// Returns the event of a message that was sent, or with `cause` of a message that the host could not send, and
    /// counts it.
    #[must_use]
    pub fn message_event(&self, kind: &str, channel: &str, cause: Option<&str>) -> Event {
        let name = if cause.is_some() { EventName::MessageFailure } else { EventName::MessageSent };
        self.realm().telemetry.count(name);
        let event = Event::new(name).with("kind", kind).with("channel", channel);
        match cause {
            Some(cause) => event.with("cause", cause),
            None => event,
        }
    }
}
