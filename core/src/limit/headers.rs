//! The words about a budget for a client: the 429 and the headers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Budget, LimitVerdict};
use crate::error::{Error, ErrorCode};

/// The 429 for a spent budget. Its details say which policy, for [`headers_of`].
#[must_use]
pub fn exceeded(name: &str, budget: Budget, retry_after: Duration) -> Error {
    Error::from(ErrorCode::RateLimitExceeded).with_retry_after(retry_after).with_details(json!({
        "policy": name,
        "limit": budget.limit,
        "windowSeconds": budget.window.as_secs(),
    }))
}

/// The headers of an error made by [`exceeded`]; none for any other.
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

/// `RateLimit-Policy`, `RateLimit` (IETF httpapi draft, structured fields of RFC 9651) and, for a refusal,
/// `Retry-After` (RFC 9110, 10.2.3): seconds, rounded up. `name` is the policy's, e.g. `login`.
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

/// Whole seconds, rounded up, so that who waits so long has waited long enough.
#[must_use]
pub const fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs().saturating_add((duration.subsec_nanos() > 0) as u64)
}

/// A string of RFC 9651, 3.3.3; what it can't hold is written `_`.
fn quoted(name: &str) -> String {
    let safe = name.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '_' });
    format!("\"{}\"", safe.collect::<String>())
}
