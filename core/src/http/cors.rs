//! CORS of a server that is an origin of its own (Fetch standard, 3.3): pages of `trustedOrigins` may send requests to
//! the endpoints, with credentials, and read the answers. A library leaves that to its framework, so only a host that
//! sets [`Request::alone`] has it.

use super::guard::GuardRequest;
use super::{Request, Response, preflight};
use crate::web::origin::Origin;

/// Seconds for which a browser may keep the answer to a preflight.
const MAX_AGE: &str = "600";

/// Headers of answers that a page reads, beside those that the Fetch standard lets it read anyway.
const EXPOSED: &str = "X-Access-Token, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate";

/// Returns the answer to a preflight, or `None` for any other request. An origin that is not trusted is allowed
/// nothing.
#[must_use]
pub fn preflight(request: &Request, trusted: &[Origin]) -> Option<Response> {
    if !applies(request, trusted) {
        return None;
    }
    let one = |name| single(request, name).map(str::to_owned);
    let asked = GuardRequest {
        method: request.method.clone(),
        // A second line makes the origin untrusted; the request remains a preflight.
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

/// Lists the headers by which a page of a trusted origin reads the answer. `Vary` is in every answer, so that no cache
/// gives one origin's answer to another. The origin is echoed as it was sent; there is no wildcard.
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

/// The value of a header that occurs once.
fn single<'a>(request: &'a Request, name: &'a str) -> Option<&'a str> {
    let mut values = request.header_values(name);
    values.next().filter(|_| values.next().is_none())
}
