//! Asks the host whether a session is revoked, in server mode and client mode. It waits for a bounded time, and refuses
//! the session if the host can't say.

use std::time::Duration;

use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};
use crate::hook::RevocationCheck;

/// The longest wait for the host's answer.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// The refusal of a session.
#[derive(Debug)]
pub struct Refusal {
    /// The error to answer with.
    pub error: Error,
    /// The event to log, if the host could not say.
    pub event: Option<Event>,
}

/// Asks the host about a session.
///
/// # Errors
/// `UNAUTHORIZED` if the session is revoked, or the host can't say.
pub async fn ask(check: &dyn RevocationCheck, session_id: &str) -> Result<(), Refusal> {
    match tokio::time::timeout(TIME_LIMIT, check.is_revoked(session_id)).await {
        Ok(Ok(false)) => Ok(()),
        Ok(Ok(true)) => Err(Refusal { error: ended(), event: None }),
        Ok(Err(error)) => Err(undecided(&error.to_string())),
        Err(_) => Err(undecided("no answer within 2 s")),
    }
}

/// Returns the error for a session that has ended.
#[must_use]
pub fn ended() -> Error {
    Error::new(ErrorCode::Unauthorized, "Session has been revoked or does not exist")
}

/// Returns the refusal while the state of a session is unknown. Its message differs from that for an ended session.
fn undecided(cause: &str) -> Refusal {
    let event = Event::new(EventName::HookFailure).with("hook", "isTokenRevoked").with("cause", cause);
    Refusal {
        error: Error::new(ErrorCode::Unauthorized, "Session could not be checked for revocation"),
        event: Some(event),
    }
}
