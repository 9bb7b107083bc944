//! Idempotency keys: decides whether two requests are the same, and which answers may be stored.

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

/// The time after which the key of a request in flight is free again, since its process must be gone.
pub const IN_FLIGHT: Duration = Duration::from_secs(60);

/// `Retry-After` of the answer while the first request of a key is in flight.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A key in the cache, a digest over all parts of a request that must be equal. It reveals neither credentials nor
/// headers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

/// The number of an execution. By it, a late execution can't end the execution that followed under the same key.
pub type Ticket = u64;

/// The decision on a request that carries a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// It is the first request with the key. Run it, then complete or abandon it with this ticket.
    Execute(Ticket),
    /// The key has an answer. Answer with it, and add `Idempotency-Replayed: true`.
    Replay(StoredResponse),
    /// The first request with the key still runs, or there is no place for another (`IDEMPOTENCY_IN_PROGRESS`).
    InProgress {
        /// The time after which the client should ask again.
        retry_after: Duration,
    },
    /// The key was used with another body (`IDEMPOTENCY_MISMATCH`).
    Mismatch,
}

/// Checks the header's value, which must be 1 to 255 visible ASCII characters.
///
/// # Errors
/// `VALIDATION_ERROR`.
pub fn check_header_value(value: &str) -> Result<(), Error> {
    if (1..=255).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::validation("idempotencyKey", "The idempotency key must be 1 to 255 visible ASCII characters"))
}

/// Derives the key of a request. It is the SHA-256 over method, host, path with query, caller and header value, each
/// after its length, so that no two different requests share a key. The port is no part of the host, since processes of
/// one application may listen at several ports.
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

/// Returns the fingerprint that distinguishes two bodies under one key. It covers the content type and the bytes, since
/// the same bytes of another type are another request. It is an HMAC under the header's value, which is not stored, so
/// that a reader of the cache can't guess what a body held, a password for example.
///
/// The boundary of a multipart body does not count, since clients make a new boundary for each request.
#[must_use]
pub fn fingerprint(header_value: &str, content_type: &str, body: &[u8]) -> [u8; 32] {
    let mut text = Vec::with_capacity(body.len() + content_type.len() + 16);
    if let Some(boundary) = boundary(content_type) {
        put(&mut text, Some(content_type.replace(boundary, "").as_bytes()));
        put(&mut text, Some(&without(body, boundary)));
    } else {
        put(&mut text, Some(content_type.as_bytes()));
        put(&mut text, Some(body));
    }
    hmac_sha256(header_value.as_bytes(), &text)
}

/// Removes a multipart boundary from a body wherever it stands. The search takes linear time for every boundary, as
/// `split` does. A boundary is text, so it can only stand in a part of the body that is UTF-8, and parts shorter than
/// the boundary are not searched.
fn without(body: &[u8], boundary: &str) -> Vec<u8> {
    let mut kept = Vec::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        let text = chunk.valid();
        if text.len() < boundary.len() {
            kept.extend_from_slice(text.as_bytes());
        } else {
            text.split(boundary).for_each(|part| kept.extend_from_slice(part.as_bytes()));
        }
        kept.extend_from_slice(chunk.invalid());
    }
    kept
}

/// Returns the boundary of a multipart content type (RFC 2046, 5.1.1).
fn boundary(content_type: &str) -> Option<&str> {
    const MULTIPART: &str = "multipart/";
    let is_multipart = content_type.get(..MULTIPART.len())?.eq_ignore_ascii_case(MULTIPART);
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim().trim_matches('"');
    (is_multipart && !value.is_empty()).then_some(value)
}
