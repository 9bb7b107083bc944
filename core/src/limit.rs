//! Rate limits: one bucket's decisions, the names of buckets, and what a caller is told.

use std::time::Duration;

use serde_json::json;

use crate::cache::{Budget, Settlement, Verdict};
use crate::client_ip;
use crate::clock::Millis;
use crate::crypto;
use crate::error::{Error, ErrorCode};

/// After this long an attempt that nobody settled counts: its caller is gone.
pub const SETTLE_WITHIN: Millis = 30_000;

/// One fixed window. Attempts in flight hold a place each until they are settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bucket {
    started_at: Millis,
    window: Millis,
    counted: u32,
    /// When each unsettled attempt began.
    in_flight: Vec<Millis>,
}

/// What a bucket says to one more attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Decided.
    Verdict(Verdict),
    /// All free places are held by attempts in flight: ask again when one is settled.
    Wait,
}

impl Bucket {
    /// Asks for one attempt at `now`.
    pub fn begin(&mut self, budget: Budget, now: Millis) -> Answer {
        self.roll(budget, now);
        if self.counted >= budget.limit {
            return Answer::Verdict(Verdict::Exceeded { retry_after: self.resets_in(now) });
        }
        let held = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        if self.counted.saturating_add(held) >= budget.limit {
            return Answer::Wait;
        }
        self.in_flight.push(now);
        let remaining = budget.limit - self.counted - held - 1;
        Answer::Verdict(Verdict::Granted { remaining, resets_in: self.resets_in(now) })
    }

    /// Ends one attempt.
    pub fn settle(&mut self, settlement: Settlement) {
        // One that was counted for taking too long is not there any more.
        let held = self.in_flight.pop().is_some();
        match settlement {
            Settlement::Counted if held => self.counted = self.counted.saturating_add(1),
            Settlement::Counted | Settlement::Refunded => {}
            Settlement::Reset => self.counted = 0,
        }
    }

    /// Whether the bucket says nothing that a new one would not say.
    #[must_use]
    pub fn is_idle(&self, now: Millis) -> bool {
        self.in_flight.is_empty() && (self.counted == 0 || now >= self.started_at + self.window)
    }

    /// Whether somebody is being kept out.
    #[must_use]
    pub fn is_penalty(&self, limit: u32, now: Millis) -> bool {
        self.counted >= limit && now < self.started_at + self.window
    }

    fn roll(&mut self, budget: Budget, now: Millis) {
        let late = self.in_flight.len();
        self.in_flight.retain(|began| now - began < SETTLE_WITHIN);
        let late = u32::try_from(late - self.in_flight.len()).unwrap_or(u32::MAX);
        self.counted = self.counted.saturating_add(late);
        let window = Millis::try_from(budget.window.as_millis()).unwrap_or(Millis::MAX);
        if self.window == 0 || now >= self.started_at.saturating_add(self.window) || now < self.started_at {
            self.started_at = now;
            self.counted = 0;
        }
        self.window = window;
    }

    fn resets_in(&self, now: Millis) -> Duration {
        let left = self.started_at.saturating_add(self.window).saturating_sub(now).max(1);
        Duration::from_millis(u64::try_from(left).unwrap_or(1))
    }
}

/// The bucket of a user's logins.
#[must_use]
pub fn account_key(user_id: &str) -> String {
    format!("login:user:{user_id}")
}

/// The bucket of an identifier that nobody has; a digest, so that what people mistype is not kept.
#[must_use]
pub fn unknown_account_key(normalized: &str) -> String {
    format!("login:unknown:{}", digest(normalized))
}

/// The bucket of a client address. Callers whose address is not known share one.
#[must_use]
pub fn address_key(policy: &str, ip: Option<&str>) -> String {
    let bucket = ip.and_then(client_ip::canonical).map_or_else(|| "unknown".to_owned(), client_ip::bucket);
    format!("{policy}:address:{bucket}")
}

/// The bucket of a key of the host's own; a digest, because it may be anything.
#[must_use]
pub fn custom_key(policy: &str, key: &str) -> String {
    format!("route:{policy}:key:{}", digest(key))
}

fn digest(text: &str) -> String {
    crypto::to_base64url(&crypto::sha256(text.as_bytes()))
}

/// The 429. Its details carry what [`headers_of`] writes.
#[must_use]
pub fn exceeded(policy: &str, budget: Budget, retry_after: Duration) -> Error {
    Error::new(ErrorCode::RateLimitExceeded, ErrorCode::RateLimitExceeded.message())
        .with_retry_after(retry_after)
        .with_details(json!({
            "policy": policy,
            "limit": budget.limit,
            "windowSeconds": budget.window.as_secs(),
            "retryAfterSeconds": whole_seconds(retry_after),
        }))
}

/// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) of an error made by [`exceeded`].
#[must_use]
pub fn headers_of(error: &Error) -> Vec<(String, String)> {
    let Some(details) = &error.details else { return Vec::new() };
    let (Some(policy), Some(limit), Some(window)) =
        (details["policy"].as_str(), details["limit"].as_u64(), details["windowSeconds"].as_u64())
    else {
        return Vec::new();
    };
    let budget = Budget { limit: u32::try_from(limit).unwrap_or(u32::MAX), window: Duration::from_secs(window) };
    headers(policy, budget, 0, error.retry_after.unwrap_or_default())
}

/// `RateLimit` and `RateLimit-Policy` of a bucket.
#[must_use]
pub fn headers(policy: &str, budget: Budget, remaining: u32, resets_in: Duration) -> Vec<(String, String)> {
    let name: String = policy.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\')).collect();
    vec![
        ("RateLimit-Policy".to_owned(), format!("\"{name}\";q={};w={}", budget.limit, budget.window.as_secs())),
        ("RateLimit".to_owned(), format!("\"{name}\";r={remaining};t={}", whole_seconds(resets_in))),
    ]
}

/// Whole seconds, rounded up, at least one: a client that waits so long does not come too early.
#[must_use]
pub fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0)).max(1)
}
