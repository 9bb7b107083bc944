//! The caller of a request. A stored answer is replayed to the same caller alone.

use std::fmt;

use crate::crypto::{sha256, to_base64url};
use crate::web::authorization::{self, Authorization};
use crate::web::client_ip;

/// The parts of a request that identify its caller.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The identity that a verified token of sentri names.
    pub identity: Option<&'a str>,
    /// `Authorization`
    pub authorization: Option<&'a str>,
    /// `Cookie`
    pub cookie: Option<&'a str>,
    /// `X-Api-Key`
    pub api_key: Option<&'a str>,
    /// The name that the application gives the caller (`credential` option).
    pub named: Option<&'a str>,
    /// The client's address.
    pub address: Option<&'a str>,
}

/// A digest of the caller of a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerDigest(pub(super) [u8; 32]);

impl Credentials<'_> {
    /// Returns the digest of the caller. It covers all credentials together, since it is unknown which of them the
    /// handler goes by, or the address if there are none. A verified identity replaces `Authorization` and all cookies,
    /// which change while the identity stays. It does not replace an API key, which may permit more than the user may
    /// do, nor the credential that the application names, nor an `Authorization` of a foreign scheme.
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

    /// Returns the name of the client under which requests in flight are counted. It is the address, of which IPv6
    /// counts by its network. Credentials do not count here, since a client can make up unverified ones at will.
    #[must_use]
    pub fn client(&self) -> String {
        self.address.and_then(client_ip::canonical).map_or_else(|| "unknown".to_owned(), client_ip::bucket)
    }

    /// Returns the holder to whom a stored answer is charged. It is the verified identity, or else all callers at the
    /// address together.
    #[must_use]
    pub fn holder(&self) -> Holder {
        let name =
            self.identity.map_or_else(|| sha256(self.client().as_bytes()), |identity| sha256(identity.as_bytes()));
        Holder { is_verified: self.identity.is_some(), name }
    }
}

/// The party to whom the memory for a stored answer is charged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder {
    /// Whether a verified token of sentri names the holder.
    pub(super) is_verified: bool,
    name: [u8; 32],
}

impl Holder {
    /// Returns the holder's name in Redis: a letter for whether the holder is verified, and the beginning of a digest.
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

/// Appends a part after its length, so that no two lists of parts make the same text. A missing part differs from an
/// empty part.
pub(super) fn put(text: &mut Vec<u8>, part: Option<&[u8]>) {
    text.extend_from_slice(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
    text.extend_from_slice(part.unwrap_or_default());
}
