//! Finds the access token of a request, in the `Authorization` header or a cookie. Both modes use it.

use super::guard::request::GuardRequest;
use crate::error::{Error, ErrorCode};
use crate::event::Event;
use crate::web::authorization::{self, Authorization};
use crate::web::cookie::{self, CookieValues};
use crate::web::origin::{self, Origin, Provenance};

/// Returns the tokens of a request. A bearer token takes precedence, and a malformed `Authorization` header is an
/// error, never a reason to look at the cookie. If `cookie_name` is `None`, no cookie is read.
///
/// # Errors
/// `UNAUTHORIZED` for a malformed header; `FORBIDDEN` if the token is a cookie's and the request may come from a
/// foreign page.
pub fn read(request: &GuardRequest, cookie_name: Option<&str>, trusted: &[Origin]) -> Result<CookieValues, Error> {
    match (authorization::read(request.authorization.as_deref()), cookie_name) {
        (Authorization::Bearer(token), _) => Ok(CookieValues::One(token.to_owned())),
        (Authorization::Malformed, _) => {
            Err(Error::new(ErrorCode::Unauthorized, "The Authorization header must be 'Bearer <token>'"))
        }
        (Authorization::None, Some(name)) => read_cookie(request, name, trusted),
        (Authorization::None, None) => Ok(CookieValues::None),
    }
}

/// Returns the values of a cookie that authenticates the request. An empty cookie counts as absent.
///
/// # Errors
/// As [`read`].
pub fn read_cookie(request: &GuardRequest, name: &str, trusted: &[Origin]) -> Result<CookieValues, Error> {
    match cookie::read(request.cookie.as_deref().into_iter(), name) {
        CookieValues::None => Ok(CookieValues::None),
        CookieValues::One(token) if token.is_empty() => Ok(CookieValues::None),
        _ if !same_origin(request, trusted) => Err(cross_origin()),
        found => Ok(found),
    }
}

/// Returns the token of a request without verifying the token or the origin: the bearer token, else the cookie's.
#[must_use]
pub fn unverified(header: Option<&str>, cookies: Option<&str>, cookie_name: Option<&str>) -> Option<String> {
    match authorization::read(header) {
        Authorization::Bearer(token) => return Some(token.to_owned()),
        Authorization::Malformed => return None,
        Authorization::None => {}
    }
    match cookie::read(cookies.into_iter(), cookie_name?) {
        CookieValues::One(token) => Some(token),
        // Only verifying several tokens tells which of them counts.
        CookieValues::None | CookieValues::Several(_) | CookieValues::TooMany(_) => None,
    }
}

/// The answer to a missing API key and to a wrong API key alike.
pub(super) fn wrong_key() -> Error {
    Error::new(ErrorCode::Unauthorized, "A valid X-Api-Key header is required")
}

/// The answer to a request without a token.
pub(super) fn missing() -> Error {
    Error::new(ErrorCode::Unauthorized, "Access token is missing")
}

/// The error for several cookies of one name that are valid for different users. At least one cookie was planted, and
/// it is unknown which (RFC 6265bis, 8.6).
pub(super) fn conflict(name: &str) -> Error {
    Error::new(ErrorCode::Unauthorized, format!("Several different cookies are named {name}"))
}

/// Adds the fields to the event about a cookie that is too large for browsers. `option` is the option that holds the
/// cookie's name.
pub(super) fn oversized(event: Event, option: &'static str, name: &str, size: usize) -> Event {
    let cause = format!(
        "the cookie {name} would have {size} bytes, and browsers keep 4096: it is not set; give fewer roles or shorter \
         ones"
    );
    event.with("hook", option).with("cause", cause)
}

/// Adds the fields to the event about several cookies of one name. `option` is the option that holds the cookie's name.
pub(super) fn several(event: Event, option: &'static str, name: &str) -> Event {
    let cause = format!(
        "several different cookies named {name} came with one request: browsers hold them for other paths or domains, \
         or a neighbouring site has planted one. Those at / and at the mount point of the endpoints are deleted, for \
         the host and for the configured domain; {option}: {{prefix: '__Host-'}} makes browsers refuse all others"
    );
    event.with("hook", option).with("cause", cause)
}

/// The answer to a request that a cookie authenticates and that may come from a page of a foreign origin.
pub(super) fn cross_origin() -> Error {
    Error::new(
        ErrorCode::Forbidden,
        "Cross-origin request refused: if the page is another site of yours, add its origin to trustedOrigins; if it \
         is this site's own, let the proxy in front pass on the Host header as it came, with its port",
    )
}

fn same_origin(request: &GuardRequest, trusted: &[Origin]) -> bool {
    let provenance = Provenance {
        sec_fetch_site: request.sec_fetch_site.as_deref(),
        origin: request.origin.as_deref(),
        host: request.host.as_deref(),
        scheme: request.scheme.as_deref(),
    };
    origin::same_origin(&request.method, request.upgrade.as_deref(), provenance, trusted)
}
