//! Rate limits on the host's own routes, and the addresses by which they count.

use std::net::IpAddr;

use serde_json::Value;

use super::AuthServer;
use crate::cache::{Budget, LimitVerdict};
use crate::config::reader::Reader;
use crate::error::Error;
use crate::event::{Event, EventName};
use crate::limit::{self, LimiterName};
use crate::web::client_ip;

/// The verdict of a rate limiter on a route of the host.
#[derive(Debug, Clone)]
pub struct Limited {
    /// The headers to set on the response to a request that passes. The response to a refusal gets them from its error.
    pub headers: Vec<(String, String)>,
    /// The error that refuses the request. `None`: the request passes.
    pub error: Option<Error>,
    /// The events to log.
    pub events: Vec<Event>,
}

impl AuthServer {
    /// Returns the client's address by which limits count. It is the peer's, or the forwarded address if `trustProxy`
    /// trusts the peer. `forwarded` are the values of `X-Forwarded-For` in the order received. `None`: the peer is no
    /// address.
    #[must_use]
    pub fn client_address(&self, peer: &str, forwarded: &[String]) -> Option<String> {
        self.address(peer, forwarded).map(|address| address.to_string())
    }

    /// Checks the options of a new rate limiter on a route of the host. A second limiter with the same rule and without
    /// a `keyPrefix` is refused, since both would share a counter without notice.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option.
    pub fn check_limit_rule(&self, rule: &Value) -> Result<(), Error> {
        let rule = LimitRule::read(rule)?;
        if rule.is_named || self.0.unnamed_limiters.lock().insert(rule.name.as_str().to_owned()) {
            return Ok(());
        }
        Err(Error::configuration(
            "rateLimiter(): keyPrefix is missing, and another limiter without one has the same maxAttempts and \
             durationSeconds: they would share one counter. Give each limiter a keyPrefix, such as 'mail', or the same \
             one to those that shall count together",
        ))
    }

    /// Counts a hit on a route of the host, under the `key` that its limiter's function returned, or under the client's
    /// address (IPv6 by its /64). `peer` and `forwarded` are as in [`AuthServer::client_address`].
    pub async fn limit(&self, rule: &Value, key: &Value, peer: &str, forwarded: &[String]) -> Limited {
        let read = LimitRule::read(rule).and_then(|rule| Ok((rule, limit::route_key(key)?)));
        let (rule, key) = match read {
            Ok(read) => read,
            Err(error) => return Limited { headers: Vec::new(), error: Some(error), events: Vec::new() },
        };
        let mut events = Vec::new();
        let subject = match key {
            Some(key) => format!("key:{key}"),
            None => {
                let address = self.address(peer, forwarded);
                events.extend(self.address_warning(peer, forwarded, address));
                format!("address:{}", address.map_or_else(|| "unknown".to_owned(), client_ip::bucket))
            }
        };
        let LimitRule { policy, budget, .. } = &rule;
        match self.realm().cache.hit(&rule.name.bucket(&subject), *budget).await {
            verdict @ LimitVerdict::Granted { .. } => {
                Limited { headers: limit::headers(policy, *budget, verdict), error: None, events }
            }
            LimitVerdict::Exceeded { retry_after } => {
                events.extend(self.realm().telemetry.event(EventName::RateLimitExceeded, |event| {
                    event.with("limit", policy.as_str()).with("retryAfter", limit::seconds_up(retry_after))
                }));
                let error = limit::exceeded(policy, *budget, retry_after);
                Limited { headers: Vec::new(), error: Some(error), events }
            }
        }
    }

    fn address(&self, peer: &str, forwarded: &[String]) -> Option<IpAddr> {
        client_ip::client(Some(peer), forwarded.iter().map(String::as_str), &self.realm().config.trust_proxy)
    }

    fn address_warning(&self, peer: &str, forwarded: &[String], address: Option<IpAddr>) -> Option<Event> {
        let (realm, forwarded) = (self.realm(), forwarded.iter().map(String::as_str));
        if address.is_none() {
            realm.warned.unknown_address(&realm.config, &realm.telemetry)
        } else if client_ip::is_undeclared_proxy(peer, forwarded, &realm.config.trust_proxy) {
            realm.warned.undeclared_proxy(peer, &realm.telemetry)
        } else {
            None
        }
    }
}

/// The checked options of a rate limiter.
struct LimitRule {
    /// The name of the limit in headers and events.
    policy: String,
    is_named: bool,
    name: LimiterName,
    budget: Budget,
}

impl LimitRule {
    fn read(rule: &Value) -> Result<Self, Error> {
        let mut read = Reader::new("rateLimiter()", rule)?;
        let prefix = read.text("keyPrefix")?;
        for member in ["maxAttempts", "durationSeconds"] {
            if read.value(member).is_none() {
                return Err(read.error(member, "is missing"));
            }
        }
        let has_key = read.function("key")?;
        read.finish()?;
        let budget = limit::custom_budget(rule)?;
        let name = prefix.map_or_else(|| LimiterName::of_rule(budget, has_key), LimiterName::named);
        Ok(Self { policy: prefix.unwrap_or("route").to_owned(), is_named: prefix.is_some(), name, budget })
    }
}
