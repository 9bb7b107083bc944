//! Endpoints by which admins help a user who can't sign in, or whose sessions somebody else may use.

use serde_json::Value;

use super::account::{describe_sessions, sessions_of};
use super::cookies::clear_cookies;
use super::description::answers;
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::service::reset::{SendInput, SendPasswordReset};
use crate::service::{sessions, users};
use crate::use_case::{Done, UseCase};

/// The message is true even if a limit on messages held the message back.
const RESET_REQUESTED: &str = "Password reset requested";

/// `POST /users/:userId/reset`
pub static SEND_PASSWORD_RESET: Endpoint = Endpoint {
    name: "sendPasswordReset",
    method: "POST",
    pattern: "/users/:userId/reset",
    access: Access::Admin,
    needs: Needs::UserReset,
    shows: Shows::Nothing,
    story: Some(&SendPasswordReset::STORY),
    describe: || {
        answers("Send a user a message for a new password", 202, RESET_REQUESTED, Value::Null).or(&[
            E::AccountDisabled,
            E::UserNotFound,
            E::ValidationError,
            E::StepUpRequired,
        ])
    },
    serve: |call| enveloped(send_password_reset(call)),
};

async fn send_password_reset(call: &mut Call<'_>) -> Result<Reply, Failure> {
    // The admin learns neither the flow nor a secret.
    let input = SendInput::new(&call.parameter, true);
    call.run_read::<SendPasswordReset>(input).await?;
    Ok(Reply::accepted(RESET_REQUESTED, Done))
}

/// `GET /users/:userId/sessions`
pub static LIST_USER_SESSIONS: Endpoint = Endpoint {
    name: "listUserSessions",
    method: "GET",
    pattern: "/users/:userId/sessions",
    access: Access::Admin,
    needs: Needs::Administration,
    shows: Shows::Nothing,
    story: None,
    describe: || {
        let summary = "The live sessions of a user, newest first; in pages when a parameter asks for them";
        let mut description = describe_sessions(summary);
        description.errors.push(E::UserNotFound);
        description
    },
    serve: |call| enveloped(list_user_sessions(call)),
};

async fn list_user_sessions(call: &mut Call<'_>) -> Result<Reply, Failure> {
    users::require(call.realm, &call.parameter).await?;
    sessions_of(call, &call.parameter).await
}

/// `DELETE /users/:userId/sessions`
pub static REVOKE_USER_SESSIONS: Endpoint = Endpoint {
    name: "revokeUserSessions",
    method: "DELETE",
    pattern: "/users/:userId/sessions",
    access: Access::Admin,
    needs: Needs::Administration,
    shows: Shows::Nothing,
    story: None,
    describe: || {
        answers("End every session of a user", 200, "Sessions revoked", Value::Null)
            .or(&[E::UserNotFound, E::StepUpRequired])
    },
    serve: |call| enveloped(revoke_user_sessions(call)),
};

async fn revoke_user_sessions(call: &mut Call<'_>) -> Result<Reply, Failure> {
    users::require(call.realm, &call.parameter).await?;
    sessions::revoke_all(call.realm, &call.parameter, &mut call.trail).await?;
    if call.principal.as_ref().is_some_and(|admin| admin.id == call.parameter) {
        clear_cookies(call);
    }
    Ok(Reply::ok("Sessions revoked", Done))
}
