//! The decision on a stored answer: it is given again or refused, or the request runs.

use serde::Serialize;

use super::StoredResponse;
use crate::error::{Error, ErrorCode};

/// The word of `protect()` on the caller who asks for a stored answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission<'a> {
    /// It was not asked, since the request brings no token of ours.
    Unknown,
    /// It lets nobody in.
    Refused,
    /// It lets in a user with these roles.
    Admitted(&'a [String]),
}

/// The decision on a stored answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Replay {
    /// It is given again.
    Answer,
    /// The request runs, and `protect()` refuses it there: the session that the answer was given to has ended.
    Run,
    /// The caller has other roles than the answer was given for. The request is not run, since it ran already.
    Refuse,
}

/// Whether `protect()` has to be asked before a stored answer is given: the tokens of the request name a user by
/// `identity`, or `token`, the verification of the access token that it brings, does not say that it is none of ours.
/// Every error but `TOKEN_INVALID` leaves that open.
#[must_use]
pub fn asks_protect(identity: &str, token: Option<Result<(), Error>>) -> bool {
    let is_ours = |verified: Result<(), Error>| !verified.is_err_and(|error| error.is(ErrorCode::TokenInvalid));
    !identity.is_empty() || token.is_some_and(is_ours)
}

impl StoredResponse {
    /// Decides whether the answer is given to the caller. One that was given behind `protect()` is for callers whom it
    /// lets in with the same roles alone.
    #[must_use]
    pub fn replay_to(&self, asker: Admission<'_>) -> Replay {
        let roles = match asker {
            Admission::Refused => return Replay::Run,
            Admission::Unknown => None,
            Admission::Admitted(roles) => Some(roles),
        };
        if self.is_for(roles) { Replay::Answer } else { Replay::Refuse }
    }
}
