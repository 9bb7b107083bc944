//! CORS preflights (Fetch standard, 4.10), by which a browser asks whether a page of another origin may send a request.
//! They never carry credentials, so `protect()` answers them itself and no handler runs for them.

use super::Response;
use super::credential;
use super::guard::{GuardRequest, ProtectResult};
use crate::web::origin::Origin;

/// The request headers that an answer depends on.
const VARY: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Returns the answer to a preflight, or `None` for any other request. The answer allows an origin of `trusted` the
/// method and the headers that it asks for, with credentials. The answer to any other origin allows nothing, so the
/// browser does not send the request.
#[must_use]
pub fn answer(request: &GuardRequest, trusted: &[Origin]) -> Option<Response> {
    if request.method != "OPTIONS" {
        return None;
    }
    let (origin, method) = (request.origin.as_deref()?, request.access_control_request_method.as_deref()?);
    let mut headers = vec![("Vary", VARY.to_owned())];
    if is_token(method) && Origin::parse(origin).is_ok_and(|origin| trusted.contains(&origin)) {
        headers.push(("Access-Control-Allow-Origin", origin.to_owned()));
        headers.push(("Access-Control-Allow-Credentials", "true".to_owned()));
        headers.push(("Access-Control-Allow-Methods", method.to_owned()));
        let names = request.access_control_request_headers.as_deref().filter(|names| is_list(names));
        headers.extend(names.map(|names| ("Access-Control-Allow-Headers", names.to_owned())));
    }
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Some(Response { status: 204, headers, body: String::new() })
}

/// Returns the answer to a preflight as the result of `protect()`, or `None` for any other request. Nothing is logged,
/// since nothing was refused.
#[must_use]
pub fn guarded(request: &GuardRequest, trusted: &[Origin]) -> Option<ProtectResult> {
    let answer = answer(request, trusted)?;
    let result = Err(credential::missing());
    Some(ProtectResult { result, answer: Some(answer), headers: Vec::new(), events: Vec::new(), fresh_until: 0 })
}

/// Whether a text is a list of header names, with commas between them (RFC 9110, 5.6.1).
fn is_list(text: &str) -> bool {
    text.split(',').all(|name| is_token(name.trim_matches([' ', '\t'])))
}

/// Whether a text is a token (RFC 9110, 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
