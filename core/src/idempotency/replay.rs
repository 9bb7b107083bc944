//! Decides whether a stored answer is replayed or refused, or the request runs.

use serde::Serialize;

use super::StoredResponse;
use crate::error::{Error, ErrorCode};

/// The decision of `protect()` on the caller who asks for a stored answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission<'a> {
    /// `protect()` was not asked, since the request brings no token of sentri.
    Unknown,
    /// `protect()` refuses the caller.
    Refused,
    /// `protect()` admits a user with these roles.
    Admitted(&'a [String]),
}

/// The decision on a stored answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Replay {
    /// The answer is replayed.
    Answer,
    /// The request runs, so that `protect()` on the route refuses it, since the session that got the answer has ended.
    Run,
    /// The request is refused and does not run again, since the caller has other roles than those that the answer was
    /// given for.
    Refuse,
}

/// Whether `protect()` must be asked before a stored answer is replayed. It must if the request's tokens name an
/// `identity`, which is else empty. It must also if the request brings an access token that may be of sentri. `token`
/// is the result of its verification, of which only `TOKEN_INVALID` says that the token is foreign.
#[must_use]
pub fn asks_protect(identity: &str, token: Option<Result<(), Error>>) -> bool {
    let is_ours = |verified: Result<(), Error>| !verified.is_err_and(|error| error.is(ErrorCode::TokenInvalid));
    !identity.is_empty() || token.is_some_and(is_ours)
}

impl StoredResponse {
    /// Decides whether the answer is replayed to the caller. An answer of a route behind `protect()` is only for
    /// callers whom `protect()` admits with the same roles.
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
