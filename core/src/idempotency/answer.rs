//! Answers: decides which of them may be stored, with which headers, and for which callers.

use serde_json::Value;

/// The largest response body that is stored, in bytes.
pub const MAX_STORED_BODY: usize = 1024 * 1024;

/// A response that is stored to be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredResponse {
    /// HTTP status, 200 to 299.
    pub status: u16,
    /// Names and values as they were sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The roles of the user whom `protect()` admitted, in any order. `None`: no `protect()` ran.
    pub roles: Option<Vec<String>>,
}

impl StoredResponse {
    /// Removes the headers that `protect()` added for this request: a minted token, its cookie, and the `no-store` with
    /// them. They are no part of the handler's answer, and they would prevent it from being stored. A header to which
    /// the handler gave another value stays.
    #[must_use]
    pub fn without(mut self, added: &[(String, String)]) -> Self {
        let is_added = |(name, value): &(String, String)| {
            added.iter().any(|(other, own)| other.eq_ignore_ascii_case(name) && own == value)
        };
        self.headers.retain(|header| !is_added(header));
        self
    }

    /// Whether the answer may go to a caller whom `protect()` would admit with `roles` now; `None` means that it would
    /// refuse the caller. An answer of a route behind `protect()` is only for the roles that it was given for, since it
    /// may depend on them.
    #[must_use]
    pub fn is_for(&self, roles: Option<&[String]>) -> bool {
        match (&self.roles, roles) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(then), Some(now)) => {
                then.iter().all(|role| now.contains(role)) && now.iter().all(|role| then.contains(role))
            }
        }
    }
}

/// Whether a response may be stored. It must be a 2xx, not too large, and without `Set-Cookie` or a token in headers or
/// body.
#[must_use]
pub fn may_store(status: u16, headers: &[(String, String)], body: &[u8]) -> bool {
    let secret = |name: &str| {
        ["set-cookie", "authorization", "x-access-token", "x-refresh-token"]
            .iter()
            .any(|header| name.eq_ignore_ascii_case(header))
    };
    (200..300).contains(&status)
        && body.len() <= MAX_STORED_BODY
        && !headers.iter().any(|(name, value)| secret(name) || looks_like_token(value))
        && !holds_token(body)
}

fn holds_token(body: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => value_holds_token(&value),
        // The body is no JSON, or JSON that the parser refuses, so the check reads it as text.
        Err(_) => {
            let text = String::from_utf8_lossy(body);
            TOKEN_MEMBERS.iter().any(|name| text.contains(name))
                || text.split(|c: char| !is_token_char(c)).any(looks_like_token)
        }
    }
}

const TOKEN_MEMBERS: [&str; 4] = ["accessToken", "refreshToken", "access_token", "refresh_token"];

fn value_holds_token(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.iter().any(|(name, value)| TOKEN_MEMBERS.contains(&name.as_str()) || value_holds_token(value))
        }
        Value::Array(items) => items.iter().any(value_holds_token),
        Value::String(text) => looks_like_token(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether `text` looks like a JWS in compact form (RFC 7515, 7.1): three parts of base64url, of which the first is a
/// JSON object.
fn looks_like_token(text: &str) -> bool {
    let text = text.strip_prefix("Bearer ").unwrap_or(text);
    text.starts_with("eyJ") && text.split('.').count() == 3 && text.chars().all(is_token_char)
}

const fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
