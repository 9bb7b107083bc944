//! Idempotency keys: what makes two requests the same one, and which answers may be kept.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::crypto::{hmac_sha256, sha256};
use crate::duration;
use crate::error::Error;

mod caller;
mod gate;
mod memory;
mod outage;

use caller::put;
pub use caller::{Caller, Credentials};
pub use gate::{Gate, Incoming, Passage, SharedIdempotency};
pub use memory::MemoryIdempotency;
pub(crate) use memory::{MAX_BYTES, size_of};
pub use outage::OnRedisAway;

/// The largest response body that is kept, in bytes.
pub const MAX_STORED_BODY: usize = 1024 * 1024;

/// How long a request may be in flight before its key is free again: its process is gone.
pub const IN_FLIGHT: Duration = Duration::from_secs(60);

/// What a client is told to wait for a request in flight.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Ends of paths whose answers hold tokens or whose repetition must be judged anew.
const PASSED_THROUGH: [&str; 5] = ["/login", "/refresh", "/logout", "/logout-all", "/me/password"];

/// The options of the middleware. Where answers are shared, whoever opens Redis reads `redisUrl`.
const MEMBERS: [&str; 9] =
    ["ttl", "header", "methods", "maxSize", "keyPrefix", "credential", "redisUrl", "redisPatience", "onRedisAway"];

const LONGEST_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A key in the cache: a digest of everything that must be equal. Shows neither credential nor header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

/// A response as it is replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// HTTP status, 200 to 299.
    pub status: u16,
    /// Names and values as they were sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Names the one who executes, so that one who comes back too late can't end what another has begun.
pub type Ticket = u64;

/// What to do with a request that carries a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// It is the first: run it, then complete or abandon it with this ticket.
    Execute(Ticket),
    /// Answer with this, and add `Idempotency-Replayed: true`.
    Replay(StoredResponse),
    /// The first one still runs: `IDEMPOTENCY_IN_PROGRESS`.
    InProgress {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The key was used with another body: `IDEMPOTENCY_MISMATCH`.
    Mismatch,
}

/// What the middleware was configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRules {
    /// How long an answer is kept.
    pub ttl: Duration,
    /// The header with the key, as configured.
    pub header: String,
    /// Methods it applies to, in upper case.
    pub methods: Vec<String>,
    /// The most answers kept, in memory and in Redis.
    pub max_size: usize,
    /// What sets the keys of this application apart from those of others in one Redis.
    pub key_prefix: String,
    /// How long a request waits for a Redis that is away, from the moment that it went.
    pub redis_patience: Duration,
    /// What becomes of requests when that patience is spent.
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
    /// Reads `{ttl, header, methods, maxSize, keyPrefix, redisPatience, onRedisAway, credential}`; lengths as durations in
    /// words, or in milliseconds.
    /// `credential` is a function of the host's, for which JSON has the word `[function]`.
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

    /// Whether a request is looked at: its method is configured and its path is none of ours that hand out tokens.
    #[must_use]
    pub fn apply_to(&self, method: &str, path: &str) -> bool {
        self.methods.iter().any(|name| name.eq_ignore_ascii_case(method)) && !is_passed_through(path)
    }
}

/// Whether `path` (without query) ends like an endpoint that hands out tokens or judges a password. Frameworks route
/// case-insensitively and with a slash at the end, so that is how it is compared.
#[must_use]
pub fn is_passed_through(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
    PASSED_THROUGH.iter().any(|end| path.ends_with(end))
}

/// The header's value, checked: 1 to 255 visible ASCII characters.
///
/// # Errors
/// `VALIDATION_ERROR`.
pub fn check_header_value(value: &str) -> Result<(), Error> {
    if (1..=255).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::validation("idempotencyKey", "The idempotency key must be 1 to 255 visible ASCII characters"))
}

/// The key of a request: SHA-256 over method, host, path with query, caller and header value, each behind its length, so that no
/// two different requests share one. The host is a name without port: processes that are called by several are one application.
#[must_use]
pub fn derive_key(method: &str, host: &str, path_and_query: &str, caller: Caller, header_value: &str) -> Key {
    let is_port = |text: &&str| text.bytes().all(|b| b.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let (method, host) = (method.to_ascii_uppercase(), name.to_ascii_lowercase());
    let mut text = Vec::new();
    for part in [method.as_bytes(), host.as_bytes(), path_and_query.as_bytes(), &caller.0, header_value.as_bytes()] {
        put(&mut text, Some(part));
    }
    Key(sha256(&text))
}

/// What tells two bodies under one key apart: content type and bytes, since the same bytes of another type are another
/// request. Keyed by the header's value, which is kept nowhere: who reads the cache can't try out what a body held, a
/// password for instance.
///
/// The boundary of a multipart body does not count, wherever it stands: clients make a new one each time.
#[must_use]
pub fn fingerprint(header_value: &str, content_type: &str, body: &[u8]) -> [u8; 32] {
    let mut text = Vec::with_capacity(body.len() + content_type.len() + 16);
    match (boundary(content_type), std::str::from_utf8(body)) {
        (Some(boundary), Ok(body)) => {
            put(&mut text, Some(content_type.replace(boundary, "").as_bytes()));
            put(&mut text, Some(body.replace(boundary, "").as_bytes()));
        }
        _ => {
            put(&mut text, Some(content_type.as_bytes()));
            put(&mut text, Some(body));
        }
    }
    hmac_sha256(header_value.as_bytes(), &text)
}

/// The boundary of a multipart type (RFC 2046, 5.1.1).
fn boundary(content_type: &str) -> Option<&str> {
    const MULTIPART: &str = "multipart/";
    let is_multipart = content_type.get(..MULTIPART.len())?.eq_ignore_ascii_case(MULTIPART);
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim().trim_matches('"');
    (is_multipart && !value.is_empty()).then_some(value)
}

/// Whether a response may be kept: 2xx, not too large, without `Set-Cookie` or a token in headers or body.
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
        // Not JSON, or JSON that our parser refuses: look at the bytes.
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

/// Whether `text` has the look of a JWS in compact form: three parts of base64url, the first a JSON object.
fn looks_like_token(text: &str) -> bool {
    let text = text.strip_prefix("Bearer ").unwrap_or(text);
    text.starts_with("eyJ") && text.split('.').count() == 3 && text.chars().all(is_token_char)
}

const fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// A token of RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
fn whole(value: &Value) -> Option<u64> {
    let number = value.as_f64()?;
    (number.fract() == 0.0 && (1.0..=9.0e15).contains(&number)).then_some(number as u64)
}
