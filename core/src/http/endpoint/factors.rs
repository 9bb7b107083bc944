//! Endpoints of a user's second factors, and the second step of a login.

use serde_json::{Value, json};

use super::description::answers;
use super::device;
use super::presented::is_foreign_form;
use super::schema::{list, object, one_of_types, partial, reference, text};
use super::token::give;
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::credential::cross_origin;
use crate::http::envelope::Reply;
use crate::service::factor_removal::RemoveFactor;
use crate::service::factors::{self, ConfirmFactor};
use crate::service::input::Input;
use crate::service::second_factor::LoginMfa;
use crate::use_case::{Done, UseCase};

/// `POST /login/mfa`
pub static LOGIN_MFA: Endpoint = Endpoint {
    name: "loginMfa",
    method: "POST",
    pattern: "/login/mfa",
    access: Access::Public,
    needs: Needs::Mfa,
    shows: Shows::Tokens,
    story: Some(&LoginMfa::STORY),
    describe: || {
        answers("Finish a login by a second factor", 200, "Login successful", reference("Tokens"))
            .takes(object(&[("flow", text()), ("method", method()), ("code", text())]))
            .or(&[E::CodeInvalid, E::Forbidden, E::RateLimitExceeded])
    },
    serve: |call| enveloped(login_mfa(call)),
};

/// The schema of the kinds of codes.
pub(super) fn method() -> Value {
    json!({ "enum": ["totp", "recovery"] })
}

async fn login_mfa(call: &mut Call<'_>) -> Result<Reply, Failure> {
    if is_foreign_form(call) {
        return Err(cross_origin().into());
    }
    let input = call.input(&[])?;
    call.caller.devices = device::presented(call);
    let issued = call.run::<LoginMfa>(input).await?;
    device::remember(call, &issued.user.id).await;
    Ok(give(call, "Login successful", issued, true))
}

/// `GET /me/factors`
pub static LIST_FACTORS: Endpoint = Endpoint {
    name: "listFactors",
    method: "GET",
    pattern: "/me/factors",
    access: Access::User,
    needs: Needs::Mfa,
    shows: Shows::Nothing,
    story: None,
    describe: || {
        let left = ("recoveryCodesLeft", one_of_types(&["integer"]));
        let data = object(&[("factors", list(reference("Factor"), 0)), left]);
        answers("The second factors of the user", 200, "OK", data)
    },
    serve: |call| enveloped(list_factors(call)),
};

async fn list_factors(call: &mut Call<'_>) -> Result<Reply, Failure> {
    Ok(Reply::ok("OK", factors::list(call.realm, &call.user()?.id).await?))
}

/// `POST /me/factors/totp`
pub static ENROL_TOTP: Endpoint = Endpoint {
    name: "enrolTotp",
    method: "POST",
    pattern: "/me/factors/totp",
    access: Access::User,
    needs: Needs::Mfa,
    shows: Shows::Secrets,
    story: None,
    describe: || {
        let data = object(&[("id", text()), ("secret", text()), ("uri", text()), ("qr", text())]);
        answers("Make the secret of an authenticator app", 201, "Factor created", data)
            .may_take(partial(&[], &[("label", text())]))
            .or(&[E::StepUpRequired, E::UserNotFound])
    },
    serve: |call| enveloped(enrol_totp(call)),
};

async fn enrol_totp(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_fresh().await?;
    let input = call.input(&[])?;
    let label = Input::new(&input)?.optional_text("label")?;
    let user = call.user()?;
    let factor = factors::enrol(call.realm, &user.id, user.session_id.as_deref(), label).await?;
    Ok(Reply::created("Factor created", factor))
}

/// `POST /me/factors/totp/confirm`
pub static CONFIRM_TOTP: Endpoint = Endpoint {
    name: "confirmTotp",
    method: "POST",
    pattern: "/me/factors/totp/confirm",
    access: Access::User,
    needs: Needs::Mfa,
    shows: Shows::Secrets,
    story: Some(&ConfirmFactor::STORY),
    describe: || {
        let mut data = object(&[("recoveryCodes", list(text(), 0))]);
        data["type"] = json!(["object", "null"]);
        answers("Confirm an authenticator app by its first code", 200, "Factor confirmed", data)
            .takes(object(&[("id", text()), ("code", text())]))
            .or(&[E::CodeInvalid, E::FactorNotFound, E::StepUpRequired, E::UserNotFound])
    },
    serve: |call| enveloped(confirm_totp(call)),
};

async fn confirm_totp(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_fresh().await?;
    let input = author(call, call.input(&[])?)?;
    Ok(Reply::ok("Factor confirmed", call.run::<ConfirmFactor>(input).await?))
}

/// `DELETE /me/factors/:id`
pub static REMOVE_FACTOR: Endpoint = Endpoint {
    name: "removeFactor",
    method: "DELETE",
    pattern: "/me/factors/:id",
    access: Access::User,
    needs: Needs::Mfa,
    shows: Shows::Nothing,
    story: Some(&RemoveFactor::STORY),
    describe: || {
        answers("Remove a second factor", 200, "Factor removed", Value::Null).or(&[
            E::FactorNotFound,
            E::StepUpRequired,
            E::UserNotFound,
        ])
    },
    serve: |call| enveloped(remove_factor(call)),
};

async fn remove_factor(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_fresh().await?;
    let input = author(call, json!({ "id": call.parameter }))?;
    call.run::<RemoveFactor>(input).await?;
    Ok(Reply::ok("Factor removed", Done))
}

/// `POST /me/recovery-codes`
pub static RENEW_RECOVERY_CODES: Endpoint = Endpoint {
    name: "renewRecoveryCodes",
    method: "POST",
    pattern: "/me/recovery-codes",
    access: Access::User,
    needs: Needs::Mfa,
    shows: Shows::Secrets,
    story: Some(&factors::RENEWAL),
    describe: || {
        let data = object(&[("recoveryCodes", list(text(), 0))]);
        answers("Make recovery codes in place of the old ones", 200, "Recovery codes created", data).or(&[
            E::FactorNotFound,
            E::StepUpRequired,
            E::UserNotFound,
        ])
    },
    serve: |call| enveloped(renew_recovery_codes(call)),
};

async fn renew_recovery_codes(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_fresh().await?;
    let user = call.user()?.clone();
    let Call { realm, trail, .. } = call;
    let codes = factors::renew_codes(realm, &user.id, user.session_id.as_deref(), trail).await?;
    Ok(Reply::ok("Recovery codes created", codes))
}

/// Adds the user and the session that change factors to the input. Values of the client under these names are replaced.
fn author(call: &Call<'_>, mut input: Value) -> Result<Value, Failure> {
    let user = call.user()?;
    input["userId"] = user.id.as_str().into();
    input["sessionId"] = user.session_id.as_deref().into();
    Ok(input)
}
