//! The access token of a request: where it is looked for, and when a cookie counts. The same in both modes.

use super::authorization::{self, Authorization};
use super::cookie::{self, Found};
use super::guard::GuardRequest;
use super::origin::{self, Origin, Provenance};
use crate::error::{Error, ErrorCode};

/// The token that the request brings, if it brings one. A bearer token comes first; one that is there and is bad is an
/// error, never a reason to look at the cookie. `cookie_name`: `None` reads no cookie.
///
/// # Errors
/// `UNAUTHORIZED` for a malformed header or [several cookies](conflict); `FORBIDDEN` as [`cross_origin`].
pub(super) fn read(
    request: &GuardRequest,
    cookie_name: Option<&str>,
    trusted: &[Origin],
) -> Result<Option<String>, Error> {
    match (authorization::read(request.authorization.as_deref()), cookie_name) {
        (Authorization::Bearer(token), _) => Ok(Some(token.to_owned())),
        (Authorization::Malformed, _) => {
            Err(Error::new(ErrorCode::Unauthorized, "The Authorization header must be 'Bearer <token>'"))
        }
        (Authorization::None, Some(name)) => read_cookie(request, name, trusted),
        (Authorization::None, None) => Ok(None),
    }
}

/// The value of a cookie that authenticates the request, unless it is empty.
///
/// # Errors
/// As [`read`].
pub(super) fn read_cookie(request: &GuardRequest, name: &str, trusted: &[Origin]) -> Result<Option<String>, Error> {
    match cookie::read(request.cookie.as_deref().into_iter(), name) {
        Found::None => Ok(None),
        Found::One(token) if token.is_empty() => Ok(None),
        Found::Conflict => Err(conflict(name)),
        Found::One(_) if !same_origin(request, trusted) => Err(cross_origin()),
        Found::One(token) => Ok(Some(token)),
    }
}

/// The token of a request to an endpoint or a route, unverified and whatever its origin: the bearer token, else the
/// cookie's.
#[must_use]
pub fn unverified(header: Option<&str>, cookies: Option<&str>, cookie_name: Option<&str>) -> Option<String> {
    match authorization::read(header) {
        Authorization::Bearer(token) => return Some(token.to_owned()),
        Authorization::Malformed => return None,
        Authorization::None => {}
    }
    match cookie::read(cookies.into_iter(), cookie_name?) {
        Found::One(token) => Some(token),
        Found::None | Found::Conflict => None,
    }
}

/// The answer to a request without a token.
pub(super) fn missing() -> Error {
    Error::new(ErrorCode::Unauthorized, "Access token is missing")
}

/// Two different cookies of one name: somebody planted one of them, and nobody can tell which (RFC 6265bis, 8.6).
pub(super) fn conflict(name: &str) -> Error {
    Error::new(ErrorCode::Unauthorized, format!("Several different cookies are named {name}"))
}

/// The answer to a request that a cookie authenticates and that may come from a page of somebody else's.
pub(super) fn cross_origin() -> Error {
    Error::new(
        ErrorCode::Forbidden,
        "Cross-origin request refused: if the page is another site of yours, add its origin to trustedOrigins; if it is \
         this site's own, let the proxy in front pass on the Host header as it came, with its port",
    )
}

fn same_origin(request: &GuardRequest, trusted: &[Origin]) -> bool {
    let provenance = Provenance {
        sec_fetch_site: request.sec_fetch_site.as_deref(),
        origin: request.origin.as_deref(),
        host: request.host.as_deref(),
        scheme: request.scheme.as_deref(),
    };
    origin::same_origin(&request.method, provenance, trusted)
}
