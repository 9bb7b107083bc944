//! CORS of a server that is an origin of its own (Fetch standard, 3.3): pages of `trustedOrigins` may send requests to
//! the endpoints, with credentials, and read the answers. In a library the framework does that, so this code is only
//! for hosts that set [`Request::alone`].

use super::guard::GuardRequest;
use super::{Request, Response, preflight};
use crate::web::origin::Origin;

/// Seconds for which a browser may keep the answer to a preflight.
const MAX_AGE: &str = "600";

/// The headers of answers that pages may read, beside those that the Fetch standard always lets them read.
const EXPOSED: &str = "X-Access-Token, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate";

/// Returns the answer to a preflight, or `None` for any other request. The answer to an origin that is not trusted
/// allows nothing.
#[must_use]
pub fn preflight(request: &Request, trusted: &[Origin]) -> Option<Response> {
    if !applies(request, trusted) {
        return None;
    }
    let one = |name| single(request, name).map(str::to_owned);
    let asked = GuardRequest {
        method: request.method.clone(),
        // A repeated `Origin` header becomes an empty origin, which is not trusted. The request remains a preflight.
        origin: request.header("origin").map(|_| one("origin").unwrap_or_default()),
        access_control_request_method: one("access-control-request-method"),
        access_control_request_headers: one("access-control-request-headers"),
        ..GuardRequest::default()
    };
    let mut answer = preflight::answer(&asked, trusted)?;
    if answer.headers.iter().any(|(name, _)| name == "Access-Control-Allow-Origin") {
        answer.headers.push(("Access-Control-Max-Age".to_owned(), MAX_AGE.to_owned()));
    }
    Some(answer)
}

/// Returns the headers that let a page of a trusted origin read the answer. `Vary` is in every answer, so that no cache
/// gives the answer for an origin to another. The origin is repeated as it was sent, since a wildcard excludes
/// credentials.
#[must_use]
pub fn headers(request: &Request, trusted: &[Origin]) -> Vec<(String, String)> {
    if !applies(request, trusted) {
        return Vec::new();
    }
    let mut headers = vec![("Vary", "Origin")];
    let is_trusted = |text: &&str| Origin::parse(text).is_ok_and(|origin| trusted.contains(&origin));
    if let Some(origin) = single(request, "origin").filter(is_trusted) {
        headers.push(("Access-Control-Allow-Origin", origin));
        headers.push(("Access-Control-Allow-Credentials", "true"));
        headers.push(("Access-Control-Expose-Headers", EXPOSED));
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn applies(request: &Request, trusted: &[Origin]) -> bool {
    request.alone && !trusted.is_empty()
}

/// Returns the value of a header that occurs exactly once.
fn single<'a>(request: &'a Request, name: &'a str) -> Option<&'a str> {
    let mut values = request.header_values(name);
    values.next().filter(|_| values.next().is_none())
}
