//! Messages of programmatic calls on their way to the host, and the events of their outcome.

use serde_json::Value;

use super::AuthServer;
use crate::event::{Event, EventName};
use crate::message::Message;

impl AuthServer {
    /// Takes the messages that programmatic calls left, as the host's `send` gets them: `[{id, kind, ..}]`.
    #[must_use]
    pub fn take_messages(&self) -> Value {
        std::mem::take(&mut *self.realm().outbox.lock()).iter().map(Message::to_json).collect()
    }

    /// The event of a message that was sent, or with a cause of a message that the host could not send.
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
