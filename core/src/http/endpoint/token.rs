//! Endpoints that give, renew and end tokens.

use serde_json::{Value, json};

use super::{Call, device};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::Operation;
use crate::http::Response;
use crate::http::authorization::{self, Authorization};
use crate::http::cookie::{self, CookieRules, Found};
use crate::http::credential::{conflict, cross_origin, oversized, several};
use crate::http::envelope::{Reply, bare};
use crate::http::guard::whole_seconds;
use crate::http::origin::{self, Provenance};
use crate::service::keys;
use crate::service::presented::{self, Presented};
use crate::service::revocation::ended;

/// `GET /keys` may be cached, but for less than the time that a new key is published before it signs.
const KEYS_CACHE_CONTROL: &str = "public, max-age=15";

pub(super) async fn login(call: &mut Call<'_>) -> Result<Reply, Failure> {
    if is_foreign_form(call) {
        return Err(cross_origin().into());
    }
    let input = call.input(&[])?;
    call.caller.devices = device::presented(call);
    let issued = call.run(Operation::Login, input).await?;
    device::remember(call, &issued);
    give(call, "Login successful", &issued, true)
}

pub(super) async fn refresh(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let (tokens, by_cookie) = presented_refresh_tokens(call)?;
    if is_foreign_form(call) {
        return Err(cross_origin().into());
    }
    let refresh_token = the_one_that_counts(call, tokens).await?;
    let result = call.run(Operation::Refresh, json!({ "refreshToken": refresh_token })).await;
    match result {
        Ok(issued) => give(call, "Token refreshed", &issued, false),
        Err(failure) => {
            // The loser of a race, an outage or a forged token must not end a good session: cookies go only when
            // the session is over.
            let over = matches!(&failure, Failure::Refused(error)
                if error.is(ErrorCode::TokenExpired) || *error == ended());
            if by_cookie && over {
                clear_cookies(call);
            }
            Err(failure)
        }
    }
}

/// One token is the use case's to judge, the host's too. Several are of a cookie that a browser holds for several places: they
/// have to be of one user.
async fn the_one_that_counts(call: &mut Call<'_>, tokens: Found) -> Result<String, Failure> {
    let tokens = match tokens {
        Found::None => {
            return Err(Error::new(ErrorCode::Unauthorized, "Refresh token cookie is missing").into());
        }
        Found::One(token) => return Ok(token),
        Found::Several(tokens) => Some(tokens),
        Found::TooMany(_) => None,
    };
    let name = call.realm.config.cookie.as_ref().map_or("", |rules| &rules.name);
    let chosen = match tokens {
        Some(tokens) => match presented::choose(call.realm, &tokens, |_| true).await? {
            Presented::One(token, _) | Presented::None(token) => Some(token),
            Presented::Conflict => None,
        },
        None => None,
    };
    chosen.ok_or_else(|| {
        clear_cookies(call);
        conflict(name).into()
    })
}

pub(super) async fn logout(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let refresh_tokens = match presented_refresh_tokens(call) {
        Ok((tokens, _)) => list(tokens),
        // What can't be made sense of ends no session, and who wants to leave is let go all the same.
        Err(Failure::Refused(error)) if !error.is(ErrorCode::Forbidden) => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let mut sessions: Vec<String> = Vec::new();
    let of_refresh = refresh_tokens.iter().filter_map(|token| session_of_refresh_token(call, token));
    for session in of_refresh.chain(sessions_of_access_tokens(call)) {
        if !sessions.contains(&session) {
            sessions.push(session);
        }
    }
    if sessions.is_empty() {
        call.run(Operation::Logout, json!({})).await?;
    }
    for session_id in sessions {
        call.run(Operation::Logout, json!({ "sessionId": session_id })).await?;
    }
    // Only now: while a session could not be ended, its cookies are what can end it later. The browser keeps cookies
    // back from a form of another site, and would still take the answer's.
    if !is_foreign_form(call) {
        clear_cookies(call);
    }
    Ok(Reply::ok("Logged out", Value::Null))
}

pub(super) async fn logout_all(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = json!({ "userId": call.user()?.id });
    call.run(Operation::LogoutAll, input).await?;
    clear_cookies(call);
    Ok(Reply::ok("Logged out from all sessions", Value::Null))
}

pub(super) fn keys(call: &Call<'_>) -> Result<Response, Failure> {
    keys::jwks(call.realm).map(|set| bare(&set, KEYS_CACHE_CONTROL)).ok_or_else(|| {
        let message = "There are no public keys: the algorithm is symmetric";
        Error { code: "NOT_FOUND".into(), status: 404, ..Error::new(ErrorCode::InternalError, message) }.into()
    })
}

/// The answer to a login or a refresh: tokens in cookies where these are on, in the body where they are not.
fn give(call: &mut Call<'_>, message: &'static str, issued: &Value, is_login: bool) -> Result<Reply, Failure> {
    let missing = || Failure::Internal("an issued pair has both tokens".to_owned());
    let access_token = issued["accessToken"].as_str().ok_or_else(missing)?;
    let refresh_token = issued["refreshToken"].as_str().ok_or_else(missing)?;
    let user = json!({ "id": issued["user"]["id"], "roles": issued["user"]["roles"] });
    let mut data = json!({ "accessToken": access_token, "user": user });
    let config = &call.realm.config;
    match &config.cookie {
        Some(rules) => {
            clear_twins(call, "cookie", rules, is_login);
            set_cookie(call, "cookie", rules, refresh_token, refresh_lifetime(call, refresh_token));
        }
        None => data["refreshToken"] = refresh_token.into(),
    }
    if let Some(rules) = &config.access_cookie {
        clear_twins(call, "accessCookie", rules, is_login);
        set_cookie(call, "accessCookie", rules, access_token, whole_seconds(config.access_ttl));
    }
    Ok(Reply::ok(message, data))
}

fn set_cookie(call: &mut Call<'_>, option: &'static str, rules: &CookieRules, value: &str, max_age: u64) {
    let (line, oversize) = rules.write_if_it_fits(value, max_age);
    if let Some(size) = oversize {
        call.trail.note(EventName::HookFailure, |event| oversized(event, option, &rules.name, size));
    }
    call.headers.push(("Set-Cookie".to_owned(), line));
}

/// Seconds until a refresh token expires, rounded up; the idle limit for one that an override made by its own means.
fn refresh_lifetime(call: &Call<'_>, refresh_token: &str) -> u64 {
    let now = call.realm.now();
    let claims = call.realm.keys.get().and_then(|ring| ring.verify_refresh(refresh_token, now).ok());
    let idle = call.realm.config.session.idle;
    claims.map_or(whole_seconds(idle), |claims| whole_seconds(claims.exp * 1000 - now + 999))
}

/// The refresh tokens of the cookie, else that of the body; and whether they were the cookie's.
fn presented_refresh_tokens(call: &Call<'_>) -> Result<(Found, bool), Failure> {
    let request = call.request;
    if let Some(rules) = &call.realm.config.cookie {
        match cookie::read(request.header_values("cookie"), &rules.name) {
            Found::None => {}
            Found::One(token) if token.is_empty() => {}
            _ if !comes_from_here(call) => return Err(cross_origin().into()),
            found => return Ok((found, true)),
        }
    }
    let input = call.input(&[])?;
    match input.get("refreshToken").filter(|value| !value.is_null()) {
        None => Ok((Found::None, false)),
        Some(Value::String(token)) => Ok((Found::One(token.clone()), false)),
        Some(_) => Err(Error::validation("refreshToken", "refreshToken must be a string").into()),
    }
}

fn list(found: Found) -> Vec<String> {
    match found {
        Found::None => Vec::new(),
        Found::One(token) => vec![token],
        Found::Several(tokens) | Found::TooMany(tokens) => tokens,
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
    origin::same_origin(&request.method, provenance, &call.realm.config.trusted_origins)
}

/// Whether a page elsewhere can have made a browser send this without asking: then no cookie may come of it, or that
/// page signs its visitors in as somebody else, or out. JSON needs the host's consent (CORS) already.
fn is_foreign_form(call: &Call<'_>) -> bool {
    let content_type = call.request.header("content-type").unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json");
    let config = &call.realm.config;
    let has_cookies = config.cookie.is_some() || config.access_cookie.is_some() || config.known_devices.is_some();
    has_cookies && !is_json && !comes_from_here(call)
}

fn session_of_refresh_token(call: &Call<'_>, token: &str) -> Option<String> {
    let claims = call.realm.keys.get()?.verify_refresh(token, call.realm.now()).ok()?;
    Some(claims.session_id)
}

/// A client that kept only its access token can end its session too; a browser's cookies need proof of origin.
fn sessions_of_access_tokens(call: &Call<'_>) -> Vec<String> {
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

/// Takes the cookies back, when the session they carry is over.
pub(super) fn clear_cookies(call: &mut Call<'_>) {
    let config = &call.realm.config;
    for (option, rules) in [("cookie", &config.cookie), ("accessCookie", &config.access_cookie)] {
        let Some(rules) = rules else { continue };
        clear_twins(call, option, rules, false);
        call.headers.push(("Set-Cookie".to_owned(), rules.clear()));
    }
}

/// Takes back the cookies of the name at other places. `option` is the one that names it.
fn clear_twins(call: &mut Call<'_>, option: &'static str, rules: &CookieRules, is_login: bool) {
    let brought = cookie::read(call.request.header_values("cookie"), &rules.name);
    if matches!(brought, Found::Several(_) | Found::TooMany(_)) {
        call.trail.note(EventName::HookFailure, |event| several(event, option, &rules.name));
    }
    let lines = rules.twins(call.request.mount(), &brought, is_login);
    call.headers.extend(lines.into_iter().map(|line| ("Set-Cookie".to_owned(), line)));
}
