//! Endpoints that authenticate again in an open session.

use serde_json::{Value, json};

use super::description::answers;
use super::device;
use super::factors::method;
use super::schema::{partial, reference, text};
use super::token::give;
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::service::reauthenticate::Reauthenticate;
use crate::service::revocation::ended;
use crate::use_case::UseCase;

/// `POST /me/reauthenticate`
pub static REAUTHENTICATE: Endpoint = Endpoint {
    name: "reauthenticate",
    method: "POST",
    pattern: "/me/reauthenticate",
    access: Access::User,
    needs: Needs::Assurance,
    shows: Shows::Tokens,
    story: Some(&Reauthenticate::STORY),
    describe: || {
        answers(
            "Authenticate again, by the password or by a second factor",
            200,
            "Reauthenticated",
            reference("Tokens"),
        )
        .takes(proof())
        .or(&[E::InvalidCredentials, E::CodeInvalid, E::RateLimitExceeded])
    },
    serve: |call| enveloped(reauthenticate(call)),
};

/// The schema of a body with a proof: a password, or the code of a second factor.
pub(super) fn proof() -> Value {
    let members = [("password", text()), ("method", method()), ("code", text())];
    let mut body = partial(&[], &members);
    body["anyOf"] = json!([{ "required": ["password"] }, { "required": ["method", "code"] }]);
    body
}

async fn reauthenticate(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let user = call.user()?;
    let session_id = user.session_id.as_deref().ok_or_else(ended)?;
    let input = call.input(&[("userId", &user.id), ("sessionId", session_id)])?;
    call.caller.devices = device::presented(call);
    let issued = call.run::<Reauthenticate>(input).await?;
    // The token of a silent refresh in this request still has the old time of authentication.
    call.headers.retain(|(name, _)| name != "X-Access-Token");
    Ok(give(call, "Reauthenticated", issued, false))
}
