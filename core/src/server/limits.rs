//! Limits of the host's own routes, and whom they count.

use serde_json::Value;

use super::AuthServer;
use crate::cache::{Budget, Verdict};
use crate::config::reader::Reader;
use crate::error::Error;
use crate::event::{Event, EventName};
use crate::http::client_ip;
use crate::limit;

/// The verdict of a rate limiter on a route of the host's.
#[derive(Debug, Clone)]
pub struct Limited {
    /// To be set on the response, also when it passes.
    pub headers: Vec<(String, String)>,
    /// Why not; `None` lets pass.
    pub error: Option<Error>,
    /// To be logged.
    pub events: Vec<Event>,
}

impl AuthServer {
    /// The client's address as limits see it: the peer's, or the forwarded one where `trustProxy` says so. `forwarded`
    /// are the values of `X-Forwarded-For` in the order received. Nothing where the peer is no address.
    #[must_use]
    pub fn client_address(&self, peer: &str, forwarded: &[String]) -> Option<String> {
        let forwarded = forwarded.iter().map(String::as_str);
        client_ip::client(Some(peer), forwarded, &self.realm().config.trust_proxy).map(|address| address.to_string())
    }

    /// Checks the options of a rate limiter on a route of the host's.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option.
    pub fn check_limit_rule(&self, rule: &Value) -> Result<(), Error> {
        limit_rule(rule).map(|_| ())
    }

    /// Counts one hit on a route of the host's. `key` is an address (folded: IPv6 by /64) or the host's own key.
    pub async fn limit(&self, rule: &Value, key: &str, is_address: bool) -> Limited {
        let (policy, budget) = match limit_rule(rule) {
            Ok(rule) => rule,
            Err(error) => return Limited { headers: Vec::new(), error: Some(error), events: Vec::new() },
        };
        let address = if is_address { client_ip::canonical(key) } else { None };
        let mut events = Vec::new();
        if is_address && address.is_none() {
            events.extend(self.realm().unknown_address());
        }
        let key = if is_address {
            let bucket = address.map_or_else(|| "unknown".to_owned(), client_ip::bucket);
            limit::custom(&policy, &format!("address:{bucket}"))
        } else {
            limit::custom(&policy, &format!("key:{key}"))
        };
        match self.realm().cache.hit(&key, budget).await {
            verdict @ Verdict::Granted { .. } => {
                Limited { headers: limit::headers(&policy, budget, verdict), error: None, events }
            }
            Verdict::Exceeded { retry_after } => Limited {
                headers: Vec::new(),
                error: Some(limit::exceeded(&policy, budget, retry_after)),
                events: {
                    events.extend(self.event(|| {
                        Event::new(EventName::RateLimitExceeded)
                            .with("limit", policy.as_str())
                            .with("retryAfter", limit::seconds_up(retry_after))
                    }));
                    events
                },
            },
        }
    }
}

fn limit_rule(rule: &Value) -> Result<(String, Budget), Error> {
    let mut read = Reader::new("rateLimiter()", rule)?;
    let prefix = read.text("keyPrefix")?.unwrap_or("route").to_owned();
    for member in ["maxAttempts", "durationSeconds"] {
        if read.value(member).is_none() {
            return Err(read.error(member, "is missing"));
        }
    }
    read.function("key")?;
    read.finish()?;
    Ok((prefix, limit::custom_budget(rule)?))
}
