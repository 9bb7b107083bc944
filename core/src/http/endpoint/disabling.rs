//! Endpoints by which admins disable users, and enable them again.

use serde_json::{Value, json};

use super::admin::spare_self;
use super::description::answers;
use super::schema::{object, partial, reference, text};
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::service::disabling::{DisableUser, EnableInput, EnableUser};
use crate::use_case::UseCase;

/// `POST /users/:userId/disable`
pub static DISABLE_USER: Endpoint = Endpoint {
    name: "disableUser",
    method: "POST",
    pattern: "/users/:userId/disable",
    access: Access::Admin,
    needs: Needs::Administration,
    shows: Shows::Nothing,
    story: Some(&DisableUser::STORY),
    describe: || {
        let until = json!({ "type": "string", "format": "date-time" });
        let summary = "Disable a user; every session ends, and nobody signs in until then or until the user is enabled";
        answers(summary, 200, "User disabled", user())
            .may_take(partial(&[], &[("reason", text()), ("until", until)]))
            .or(&[E::ValidationError, E::UserNotFound, E::StepUpRequired])
    },
    serve: |call| enveloped(disable_user(call)),
};

fn user() -> Value {
    object(&[("user", reference("User"))])
}

async fn disable_user(call: &mut Call<'_>) -> Result<Reply, Failure> {
    spare_self(call, "disable")?;
    let input = call.input(&[("userId", &call.parameter)])?;
    let disabled = call.run::<DisableUser>(input).await?;
    Ok(Reply::ok("User disabled", disabled))
}

/// `POST /users/:userId/enable`
pub static ENABLE_USER: Endpoint = Endpoint {
    name: "enableUser",
    method: "POST",
    pattern: "/users/:userId/enable",
    access: Access::Admin,
    needs: Needs::Administration,
    shows: Shows::Nothing,
    story: Some(&EnableUser::STORY),
    describe: || {
        answers("Enable a user who was disabled", 200, "User enabled", user()).or(&[E::UserNotFound, E::StepUpRequired])
    },
    serve: |call| enveloped(enable_user(call)),
};

async fn enable_user(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = EnableInput::new(&call.parameter);
    let enabled = call.run_read::<EnableUser>(input).await?;
    Ok(Reply::ok("User enabled", enabled))
}
