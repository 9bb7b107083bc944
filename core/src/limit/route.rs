//! Limiters on routes of the application: the keys that requests are counted by, and the names of limiters.

use serde_json::Value;

use super::{Budget, key};
use crate::crypto::to_base64url;
use crate::error::Error;

/// Returns the key that a limiter's `key` function gave, as a text: a text, a whole number or a boolean. Nothing and
/// the empty text are no key, so that requests without one don't share a bucket: their address counts.
///
/// # Errors
/// `CONFIGURATION_ERROR` for anything else, since what it would be as a text may be the same for all callers.
pub fn route_key(given: &Value) -> Result<Option<String>, Error> {
    match given {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Value::Bool(flag) => Ok(Some(flag.to_string())),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(Some(number.to_string())),
        // A number that came by way of JavaScript may be written 5.0.
        Value::Number(number) => match number.as_f64().filter(|number| number.fract() == 0.0) {
            Some(whole) => Ok(Some(format!("{whole:.0}"))),
            None => Err(no_key()),
        },
        Value::Array(_) | Value::Object(_) => Err(no_key()),
    }
}

fn no_key() -> Error {
    Error::configuration(
        "rateLimiter(): key must give a text, a whole number or a boolean, or nothing to count by the client's address",
    )
}

/// The name of a limiter on a route of the application, by which its buckets are told from those of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimiterName(String);

impl LimiterName {
    /// The name of a limiter with this `keyPrefix`. Limiters of one name share their buckets.
    #[must_use]
    pub fn named(prefix: &str) -> Self {
        Self(to_base64url(prefix.as_bytes()))
    }

    /// The name of a limiter without a `keyPrefix`, made of its rule, so it is the same in every process, whatever
    /// limiters that has beside it. No prefix in base64url has a dot.
    #[must_use]
    pub fn of_rule(budget: Budget, has_key: bool) -> Self {
        let by = if has_key { "key" } else { "address" };
        Self(format!("{}.{}.{by}", budget.limit, budget.window.as_secs()))
    }

    /// The name as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bucket of what is counted: a key, or an address.
    #[must_use]
    pub fn bucket(&self, subject: &str) -> String {
        format!("custom:{}", key(&self.0, subject))
    }
}

/// The bucket of a route of the application's own, by its `keyPrefix` and whatever it limits by.
#[must_use]
pub fn custom(prefix: &str, subject: &str) -> String {
    LimiterName::named(prefix).bucket(subject)
}
