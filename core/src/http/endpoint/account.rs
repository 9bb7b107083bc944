//! Endpoints of a user's own account.

use serde::Serialize;
use serde_json::{Value, json};

use super::cookies::clear_cookies;
use super::description::{Description, answers, paging};
use super::device;
use super::schema::{asked, list, object, one_of_types, partial, reference, text};
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::credential::wrong_key;
use crate::http::envelope::Reply;
use crate::http::pace::Pace;
use crate::service::password::ChangePassword;
use crate::service::register::{Register, Registered};
use crate::service::sessions::{self, ShownSession};
use crate::service::users;
use crate::use_case::{Done, UseCase};

/// The message for a free address and for a taken address alike.
const PENDING: &str = "Confirm the registration: a message is on its way";

/// `POST /register`
pub static REGISTER: Endpoint = Endpoint {
    name: "register",
    method: "POST",
    pattern: "/register",
    access: Access::Public,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: Some(&Register::STORY),
    describe: || {
        let body = partial(
            &[("identifiers", list(reference("NewIdentifier"), 1)), ("password", text())],
            &[("roles", list(text(), 0))],
        );
        answers("Register a user", 201, "User registered successfully", object(&[("user", reference("User"))]))
            .takes(body)
            .reads(json!([{}, { "apiKey": [] }]))
            .or_accepts(PENDING, asked())
            .or(&[E::InvalidRole, E::Unauthorized, E::Forbidden, E::UserAlreadyExists, E::RateLimitExceeded])
    },
    serve: |call| enveloped(register(call)),
};

async fn register(call: &mut Call<'_>) -> Result<Reply, Failure> {
    if call.realm.config.api_keys.is_some() && !call.caller.trusted {
        return Err(wrong_key().into());
    }
    let pace = Pace::begin(call.realm);
    let input = call.input(&[])?;
    let registered = call.run::<Register>(input).await?;
    Ok(match registered {
        Registered::User { .. } => Reply::created("User registered successfully", registered),
        Registered::Pending(_) => {
            call.pace = pace;
            Reply::accepted(PENDING, registered)
        }
    })
}

/// `GET /me`
pub static ME: Endpoint = Endpoint {
    name: "me",
    method: "GET",
    pattern: "/me",
    access: Access::User,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: None,
    describe: || answers("The user", 200, "OK", reference("User")).or(&[E::UserNotFound]),
    serve: |call| enveloped(me(call)),
};

async fn me(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let user = call.user()?;
    Ok(Reply::ok("OK", users::get_own(call.realm, &user.id, user.assurance.as_ref()).await?))
}

/// `GET /me/sessions`
pub static LIST_SESSIONS: Endpoint = Endpoint {
    name: "listSessions",
    method: "GET",
    pattern: "/me/sessions",
    access: Access::User,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: None,
    describe: || {
        describe_sessions("The live sessions of the user, newest first; in pages when a parameter asks for them")
    },
    serve: |call| enveloped(list_sessions(call)),
};

pub(super) fn describe_sessions(summary: &'static str) -> Description {
    let sessions = ("sessions", list(reference("Session"), 0));
    let next = ("nextCursor", one_of_types(&["string", "null"]));
    answers(summary, 200, "OK", partial(&[sessions], &[next])).asked_by(paging()).or(&[E::ValidationError])
}

async fn list_sessions(call: &mut Call<'_>) -> Result<Reply, Failure> {
    sessions_of(call, &call.user()?.id).await
}

/// All live sessions of a user, the answer to a request without paging parameters.
#[derive(Serialize)]
struct AllSessions {
    sessions: Vec<ShownSession>,
}

/// Answers with the live sessions of a user, in pages if a parameter asks for them.
pub(super) async fn sessions_of(call: &Call<'_>, user_id: &str) -> Result<Reply, Failure> {
    let (limit, cursor) = (call.query_limit()?, call.query("cursor"));
    let current = call.principal.as_ref().and_then(|caller| caller.session_id.as_deref());
    if limit.is_none() && cursor.is_none() {
        let sessions = sessions::list(call.realm, user_id, current).await?;
        return Ok(Reply::ok("OK", AllSessions { sessions }));
    }
    Ok(Reply::ok("OK", sessions::page(call.realm, user_id, current, limit, cursor.as_deref()).await?))
}

/// `DELETE /me/sessions/:id`
pub static REVOKE_SESSION: Endpoint = Endpoint {
    name: "revokeSession",
    method: "DELETE",
    pattern: "/me/sessions/:id",
    access: Access::User,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: None,
    describe: || answers("End one session of the user", 200, "Session revoked", Value::Null).or(&[E::SessionNotFound]),
    serve: |call| enveloped(revoke_session(call)),
};

async fn revoke_session(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let user = call.user()?.clone();
    if !sessions::revoke(call.realm, &call.parameter, Some(&user.id), &mut call.trail).await? {
        return Err(E::SessionNotFound.into());
    }
    if user.session_id.as_deref() == Some(&call.parameter) {
        clear_cookies(call);
    }
    Ok(Reply::ok("Session revoked", Done))
}

/// `PATCH /me/password`
pub static CHANGE_PASSWORD: Endpoint = Endpoint {
    name: "changePassword",
    method: "PATCH",
    pattern: "/me/password",
    access: Access::User,
    needs: Needs::Nothing,
    shows: Shows::Tokens,
    story: Some(&ChangePassword::STORY),
    describe: || {
        answers("Change the password; every session ends", 200, "Password changed", Value::Null)
            .takes(object(&[("currentPassword", text()), ("newPassword", text())]))
            .or(&[E::InvalidCredentials, E::AccountDisabled, E::UserNotFound, E::StepUpRequired, E::RateLimitExceeded])
    },
    serve: |call| enveloped(change_password(call)),
};

async fn change_password(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_factor().await?;
    let input = call.input(&[("userId", &call.user()?.id)])?;
    call.caller.devices = device::presented(call);
    call.run::<ChangePassword>(input).await?;
    clear_cookies(call);
    Ok(Reply::ok("Password changed", Done))
}
