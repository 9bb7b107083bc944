//! The options of the middleware, and the methods that it applies to.

use std::time::Duration;

use serde_json::Value;

use super::outage::{self, OnRedisAway, whole};
use crate::duration;
use crate::error::Error;

/// The names of the options. `redisUrl` is read by the code that opens Redis.
const MEMBERS: [&str; 9] =
    ["ttl", "header", "methods", "maxSize", "keyPrefix", "credential", "redisUrl", "redisPatience", "onRedisAway"];

const LONGEST_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The checked options of the middleware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRules {
    /// The time for which an answer is stored.
    pub ttl: Duration,
    /// The header with the key, as configured.
    pub header: String,
    /// The methods that the middleware applies to, in upper case.
    pub methods: Vec<String>,
    /// The most answers that are stored, in memory and in Redis.
    pub max_size: usize,
    /// The prefix that distinguishes the keys of this application from those of others in the same Redis.
    pub key_prefix: String,
    /// The time for which requests wait for a Redis that is unavailable, counted from the moment at which it became so.
    pub redis_patience: Duration,
    /// The treatment of requests after that time.
    pub on_redis_away: OnRedisAway,
}

impl Default for IdempotencyRules {
    fn default() -> Self {
        Self {
            ttl: Duration::from_millis(300_000),
            header: "X-Idempotency-Key".to_owned(),
            methods: ["POST", "PUT", "PATCH"].map(str::to_owned).to_vec(),
            max_size: 10_000,
            key_prefix: "default".to_owned(),
            redis_patience: outage::PATIENCE,
            on_redis_away: OnRedisAway::Local,
        }
    }
}

impl IdempotencyRules {
    /// Reads `{ttl, header, methods, maxSize, keyPrefix, redisPatience, onRedisAway, credential}`. `ttl` and
    /// `redisPatience` are durations such as `5m`, or numbers of milliseconds. `credential` is a function of the host,
    /// for which bindings write `[function]`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming the member.
    pub fn from_options(options: Option<&Value>) -> Result<Self, Error> {
        let mut rules = Self::default();
        let members = match options {
            None | Some(Value::Null) => return Ok(rules),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(Error::configuration("The idempotency options must be an object")),
        };
        if let Some(name) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            let message =
                format!("{name} is not an option of the idempotency middleware: it has {}", MEMBERS.join(", "));
            return Err(Error::configuration(message));
        }
        let given = |name: &str| members.get(name).filter(|value| !value.is_null());
        if let Some(ttl) = given("ttl") {
            let length = match ttl {
                Value::String(_) => duration::parse(ttl).ok(),
                _ => whole(ttl).map(Duration::from_millis),
            };
            rules.ttl = length.filter(|ttl| *ttl <= LONGEST_TTL).ok_or_else(|| {
                Error::configuration(
                    "ttl must be a duration such as '5m', or a whole number of milliseconds, and 30 days at most",
                )
            })?;
        }
        if let Some(header) = given("header") {
            let name = header.as_str().filter(|name| is_token(name));
            rules.header =
                name.map(str::to_owned).ok_or_else(|| Error::configuration("header must be the name of a header"))?;
        }
        if let Some(methods) = given("methods") {
            let names = methods.as_array().filter(|names| !names.is_empty()).and_then(|names| {
                let name = |name: &Value| name.as_str().filter(|name| is_token(name)).map(str::to_ascii_uppercase);
                names.iter().map(name).collect()
            });
            rules.methods =
                names.ok_or_else(|| Error::configuration("methods must be a list such as ['POST', 'PUT', 'PATCH']"))?;
        }
        if let Some(size) = given("maxSize") {
            let size = whole(size).and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= 10_000_000);
            rules.max_size =
                size.ok_or_else(|| Error::configuration("maxSize must be a whole number from 1 to 10000000"))?;
        }
        if let Some(prefix) = given("keyPrefix") {
            let text = prefix.as_str().filter(|text| !text.is_empty());
            rules.key_prefix = text
                .map(str::to_owned)
                .ok_or_else(|| Error::configuration("keyPrefix must be a text that is not empty"))?;
        }
        if let Some(patience) = given("redisPatience") {
            rules.redis_patience = outage::read_patience(patience)?;
        }
        if let Some(choice) = given("onRedisAway") {
            rules.on_redis_away = OnRedisAway::read(choice)?;
        }
        if given("credential").is_some_and(|function| function != "[function]") {
            return Err(Error::configuration("credential must be a function from a request to a text"));
        }
        Ok(rules)
    }

    /// Whether the gate applies to a method.
    #[must_use]
    pub fn apply_to(&self, method: &str) -> bool {
        self.methods.iter().any(|name| name.eq_ignore_ascii_case(method))
    }
}

/// Whether a text is a token (RFC 9110, 5.6.2) of at most 64 characters.
fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
