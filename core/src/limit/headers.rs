//! The error and the headers by which a client learns of a limit.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Budget, LimitVerdict};
use crate::error::{Error, ErrorCode};

/// Makes the error (429) for a spent budget. Its details name the policy, for [`headers_of`].
#[must_use]
pub fn exceeded(name: &str, budget: Budget, retry_after: Duration) -> Error {
    Error::from(ErrorCode::RateLimitExceeded).with_retry_after(retry_after).with_details(json!({
        "policy": name,
        "limit": budget.limit,
        "windowSeconds": budget.window.as_secs(),
    }))
}

/// Returns the headers of an error made by [`exceeded`], and none for any other error.
#[must_use]
pub fn headers_of(error: &Error) -> Vec<(String, String)> {
    let read = |details: &Value| {
        let limit = u32::try_from(details["limit"].as_u64()?).ok()?;
        let window = Duration::from_secs(details["windowSeconds"].as_u64()?);
        let verdict = LimitVerdict::Exceeded { retry_after: error.retry_after? };
        Some(headers(details["policy"].as_str()?, Budget { limit, window }, verdict))
    };
    error.details.as_deref().and_then(read).unwrap_or_default()
}

/// Returns `RateLimit-Policy` and `RateLimit` (IETF httpapi draft, structured fields of RFC 9651), and for a refusal
/// `Retry-After` (RFC 9110, 10.2.3). Times are in seconds, rounded up. `name` is the name of the policy, for example
/// `login`.
#[must_use]
pub fn headers(name: &str, budget: Budget, verdict: LimitVerdict) -> Vec<(String, String)> {
    let name = quoted(name);
    let (remaining, ends_in) = match verdict {
        LimitVerdict::Granted { remaining, resets_in } => (remaining, resets_in),
        LimitVerdict::Exceeded { retry_after } => (0, retry_after),
    };
    let seconds = seconds_up(ends_in);
    let policy = format!("{name};q={};w={}", budget.limit, seconds_up(budget.window));
    let mut headers = vec![
        ("RateLimit-Policy".to_owned(), policy),
        ("RateLimit".to_owned(), format!("{name};r={remaining};t={seconds}")),
    ];
    if matches!(verdict, LimitVerdict::Exceeded { .. }) {
        headers.push(("Retry-After".to_owned(), seconds.max(1).to_string()));
    }
    headers
}

/// Rounds up to whole seconds, so that a client that waits that long has waited long enough.
#[must_use]
pub const fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs().saturating_add((duration.subsec_nanos() > 0) as u64)
}

/// Writes a string (RFC 9651, 3.3.3). Characters that it can't hold become `_`.
fn quoted(name: &str) -> String {
    let safe = name.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '_' });
    format!("\"{}\"", safe.collect::<String>())
}
