//! The first admin of a new server.

use super::description::answers;
use super::presented::is_foreign_form;
use super::schema::{list, object, reference, text};
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::credential::cross_origin;
use crate::http::envelope::Reply;
use crate::service::setup::Setup;
use crate::use_case::UseCase;

/// `POST /setup`
pub static SETUP: Endpoint = Endpoint {
    name: "setup",
    method: "POST",
    pattern: "/setup",
    access: Access::Public,
    needs: Needs::Setup,
    shows: Shows::Secrets,
    story: Some(&Setup::STORY),
    describe: || {
        let identifiers = list(reference("NewIdentifier"), 1);
        let summary = "Make the first admin by a one-time token";
        answers(summary, 201, "The first admin is there", object(&[("user", reference("User"))]))
            .takes(object(&[("token", text()), ("identifiers", identifiers), ("password", text())]))
            .may_be_gone()
            .or(&[E::CodeInvalid, E::Forbidden, E::UserAlreadyExists])
    },
    serve: |call| enveloped(setup(call)),
};

async fn setup(call: &mut Call<'_>) -> Result<Reply, Failure> {
    if is_foreign_form(call) {
        return Err(cross_origin().into());
    }
    let input = call.input(&[])?;
    let made = call.run::<Setup>(input).await?;
    Ok(Reply::created("The first admin is there", made))
}
