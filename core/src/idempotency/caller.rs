//! The caller of a request, who alone gets its answer again.

use std::fmt;

use crate::crypto::{sha256, to_base64url};
use crate::web::authorization::{self, Authorization};
use crate::web::client_ip;

/// The parts of a request that name its caller.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The user of a verified token of ours.
    pub identity: Option<&'a str>,
    /// `Authorization`
    pub authorization: Option<&'a str>,
    /// `Cookie`
    pub cookie: Option<&'a str>,
    /// `X-Api-Key`
    pub api_key: Option<&'a str>,
    /// The caller as the application names it (`credential` option).
    pub named: Option<&'a str>,
    /// The client's address.
    pub address: Option<&'a str>,
}

/// The maker of a request, as a digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerDigest(pub(super) [u8; 32]);

impl Credentials<'_> {
    /// The maker: all credentials together, since the credential that a handler goes by is unknown, and the address if
    /// there is none. A verified identity stands for `Authorization` and all cookies, which change while it stays. It
    /// stands neither for an API key, which may do more than the user, nor for the credential that the application
    /// names, nor for an `Authorization` of a foreign scheme.
    #[must_use]
    pub fn caller(&self) -> CallerDigest {
        let Self { identity, authorization, cookie, api_key, named, address } = *self;
        let parts = if identity.is_some() {
            let foreign = authorization.filter(|header| !header.is_empty());
            let foreign = foreign.filter(|header| authorization::read(Some(header)) == Authorization::None);
            [Some("identity"), identity, foreign, api_key, named]
        } else if authorization.or(cookie).or(api_key).or(named).is_some() {
            [Some("credentials"), authorization, cookie, api_key, named]
        } else {
            [Some("address"), address, None, None, None]
        };
        let mut text = Vec::new();
        for part in parts {
            put(&mut text, part.map(str::as_bytes));
        }
        CallerDigest(sha256(&text))
    }

    /// The group that shares places for requests in flight: the address, an IPv6 address by its network. Unverified
    /// credentials can be made up at will.
    #[must_use]
    pub fn client(&self) -> String {
        self.address.and_then(client_ip::canonical).map_or_else(|| "unknown".to_owned(), client_ip::bucket)
    }

    /// The holder of the places for answers: a verified identity, or all callers at the address.
    #[must_use]
    pub fn holder(&self) -> Holder {
        let name =
            self.identity.map_or_else(|| sha256(self.client().as_bytes()), |identity| sha256(identity.as_bytes()));
        Holder { is_verified: self.identity.is_some(), name }
    }
}

/// The share of the memory to which an answer counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder {
    /// Whether a verified token of ours names the holder.
    pub(super) is_verified: bool,
    name: [u8; 32],
}

impl Holder {
    /// A name for Redis: whether the holder is verified, and the beginning of a digest.
    #[must_use]
    pub(crate) fn label(&self) -> String {
        let class = if self.is_verified { 'v' } else { 'u' };
        format!("{class}.{}", to_base64url(&self.name[..16]))
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").field("is_verified", &self.is_verified).finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl fmt::Debug for CallerDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerDigest(..)")
    }
}

/// Adds a part behind its length, so that no two lists of parts are one text. A missing part is not an empty part.
pub(super) fn put(text: &mut Vec<u8>, part: Option<&[u8]>) {
    text.extend_from_slice(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
    text.extend_from_slice(part.unwrap_or_default());
}
