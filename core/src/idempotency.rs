//! Idempotency keys: when two requests are the same, and which answers may be kept.

use std::fmt;
use std::time::Duration;

use crate::crypto::{hmac_sha256, sha256};
use crate::error::Error;

mod answer;
mod caller;
mod gate;
mod memory;
mod outage;
mod replay;
mod rules;
mod shares;

pub use answer::{MAX_STORED_BODY, StoredResponse, may_store};
use caller::put;
pub use caller::{CallerDigest, Credentials, Holder};
pub use gate::{Gate, Incoming, Passage, SharedIdempotency};
pub use memory::MemoryIdempotency;
pub(crate) use memory::{MAX_BYTES, size_of};
pub use outage::OnRedisAway;
pub use replay::{Admission, Replay, asks_protect};
pub use rules::IdempotencyRules;

/// The time after which the key of a request in flight is free again: its process is gone.
pub const IN_FLIGHT: Duration = Duration::from_secs(60);

/// `Retry-After` of the answer while the first request of a key is in flight.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A key in the cache: a digest of everything that must be equal. Shows neither credential nor header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

/// Names an execution, so that a late execution can't end its successor.
pub type Ticket = u64;

/// The decision on a request that carries a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// It is the first: run it, then complete or abandon it with this ticket.
    Execute(Ticket),
    /// Answer with this, and add `Idempotency-Replayed: true`.
    Replay(StoredResponse),
    /// The first one still runs: `IDEMPOTENCY_IN_PROGRESS`.
    InProgress {
        /// The time after which to ask again.
        retry_after: Duration,
    },
    /// The key was used with another body: `IDEMPOTENCY_MISMATCH`.
    Mismatch,
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

/// The key of a request: SHA-256 over method, host, path with query, caller and header value, each behind its length,
/// so that no two different requests share one. The host is a name without port: processes that are called by several
/// are one application.
#[must_use]
pub fn derive_key(method: &str, host: &str, path_and_query: &str, caller: CallerDigest, header_value: &str) -> Key {
    let is_port = |text: &&str| text.bytes().all(|b| b.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let (method, host) = (method.to_ascii_uppercase(), name.to_ascii_lowercase());
    let mut text = Vec::new();
    for part in [method.as_bytes(), host.as_bytes(), path_and_query.as_bytes(), &caller.0, header_value.as_bytes()] {
        put(&mut text, Some(part));
    }
    Key(sha256(&text))
}

/// The fingerprint that distinguishes two bodies under one key: content type and bytes, since the same bytes of another
/// type are another request. Keyed by the header's value, which is kept nowhere: a reader of the cache can't guess the
/// content of a body, a password for instance.
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
