//! The access token of a request: where it is looked for, and when a cookie counts. The same in both modes.

use super::cookie::{self, Found};
use super::guard::GuardRequest;
use super::origin::{self, Origin};
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
    match (&request.authorization, cookie_name) {
        (Some(header), _) => bearer(header)
            .map(|token| Some(token.to_owned()))
            .ok_or_else(|| Error::new(ErrorCode::Unauthorized, "The Authorization header must be 'Bearer <token>'")),
        (None, Some(name)) => read_cookie(request, name, trusted),
        (None, None) => Ok(None),
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
pub fn unverified(authorization: Option<&str>, cookies: Option<&str>, cookie_name: Option<&str>) -> Option<String> {
    if let Some(header) = authorization {
        return bearer(header).map(str::to_owned);
    }
    match cookie::read(cookies.into_iter(), cookie_name?) {
        Found::One(token) => Some(token),
        Found::None | Found::Conflict => None,
    }
}

/// The token of `Bearer <token>` (RFC 6750, 2.1); the scheme's case does not matter.
#[must_use]
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim_matches(' ');
    let fits = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains([' ', ',']);
    fits.then_some(token)
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
    Error::new(ErrorCode::Forbidden, "Cross-origin request refused: add the origin to trustedOrigins if it is yours")
}

fn same_origin(request: &GuardRequest, trusted: &[Origin]) -> bool {
    origin::same_origin(
        &request.method,
        request.sec_fetch_site.as_deref(),
        request.origin.as_deref(),
        request.host.as_deref(),
        trusted,
    )
}
