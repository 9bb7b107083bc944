//! Endpoints of a login by the code of a message.

use super::description::answers;
use super::device;
use super::presented::refuse_foreign_form;
use super::recovery::{accepted, asking, sends};
use super::schema::{object, reference, text};
use super::token::give;
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::service::login_code::{LoginByCode, RequestLoginCode};
use crate::use_case::UseCase;

/// `POST /login/code`
pub static ASK_LOGIN_CODE: Endpoint = Endpoint {
    name: "askLoginCode",
    method: "POST",
    pattern: "/login/code",
    access: Access::Public,
    needs: Needs::LoginCode,
    shows: Shows::Secrets,
    story: Some(&RequestLoginCode::STORY),
    describe: || sends("Ask for a code to log in by").takes(object(&[("identifier", text())])),
    serve: |call| enveloped(ask_login_code(call)),
};

async fn ask_login_code(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = asking(call)?;
    Ok(accepted(call.run::<RequestLoginCode>(input).await?))
}

/// `POST /login/code/verify`
pub static LOGIN_BY_CODE: Endpoint = Endpoint {
    name: "loginByCode",
    method: "POST",
    pattern: "/login/code/verify",
    access: Access::Public,
    needs: Needs::LoginCode,
    shows: Shows::Tokens,
    story: Some(&LoginByCode::STORY),
    describe: || {
        answers("Log in by the code of a message", 200, "Login successful", reference("Tokens"))
            .takes(object(&[("flow", text()), ("code", text())]))
            .or(&[E::CodeInvalid, E::MfaRequired, E::Forbidden, E::RateLimitExceeded])
    },
    serve: |call| enveloped(login_by_code(call)),
};

async fn login_by_code(call: &mut Call<'_>) -> Result<Reply, Failure> {
    refuse_foreign_form(call)?;
    let input = call.input(&[])?;
    call.caller.devices = device::presented(call);
    let issued = call.run::<LoginByCode>(input).await?;
    device::remember(call, &issued.user.id).await;
    Ok(give(call, "Login successful", issued, true))
}
