//! Endpoints that send a secret to an address, and endpoints that spend it.

use serde_json::{Value, json};

use super::description::{Description, answers};
use super::presented::refuse_foreign_form;
use super::schema::{self, object, partial, reference, text};
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::audit::Actor;
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::http::guard::{self, GuardRequest};
use crate::http::pace::Pace;
use crate::service::confirmation::ConfirmIdentifier;
use crate::service::flows::Asked;
use crate::service::reset::{RequestPasswordReset, ResetPassword};
use crate::service::verification;
use crate::use_case::{Done, UseCase};

/// The message of the answer, which is the same for every identifier, so that it does not reveal which exist.
const SENT: &str = "If this is known, a message is on its way";

pub(super) fn sends(summary: &'static str) -> Description {
    answers(summary, 202, SENT, schema::asked()).or(&[E::Forbidden, E::RateLimitExceeded])
}

pub(super) fn accepted(asked: Asked) -> Reply {
    Reply::accepted(SENT, asked)
}

/// `POST /password/forgot`
pub static FORGOT_PASSWORD: Endpoint = Endpoint {
    name: "forgotPassword",
    method: "POST",
    pattern: "/password/forgot",
    access: Access::Public,
    needs: Needs::Messages,
    shows: Shows::Secrets,
    story: Some(&RequestPasswordReset::STORY),
    describe: || sends("Ask for a new password").takes(object(&[("identifier", text())])),
    serve: |call| enveloped(forgot_password(call)),
};

async fn forgot_password(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = asking(call)?;
    Ok(accepted(call.run::<RequestPasswordReset>(input).await?))
}

/// Reads the input of a request for a message, and sets the pace of its answer.
pub(super) fn asking(call: &mut Call<'_>) -> Result<Value, Failure> {
    refuse_foreign_form(call)?;
    call.pace = Pace::begin(call.realm);
    // Only code of the application may say whether the message is sent, never a request.
    let mut input = call.input(&[])?;
    input.as_object_mut().and_then(|members| members.remove("deliver"));
    Ok(input)
}

/// `POST /password/reset`
pub static RESET_PASSWORD: Endpoint = Endpoint {
    name: "resetPassword",
    method: "POST",
    pattern: "/password/reset",
    access: Access::Public,
    needs: Needs::Messages,
    shows: Shows::Secrets,
    story: Some(&ResetPassword::STORY),
    describe: || {
        let body = partial(&[("newPassword", text())], &[("token", text()), ("flow", text()), ("code", text())]);
        answers("Set a new password by the secret of a message", 200, "Password reset", Value::Null)
            .takes(body)
            .or(&[E::CodeInvalid, E::Forbidden])
    },
    serve: |call| enveloped(reset_password(call)),
};

async fn reset_password(call: &mut Call<'_>) -> Result<Reply, Failure> {
    refuse_foreign_form(call)?;
    let input = call.input(&[])?;
    call.run::<ResetPassword>(input).await?;
    Ok(Reply::ok("Password reset", Done))
}

/// `POST /me/identifiers/:id/verify`
pub static VERIFY_OWN_IDENTIFIER: Endpoint = Endpoint {
    name: "verifyOwnIdentifier",
    method: "POST",
    pattern: "/me/identifiers/:id/verify",
    access: Access::User,
    needs: Needs::Verification,
    shows: Shows::Secrets,
    story: None,
    describe: || {
        let errors = [E::IdentifierNotFound, E::UserNotFound, E::ValidationError, E::RateLimitExceeded];
        sends("Have a code sent to one of the user's identifiers").or(&errors)
    },
    serve: |call| enveloped(verify_own_identifier(call)),
};

async fn verify_own_identifier(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.bring_up_to_date().await?;
    let user_id = call.user()?.id.clone();
    let Call { realm, caller, parameter, trail, .. } = call;
    Ok(accepted(verification::ask_own(realm, caller, &user_id, parameter, trail).await?))
}

/// `POST /identifiers/verify`
pub static VERIFY_IDENTIFIER: Endpoint = Endpoint {
    name: "verifyIdentifier",
    method: "POST",
    pattern: "/identifiers/verify",
    access: Access::Public,
    needs: Needs::Verification,
    shows: Shows::Secrets,
    story: None,
    describe: || sends("Have a code sent to an identifier").takes(object(&[("identifier", text())])),
    serve: |call| enveloped(verify_identifier(call)),
};

async fn verify_identifier(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = asking(call)?;
    let given = crate::service::input::Input::new(&input)?.text("identifier")?.to_owned();
    let Call { realm, caller, trail, .. } = call;
    Ok(accepted(verification::ask(realm, caller, &given, trail).await?))
}

/// `POST /identifiers/confirm`
pub static CONFIRM_IDENTIFIER: Endpoint = Endpoint {
    name: "confirmIdentifier",
    method: "POST",
    pattern: "/identifiers/confirm",
    access: Access::Public,
    needs: Needs::Verification,
    shows: Shows::Secrets,
    story: Some(&ConfirmIdentifier::STORY),
    describe: || {
        let members = ["token", "flow", "code", "password", "newPassword"].map(|name| (name, text()));
        let summary = "Prove control over an identifier: in a session of its user, or with a password";
        answers(summary, 200, "Identifier verified", object(&[("identifier", reference("Identifier"))]))
            .takes(partial(&[], &members))
            .reads(json!([{}, { "accessToken": [] }]))
            .or(&[
                E::CodeInvalid,
                E::InvalidCredentials,
                E::Forbidden,
                E::UserAlreadyExists,
                E::IdentifierAlreadyExists,
                E::RateLimitExceeded,
            ])
    },
    serve: |call| enveloped(confirm_identifier(call)),
};

async fn confirm_identifier(call: &mut Call<'_>) -> Result<Reply, Failure> {
    refuse_foreign_form(call)?;
    let session_user = session_user(call).await;
    let input = call.input(&[("sessionUser", &session_user)])?;
    let confirmed = call.run::<ConfirmIdentifier>(input).await?;
    Ok(Reply::ok("Identifier verified", confirmed))
}

/// Returns the id of the user whose session the request belongs to, or an empty text if the session is not open now.
async fn session_user(call: &mut Call<'_>) -> String {
    if call.request.header("authorization").is_none() && call.request.header("cookie").is_none() {
        return String::new();
    }
    let guarded = guard::guard(call.realm, &GuardRequest::of(call.request)).await;
    call.trail.events.extend(guarded.events);
    call.headers.extend(guarded.headers);
    let Ok(mut principal) = guarded.result else { return String::new() };
    if guard::bring_up_to_date(call.realm, &mut principal).await.is_err() {
        return String::new();
    }
    call.trail.author.actor = Actor::User(principal.id.clone());
    call.trail.author.session = principal.session_id;
    principal.id
}
