//! The flat text of a token's claims. It may cross with every request, and is the fastest form to read.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::outcome;
use crate::token::claims::AccessView;

/// The separator of packed texts. If a claim holds it, the claims cross as JSON.
const SEPARATOR: char = '\u{1f}';

/// Writes the claims of a verified token as flat text: `exp` in seconds, then id, session id (which may be empty) and
/// roles, with a unit separator before each. If a claim holds the separator, it writes the [`outcome`] of
/// `{id, roles, sessionId, exp}` instead.
#[must_use]
pub fn verified_text(claims: AccessView<'_>) -> String {
    let AccessView { id, roles, session_id, exp, .. } = claims;
    let session = session_id.as_deref().unwrap_or_default();
    let parts = || [&*id, session].into_iter().chain(roles.iter().map(|role| &**role));
    if parts().any(|part| part.contains(SEPARATOR)) {
        return outcome(Ok(json!({ "id": id, "roles": roles, "sessionId": session_id, "exp": exp })));
    }
    let mut text = String::with_capacity(160);
    let _ = write!(text, "{exp}");
    for part in parts() {
        text.push(SEPARATOR);
        text.push_str(part);
    }
    text
}

/// Reads the claims for a new token from flat text, which has id, session id (which may be empty) and roles, with unit
/// separators between them. Returns `{id, sessionId, roles}`.
#[must_use]
pub fn read_claims_text(text: &str) -> Value {
    let mut parts = text.split(SEPARATOR);
    let (id, session) = (parts.next(), parts.next().filter(|session| !session.is_empty()));
    json!({ "id": id, "sessionId": session, "roles": parts.collect::<Vec<_>>() })
}
