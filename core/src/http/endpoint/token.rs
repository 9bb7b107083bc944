//! Endpoints that give, renew and end tokens.

use serde_json::{Value, json};

use super::{Call, device};
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::hook::Operation;
use crate::http::Response;
use crate::http::authorization::{self, Authorization};
use crate::http::cookie::{self, Found};
use crate::http::credential::{conflict, cross_origin};
use crate::http::envelope::{Reply, bare};
use crate::http::guard::whole_seconds;
use crate::http::origin::{self, Provenance};
use crate::service::keys;
use crate::service::revocation::ended;
use crate::token::TokenError;

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
    give(call, "Login successful", &issued)
}

pub(super) async fn refresh(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let (refresh_token, by_cookie) = presented_refresh_token(call)?;
    if is_foreign_form(call) {
        return Err(cross_origin().into());
    }
    let Some(refresh_token) = refresh_token else {
        return Err(Error::new(ErrorCode::Unauthorized, "Refresh token cookie is missing").into());
    };
    let result = call.run(Operation::Refresh, json!({ "refreshToken": refresh_token })).await;
    match result {
        Ok(issued) => give(call, "Token refreshed", &issued),
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

pub(super) async fn logout(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let refresh_token = match presented_refresh_token(call) {
        Ok((token, _)) => token,
        // What can't be made sense of ends no session, and who wants to leave is let go all the same.
        Err(Failure::Refused(error)) if !error.is(ErrorCode::Forbidden) => None,
        Err(failure) => return Err(failure),
    };
    let session_id = refresh_token
        .and_then(|token| session_of_refresh_token(call, &token))
        .or_else(|| session_of_access_token(call));
    let input = session_id.map_or_else(|| json!({}), |id| json!({ "sessionId": id }));
    call.run(Operation::Logout, input).await?;
    // Only now: while the session could not be ended, its cookies are what can end it later. The browser keeps cookies
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
fn give(call: &mut Call<'_>, message: &'static str, issued: &Value) -> Result<Reply, Failure> {
    let missing = || Failure::Internal("an issued pair has both tokens".to_owned());
    let access_token = issued["accessToken"].as_str().ok_or_else(missing)?;
    let refresh_token = issued["refreshToken"].as_str().ok_or_else(missing)?;
    let user = json!({ "id": issued["user"]["id"], "roles": issued["user"]["roles"] });
    let mut data = json!({ "accessToken": access_token, "user": user });
    let config = &call.realm.config;
    match &config.cookie {
        Some(rules) => {
            let cookie = rules.write(refresh_token, refresh_lifetime(call, refresh_token));
            call.headers.push(("Set-Cookie".to_owned(), cookie));
        }
        None => data["refreshToken"] = refresh_token.into(),
    }
    if let Some(rules) = &config.access_cookie {
        let cookie = rules.write(access_token, whole_seconds(config.access_ttl));
        call.headers.push(("Set-Cookie".to_owned(), cookie));
    }
    Ok(Reply::ok(message, data))
}

/// Seconds until a refresh token expires, rounded up; the idle limit for one that an override made by its own means.
fn refresh_lifetime(call: &Call<'_>, refresh_token: &str) -> u64 {
    let now = call.realm.now();
    let claims = call.realm.keys.get().and_then(|ring| ring.verify_refresh(refresh_token, now).ok());
    let idle = call.realm.config.session.idle;
    claims.map_or(whole_seconds(idle), |claims| whole_seconds(claims.exp * 1000 - now + 999))
}

/// The refresh token of the cookie, else of the body; and whether it was the cookie's.
fn presented_refresh_token(call: &Call<'_>) -> Result<(Option<String>, bool), Failure> {
    let request = call.request;
    if let Some(rules) = &call.realm.config.cookie {
        match cookie::read(request.header_values("cookie"), &rules.name) {
            Found::None => {}
            Found::One(token) if token.is_empty() => {}
            Found::One(_) | Found::Conflict if !comes_from_here(call) => return Err(cross_origin().into()),
            Found::One(token) => return Ok((Some(token), true)),
            Found::Conflict => return Err(conflict(&rules.name).into()),
        }
    }
    let input = call.input(&[])?;
    match input.get("refreshToken").filter(|value| !value.is_null()) {
        None => Ok((None, false)),
        Some(Value::String(token)) => Ok((Some(token.clone()), false)),
        Some(_) => Err(Error::validation("refreshToken", "refreshToken must be a string").into()),
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

/// A client that kept only its access token can end its session too; a browser's cookie needs proof of origin.
fn session_of_access_token(call: &Call<'_>) -> Option<String> {
    let (realm, ring) = (call.realm, call.realm.keys.get()?);
    let token = match (authorization::read(call.request.header("authorization")), &realm.config.access_cookie) {
        (Authorization::Bearer(token), _) => token.to_owned(),
        (Authorization::None, Some(rules)) if comes_from_here(call) => {
            match cookie::read(call.request.header_values("cookie"), &rules.name) {
                Found::One(token) => token,
                Found::None | Found::Conflict => return None,
            }
        }
        (Authorization::None | Authorization::Malformed, _) => return None,
    };
    match ring.verify_access(&token, &realm.config.claims, realm.now()) {
        Ok(claims) => claims.session_id,
        Err(TokenError::Expired | TokenError::Invalid(_)) => None,
    }
}

/// Takes the cookies back, when the session they carry is over.
pub(super) fn clear_cookies(call: &mut Call<'_>) {
    let config = &call.realm.config;
    for rules in [&config.cookie, &config.access_cookie].into_iter().flatten() {
        call.headers.push(("Set-Cookie".to_owned(), rules.clear()));
    }
}
