//! Endpoints that give, renew and end tokens.

use serde::Serialize;
use serde_json::{Value, json};

use super::cookies::{clear_cookies, clear_twins, set_cookie};
use super::description::answers;
use super::device;
use super::presented::{
    is_foreign_form, list, presented_refresh_tokens, session_of_refresh_token, sessions_of_access_tokens,
};
use super::schema::{object, partial, reference, text};
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::clock::Millis;
use crate::error::{Error, ErrorCode as E};
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::credential::{conflict, cross_origin};
use crate::http::envelope::Reply;
use crate::http::guard::whole_seconds;
use crate::http::pace::Pace;
use crate::service::Realm;
use crate::service::issued::Issued;
use crate::service::login::Login;
use crate::service::logout::{Logout, LogoutAll, LogoutInput, UserInput};
use crate::service::presented::{self, PresentedTokens};
use crate::service::refresh::{Refresh, RefreshInput};
use crate::service::revocation::ended;
use crate::service::shown::UserRoles;
use crate::use_case::{Done, UseCase};
use crate::web::cookie::CookieValues;

/// `POST /login`
pub static LOGIN: Endpoint = Endpoint {
    name: "login",
    method: "POST",
    pattern: "/login",
    access: Access::Public,
    needs: Needs::Nothing,
    shows: Shows::Tokens,
    story: Some(&Login::STORY),
    describe: || {
        answers("Log in by any identifier", 200, "Login successful", reference("Tokens"))
            .takes(object(&[("identifier", text()), ("password", text())]))
            .or(&[
                E::InvalidCredentials,
                E::MfaRequired,
                E::Forbidden,
                E::AccountDisabled,
                E::IdentifierUnverified,
                E::RateLimitExceeded,
            ])
    },
    serve: |call| enveloped(login(call)),
};

async fn login(call: &mut Call<'_>) -> Result<Reply, Failure> {
    if is_foreign_form(call) {
        return Err(cross_origin().into());
    }
    let pace = Pace::of_login(call.realm);
    let input = call.input(&[])?;
    // A password that is too long is never a user's password. Its answer reveals nothing and so need not wait, and a
    // flood of such logins does not fill the memory.
    call.pace = pace.filter(|_| !is_too_long(call.realm, &input));
    call.caller.devices = device::presented(call);
    let issued = call.run::<Login>(input).await?;
    device::remember(call, &issued.user.id).await;
    Ok(give(call, "Login successful", issued, true))
}

/// Whether the password of a login is longer than the policy allows.
fn is_too_long(realm: &Realm, input: &Value) -> bool {
    input["password"].as_str().is_some_and(|password| realm.config.password.is_too_long(password))
}

/// `POST /refresh`
pub static REFRESH: Endpoint = Endpoint {
    name: "refresh",
    method: "POST",
    pattern: "/refresh",
    access: Access::Public,
    needs: Needs::Nothing,
    shows: Shows::Tokens,
    story: Some(&Refresh::STORY),
    describe: || {
        answers("Renew the tokens of a session", 200, "Token refreshed", reference("Tokens"))
            .may_take(partial(&[], &[("refreshToken", text())]))
            .reads(json!([{ "refreshCookie": [] }, {}]))
            .or(&[E::Unauthorized, E::TokenExpired, E::TokenInvalid, E::Forbidden])
    },
    serve: |call| enveloped(refresh(call)),
};

async fn refresh(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let (tokens, by_cookie) = presented_refresh_tokens(call)?;
    if is_foreign_form(call) {
        return Err(cross_origin().into());
    }
    let refresh_token = the_one_that_counts(call, tokens).await?;
    let result = call.run_checked::<Refresh>(RefreshInput { refresh_token }).await;
    match result {
        Ok(issued) => Ok(give(call, "Token refreshed", issued, false)),
        Err(failure) => {
            // The loser of a race, an outage or a forged token must not end a good session, so cookies are deleted only
            // if the session is over.
            let over = matches!(&failure, Failure::Refused(error)
                if error.is(E::TokenExpired) || *error == ended());
            if by_cookie && over {
                clear_cookies(call);
            }
            Err(failure)
        }
    }
}

/// Returns the refresh token that counts. A single token is passed on unverified, since the use case or the host's
/// override judges it. Several tokens come from cookies that a browser holds for several paths or domains, and must be
/// of the same user.
async fn the_one_that_counts(call: &mut Call<'_>, tokens: CookieValues) -> Result<String, Failure> {
    let tokens = match tokens {
        CookieValues::None => {
            return Err(Error::new(E::Unauthorized, "Refresh token cookie is missing").into());
        }
        CookieValues::One(token) => return Ok(token),
        CookieValues::Several(tokens) => Some(tokens),
        CookieValues::TooMany(_) => None,
    };
    let name = call.realm.config.cookie.as_ref().map_or("", |rules| &rules.name);
    let chosen = match tokens {
        Some(tokens) => match presented::choose(call.realm, &tokens, |_| true).await? {
            PresentedTokens::One(token, _) | PresentedTokens::None(token) => Some(token),
            PresentedTokens::Conflict => None,
        },
        None => None,
    };
    chosen.ok_or_else(|| {
        clear_cookies(call);
        conflict(name).into()
    })
}

/// `POST /logout`
pub static LOGOUT: Endpoint = Endpoint {
    name: "logout",
    method: "POST",
    pattern: "/logout",
    access: Access::Public,
    needs: Needs::Nothing,
    shows: Shows::Tokens,
    story: Some(&Logout::STORY),
    describe: || {
        let token = json!({ "description": "A token; anything else is passed over" });
        answers("End a session", 200, "Logged out", Value::Null)
            .may_take_anything_like(partial(&[], &[("refreshToken", token)]))
            .reads(json!([{ "refreshCookie": [] }, {}]))
            .or(&[E::Forbidden])
    },
    serve: |call| enveloped(logout(call)),
};

async fn logout(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let refresh_tokens = match presented_refresh_tokens(call) {
        Ok((tokens, _)) => list(tokens),
        // A body that can't be read names no session, but a client that wants to log out still gets a success.
        Err(Failure::Refused(error)) if !error.is(E::Forbidden) => Vec::new(),
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
        call.run_checked::<Logout>(LogoutInput { session_id: None }).await?;
    }
    for session_id in sessions {
        call.run_checked::<Logout>(LogoutInput { session_id: Some(session_id) }).await?;
    }
    // Cookies are deleted only after the sessions have ended, since a session that could not be ended can be ended by
    // its cookies later. To a form of a foreign site the browser attaches no cookies, but it would accept those of the
    // answer.
    if !is_foreign_form(call) {
        clear_cookies(call);
    }
    Ok(Reply::ok("Logged out", Done))
}

/// `POST /logout-all`
pub static LOGOUT_ALL: Endpoint = Endpoint {
    name: "logoutAll",
    method: "POST",
    pattern: "/logout-all",
    access: Access::User,
    needs: Needs::Nothing,
    shows: Shows::Tokens,
    story: Some(&LogoutAll::STORY),
    describe: || answers("End every session of the user", 200, "Logged out from all sessions", Value::Null),
    serve: |call| enveloped(logout_all(call)),
};

async fn logout_all(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let user_id = call.user()?.id.clone();
    call.run_checked::<LogoutAll>(UserInput { user_id }).await?;
    clear_cookies(call);
    Ok(Reply::ok("Logged out from all sessions", Done))
}

/// The data of the answer: `{accessToken, user: {id, roles}, refreshToken?}`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    access_token: String,
    user: UserRoles,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Answers a login or a refresh. The refresh token is in its cookie, or in the body if that cookie is off. The access
/// token is in the body, and in its cookie too if that is on.
pub(super) fn give(call: &mut Call<'_>, message: &'static str, issued: Issued, is_login: bool) -> Reply {
    let Issued { access_token, refresh_token, user, refresh_expires_at, .. } = issued;
    let config = &call.realm.config;
    if let Some(rules) = &config.cookie {
        clear_twins(call, "cookie", rules, is_login);
        let lifetime = refresh_lifetime(call, &refresh_token, refresh_expires_at);
        set_cookie(call, "cookie", rules, &refresh_token, lifetime);
    }
    if let Some(rules) = &config.access_cookie {
        clear_twins(call, "accessCookie", rules, is_login);
        set_cookie(call, "accessCookie", rules, &access_token, whole_seconds(config.access_ttl));
    }
    Reply::ok(message, Given { access_token, user, refresh_token: config.cookie.is_none().then_some(refresh_token) })
}

/// Returns the seconds until a refresh token expires, rounded up. For a token that an override passed on, the claims
/// tell it. A token that the override made itself gets the idle limit.
fn refresh_lifetime(call: &Call<'_>, refresh_token: &str, expires_at: Option<Millis>) -> u64 {
    let now = call.realm.now();
    let read = || {
        let claims = call.realm.keys.get()?.verify_refresh(refresh_token, now).ok()?;
        Some(claims.exp.saturating_mul(1000))
    };
    let idle = || whole_seconds(call.realm.config.session.idle);
    expires_at.or_else(read).map_or_else(idle, |at| whole_seconds(at - now + 999))
}
