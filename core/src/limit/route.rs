//! Limiters on routes of the application: the keys by which requests are counted, and the names of limiters.

use serde_json::Value;

use super::{Budget, key};
use crate::crypto::to_base64url;
use crate::error::Error;

/// Writes the key that a limiter's `key` function returned (a text, a whole number or a boolean) as a text. `None`: the
/// function returned nothing or an empty text. Such requests are counted by their address, so that they do not all
/// share a bucket.
///
/// # Errors
/// `CONFIGURATION_ERROR` for any other value, since its text may be the same for all callers.
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

/// The name of a limiter on a route of the application, which distinguishes its buckets from those of other limiters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimiterName(String);

impl LimiterName {
    /// Returns the name of a limiter with this `keyPrefix`. Limiters with the same name share their buckets.
    #[must_use]
    pub fn named(prefix: &str) -> Self {
        Self(to_base64url(prefix.as_bytes()))
    }

    /// Returns the name of a limiter without a `keyPrefix`. It is made of the limiter's rule alone, so it is the same
    /// in every process, whatever other limiters there are. It has a dot, which no prefix in base64url has.
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

    /// Returns the bucket of a subject, which is a key or an address.
    #[must_use]
    pub fn bucket(&self, subject: &str) -> String {
        format!("custom:{}", key(&self.0, subject))
    }
}

/// Returns the bucket of a limiter with this `keyPrefix` for a subject.
#[must_use]
pub fn custom(prefix: &str, subject: &str) -> String {
    LimiterName::named(prefix).bucket(subject)
}
