//! The host's decision on revocation, asked in both modes: fail closed, with a bounded wait.

use std::time::Duration;

use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};
use crate::hook::RevocationCheck;

/// The time that the host has for its answer.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Why a session is refused.
#[derive(Debug)]
pub struct Refusal {
    /// The answer.
    pub error: Error,
    /// To be logged, when the host could not say.
    pub event: Option<Event>,
}

/// Asks the host about a session.
///
/// # Errors
/// `UNAUTHORIZED` when it is revoked, and when the host can't say.
pub async fn ask(check: &dyn RevocationCheck, session_id: &str) -> Result<(), Refusal> {
    match tokio::time::timeout(TIME_LIMIT, check.is_revoked(session_id)).await {
        Ok(Ok(false)) => Ok(()),
        Ok(Ok(true)) => Err(Refusal { error: ended(), event: None }),
        Ok(Err(error)) => Err(undecided(&error.to_string())),
        Err(_) => Err(undecided("no answer within 2 s")),
    }
}

/// The answer about a session that is over.
#[must_use]
pub fn ended() -> Error {
    Error::new(ErrorCode::Unauthorized, "Session has been revoked or does not exist")
}

/// The answer while the state of a session is unknown: a refusal, but not as for a session that has ended.
fn undecided(cause: &str) -> Refusal {
    let event = Event::new(EventName::HookFailure).with("hook", "isTokenRevoked").with("cause", cause);
    Refusal {
        error: Error::new(ErrorCode::Unauthorized, "Session could not be checked for revocation"),
        event: Some(event),
    }
}
