//! Endpoints of identifiers, of a user's own and for admins.

use serde_json::Value;

use super::description::{Description, answers};
use super::schema::{list, object, reference, text};
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::service::identifier_update::UpdateIdentifiers;
use crate::service::identifiers::{CreateIdentifiers, DeleteIdentifiers};
use crate::use_case::{Done, UseCase};

fn some(item: &str) -> Value {
    object(&[("identifiers", list(reference(item), 1))])
}

/// `POST /me/identifiers`
pub static CREATE_IDENTIFIERS: Endpoint = Endpoint {
    name: "createIdentifiers",
    method: "POST",
    pattern: "/me/identifiers",
    access: Access::User,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: Some(&CreateIdentifiers::STORY),
    describe: || {
        answers("Add identifiers, all or none", 201, "Identifiers created", some("Identifier"))
            .takes(some("NewIdentifier"))
            .or(&[E::IdentifierAlreadyExists, E::UserNotFound, E::RateLimitExceeded, E::StepUpRequired])
    },
    serve: |call| enveloped(create_identifiers(call)),
};

async fn create_identifiers(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_fresh().await?;
    let input = call.input(&[("userId", &call.user()?.id)])?;
    let created = call.run::<CreateIdentifiers>(input).await?;
    Ok(Reply::created("Identifiers created", created))
}

/// `PUT /me/identifiers`
pub static UPDATE_IDENTIFIERS: Endpoint = Endpoint {
    name: "updateIdentifiers",
    method: "PUT",
    pattern: "/me/identifiers",
    access: Access::User,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: Some(&UpdateIdentifiers::STORY),
    describe: || {
        let missing = [E::IdentifierNotFound, E::UserNotFound, E::StepUpRequired];
        let errors = [&missing[..], &[E::IdentifierAlreadyExists, E::RateLimitExceeded]].concat();
        describe_update("Change identifiers, all or none").or(&errors)
    },
    serve: |call| enveloped(update_identifiers(call)),
};

fn describe_update(summary: &'static str) -> Description {
    answers(summary, 200, "Identifiers updated", some("Identifier")).takes(some("IdentifierChange"))
}

async fn update_identifiers(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_fresh().await?;
    let input = call.input(&[("userId", &call.user()?.id)])?;
    let updated = call.run::<UpdateIdentifiers>(input).await?;
    Ok(Reply::ok("Identifiers updated", updated))
}

/// `DELETE /me/identifiers`
pub static DELETE_IDENTIFIERS: Endpoint = Endpoint {
    name: "deleteIdentifiers",
    method: "DELETE",
    pattern: "/me/identifiers",
    access: Access::User,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: Some(&DeleteIdentifiers::STORY),
    describe: || {
        answers("Delete identifiers, all or none; one must stay", 200, "Identifiers deleted", Value::Null)
            .takes(object(&[("ids", list(text(), 1))]))
            .or(&[E::IdentifierNotFound, E::UserNotFound, E::StepUpRequired])
    },
    serve: |call| enveloped(delete_identifiers(call)),
};

async fn delete_identifiers(call: &mut Call<'_>) -> Result<Reply, Failure> {
    call.require_fresh().await?;
    let input = call.input(&[("userId", &call.user()?.id)])?;
    call.run::<DeleteIdentifiers>(input).await?;
    Ok(Reply::ok("Identifiers deleted", Done))
}

/// `PATCH /users/:userId/identifiers`
pub static SET_IDENTIFIERS: Endpoint = Endpoint {
    name: "setIdentifiers",
    method: "PATCH",
    pattern: "/users/:userId/identifiers",
    access: Access::Admin,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: Some(&UpdateIdentifiers::STORY),
    describe: || {
        let errors = [E::IdentifierNotFound, E::IdentifierAlreadyExists, E::UserNotFound, E::StepUpRequired];
        describe_update("Change identifiers of a user, all or none").or(&errors)
    },
    serve: |call| enveloped(set_identifiers(call)),
};

async fn set_identifiers(call: &mut Call<'_>) -> Result<Reply, Failure> {
    // The limits on a user's changes of their own identifiers do not apply to admins.
    call.caller.trusted = true;
    let input = call.input(&[("userId", &call.parameter)])?;
    let updated = call.run::<UpdateIdentifiers>(input).await?;
    Ok(Reply::ok("Identifiers updated", updated))
}
