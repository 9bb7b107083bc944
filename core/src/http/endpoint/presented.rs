//! Reads the tokens of a request to an endpoint, and finds out whether a page of a foreign origin can have made a
//! browser send it.

use serde_json::Value;

use crate::error::Error;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::credential::cross_origin;
use crate::web::authorization::{self, Authorization};
use crate::web::cookie::{self, CookieValues};
use crate::web::origin::{self, Provenance};

/// Returns the refresh tokens of the cookie, else the refresh token of the body, and whether they come from the cookie.
pub(super) fn presented_refresh_tokens(call: &Call<'_>) -> Result<(CookieValues, bool), Failure> {
    let request = call.request;
    if let Some(rules) = &call.realm.config.cookie {
        match cookie::read(request.header_values("cookie"), &rules.name) {
            CookieValues::None => {}
            CookieValues::One(token) if token.is_empty() => {}
            _ if !comes_from_here(call) => return Err(cross_origin().into()),
            found => return Ok((found, true)),
        }
    }
    let input = call.input(&[])?;
    match input.get("refreshToken").filter(|value| !value.is_null()) {
        None => Ok((CookieValues::None, false)),
        Some(Value::String(token)) => Ok((CookieValues::One(token.clone()), false)),
        Some(_) => Err(Error::validation("refreshToken", "refreshToken must be a string").into()),
    }
}

pub(super) fn list(found: CookieValues) -> Vec<String> {
    match found {
        CookieValues::None => Vec::new(),
        CookieValues::One(token) => vec![token],
        CookieValues::Several(tokens) | CookieValues::TooMany(tokens) => tokens,
    }
}

fn comes_from_here(call: &Call<'_>) -> bool {
    let request = call.request;
    let provenance = Provenance {
        sec_fetch_site: request.header("sec-fetch-site"),
        origin: request.header("origin"),
        host: request.header("host"),
        scheme: request.scheme.as_deref(),
    };
    let trusted = &call.realm.config.trusted_origins;
    origin::same_origin(&request.method, request.header("upgrade"), provenance, trusted)
}

/// Whether a page of a foreign origin can have made a browser send this request without a CORS preflight. The answer to
/// such a request must set no cookie, or the page could sign its visitors in as another user (login CSRF), or sign them
/// out. A request with JSON takes a preflight, so it is no such request.
pub(super) fn is_foreign_form(call: &Call<'_>) -> bool {
    let content_type = call.request.header("content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json");
    let config = &call.realm.config;
    let has_cookies = config.cookie.is_some() || config.access_cookie.is_some() || config.known_devices.is_some();
    has_cookies && !is_json && !comes_from_here(call)
}

/// Refuses a request for which [`is_foreign_form`] is true.
///
/// # Errors
/// `FORBIDDEN`
pub(super) fn refuse_foreign_form(call: &Call<'_>) -> Result<(), Failure> {
    if is_foreign_form(call) { Err(cross_origin().into()) } else { Ok(()) }
}

pub(super) fn session_of_refresh_token(call: &Call<'_>, token: &str) -> Option<String> {
    let claims = call.realm.keys.get()?.verify_refresh(token, call.realm.now()).ok()?;
    Some(claims.session_id)
}

/// Returns the sessions of the access tokens that a logout brings, so that a client that kept only its access token can
/// end its session. Cookies count only if the request comes from an own or trusted origin.
pub(super) fn sessions_of_access_tokens(call: &Call<'_>) -> Vec<String> {
    let realm = call.realm;
    let Some(ring) = realm.keys.get() else { return Vec::new() };
    let tokens = match (authorization::read(call.request.header("authorization")), &realm.config.access_cookie) {
        (Authorization::Bearer(token), _) => vec![token.to_owned()],
        (Authorization::None, Some(rules)) if comes_from_here(call) => {
            list(cookie::read(call.request.header_values("cookie"), &rules.name))
        }
        (Authorization::None | Authorization::Malformed, _) => Vec::new(),
    };
    let verified = tokens.iter().filter_map(|token| ring.verify_access(token, &realm.config.claims, realm.now()).ok());
    verified.filter_map(|claims| claims.session_id).collect()
}
