//! Guesses at the API key, counted by client address as failed logins are.

use super::{Caller, Realm, Trail};
use crate::cache::LimitVerdict;
use crate::error::ErrorCode;
use crate::event::EventName;
use crate::failure::Failure;
use crate::limit;

/// The name that refusals and events carry.
const POLICY: &str = "api-key";

/// Returns whether `given` is an API key. A wrong key is logged and counted. A right key is not counted, but it is
/// refused too while the budget of its address is spent. Otherwise an attacker could go on to guess until a key is
/// right.
///
/// # Errors
/// `RATE_LIMIT_EXCEEDED`.
pub(crate) async fn accept(
    realm: &Realm,
    given: Option<&str>,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<bool, Failure> {
    let (Some(keys), Some(given)) = (&realm.config.api_keys, given) else { return Ok(false) };
    let is_right = keys.accept(Some(given));
    // The empty key is never valid, so it is no guess.
    if let (Some(limits), false) = (&realm.config.rate_limits, given.is_empty()) {
        let (key, budget) = (limit::api_key_address(caller.bucket()), limits.login_address);
        // The comparison takes no time, so no attempt is in flight: a hit counts at once, and a peek does not count.
        let verdict = if is_right { realm.cache.peek(&key, budget) } else { realm.cache.hit(&key, budget) };
        if let LimitVerdict::Exceeded { retry_after } = verdict.await {
            trail.note(EventName::RateLimitExceeded, |event| {
                event.with("limit", POLICY).with("retryAfter", limit::seconds_up(retry_after))
            });
            return Err(limit::exceeded(POLICY, budget, retry_after).into());
        }
    }
    if !is_right {
        trail.note(EventName::ProtectFailure, |event| {
            event.with("errorCode", ErrorCode::Unauthorized.as_str()).with("mode", "server").with("reason", "api_key")
        });
    }
    Ok(is_right)
}
