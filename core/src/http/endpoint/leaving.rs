//! Endpoints by which users export their data and delete their accounts.

use serde_json::Value;

use super::cookies::clear_cookies;
use super::description::answers;
use super::device;
use super::reauthenticate::proof;
use super::schema::reference;
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::service::deletion::DeleteAccount;
use crate::service::export;
use crate::service::revocation::ended;
use crate::use_case::{Done, UseCase};

/// `DELETE /me`
pub static DELETE_ACCOUNT: Endpoint = Endpoint {
    name: "deleteAccount",
    method: "DELETE",
    pattern: "/me",
    access: Access::User,
    needs: Needs::Assurance,
    shows: Shows::Nothing,
    story: Some(&DeleteAccount::STORY),
    describe: || {
        answers("Delete the account, by the password or by a second factor", 200, "Account deleted", Value::Null)
            .takes(proof())
            .or(&[E::InvalidCredentials, E::CodeInvalid, E::StepUpRequired, E::Forbidden, E::RateLimitExceeded])
    },
    serve: |call| enveloped(delete_account(call)),
};

async fn delete_account(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_fresh().await?;
    let user = call.user()?;
    let session_id = user.session_id.as_deref().ok_or_else(ended)?;
    let input = call.input(&[("userId", &user.id), ("sessionId", session_id)])?;
    call.caller.devices = device::presented(call);
    call.run::<DeleteAccount>(input).await?;
    // The token of a silent refresh in this request belongs to no session any more.
    call.headers.retain(|(name, _)| name != "X-Access-Token");
    clear_cookies(call);
    Ok(Reply::ok("Account deleted", Done))
}

/// `GET /me/export`
pub static EXPORT_ACCOUNT: Endpoint = Endpoint {
    name: "exportAccount",
    method: "GET",
    pattern: "/me/export",
    access: Access::User,
    needs: Needs::Assurance,
    shows: Shows::Nothing,
    story: Some(&export::STORY),
    describe: || {
        answers("All that is stored of the user, without secrets", 200, "OK", reference("Account"))
            .or(&[E::StepUpRequired, E::UserNotFound])
    },
    serve: |call| enveloped(export_account(call)),
};

async fn export_account(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_fresh().await?;
    let export = export::export(call.realm, &call.user()?.id).await?.ok_or(E::UserNotFound)?;
    Ok(Reply::ok("OK", export))
}
