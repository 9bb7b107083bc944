//! Endpoints over all users, for admins and bearers of an API key.

use serde_json::{Value, json};

use super::Call;
use crate::error::ErrorCode;
use crate::failure::Failure;
use crate::hook::Operation;
use crate::http::envelope::Reply;
use crate::service::input::Input;
use crate::service::password;
use crate::service::users::{self, Page};

pub(super) async fn list_users(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let (limit, cursor, identifier) = (call.query_limit()?, call.query("cursor"), call.query("identifier"));
    let page = Page { limit, cursor: cursor.as_deref(), identifier: identifier.as_deref() };
    Ok(Reply::ok("OK", users::list(call.realm, &page).await?))
}

pub(super) async fn get_user(call: &mut Call<'_>) -> Result<Reply, Failure> {
    Ok(Reply::ok("OK", users::get(call.realm, &call.parameter).await?))
}

pub(super) async fn delete_user(call: &mut Call<'_>) -> Result<Reply, Failure> {
    if !users::delete(call.realm, &call.parameter, &mut call.trail).await? {
        return Err(ErrorCode::UserNotFound.into());
    }
    Ok(Reply::ok("User deleted", Value::Null))
}

pub(super) async fn assign_roles(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = call.input(&[("userId", &call.parameter)])?;
    let result = call.run(Operation::AssignRoles, input).await?;
    let user = json!({ "id": result["user"]["id"], "roles": result["user"]["roles"] });
    Ok(Reply::ok("Roles assigned", json!({ "user": user })))
}

pub(super) async fn set_password(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = call.input(&[])?;
    let new = Input::new(&input)?.text("newPassword")?;
    password::set(call.realm, &call.parameter, new, &mut call.trail).await?;
    Ok(Reply::ok("Password changed", Value::Null))
}

pub(super) async fn set_identifiers(call: &mut Call<'_>) -> Result<Reply, Failure> {
    // What limits users in what they do with their own is not for admins.
    call.caller.trusted = true;
    let input = call.input(&[("userId", &call.parameter)])?;
    let result = call.run(Operation::BulkUpdateIdentifiers, input).await?;
    Ok(Reply::ok("Identifiers updated", json!({ "identifiers": result["identifiers"] })))
}
