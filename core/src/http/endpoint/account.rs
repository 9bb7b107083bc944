//! Endpoints of a user's own account.

use serde_json::{Value, json};

use super::{Call, device, token};
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::hook::Operation;
use crate::http::envelope::Reply;
use crate::service::{sessions, users};

pub(super) async fn register(call: &mut Call<'_>) -> Result<Reply, Failure> {
    if call.realm.config.api_keys.is_some() && !call.caller.trusted {
        return Err(wrong_key().into());
    }
    let input = call.input(&[])?;
    let registered = call.run(Operation::Register, input).await?;
    let user = &registered["user"];
    let user = json!({ "id": user["id"], "roles": user["roles"], "identifiers": user["identifiers"] });
    Ok(Reply::created("User registered successfully", json!({ "user": user })))
}

/// One answer for a missing key and a wrong one.
pub(super) fn wrong_key() -> Error {
    Error::new(ErrorCode::Unauthorized, "A valid X-Api-Key header is required")
}

pub(super) async fn me(call: &mut Call<'_>) -> Result<Reply, Failure> {
    Ok(Reply::ok("OK", users::get(call.realm, &call.user()?.id).await?))
}

pub(super) async fn list_sessions(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let user = call.user()?;
    let (limit, cursor) = (call.query_limit()?, call.query("cursor"));
    let current = user.session_id.as_deref();
    if limit.is_none() && cursor.is_none() {
        let list = sessions::list(call.realm, &user.id, current).await?;
        return Ok(Reply::ok("OK", json!({ "sessions": list })));
    }
    Ok(Reply::ok("OK", sessions::page(call.realm, &user.id, current, limit, cursor.as_deref()).await?))
}

pub(super) async fn revoke_session(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let user = call.user()?.clone();
    if !sessions::revoke(call.realm, &call.parameter, Some(&user.id), &mut call.trail).await? {
        return Err(ErrorCode::SessionNotFound.into());
    }
    if user.session_id.as_deref() == Some(&call.parameter) {
        token::clear_cookies(call);
    }
    Ok(Reply::ok("Session revoked", Value::Null))
}

pub(super) async fn create_identifiers(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = call.input(&[("userId", &call.user()?.id)])?;
    let result = call.run(Operation::BulkCreateIdentifiers, input).await?;
    Ok(Reply::created("Identifiers created", json!({ "identifiers": result["identifiers"] })))
}

pub(super) async fn update_identifiers(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = call.input(&[("userId", &call.user()?.id)])?;
    let result = call.run(Operation::BulkUpdateIdentifiers, input).await?;
    Ok(Reply::ok("Identifiers updated", json!({ "identifiers": result["identifiers"] })))
}

pub(super) async fn delete_identifiers(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = call.input(&[("userId", &call.user()?.id)])?;
    call.run(Operation::BulkDeleteIdentifiers, input).await?;
    Ok(Reply::ok("Identifiers deleted", Value::Null))
}

pub(super) async fn change_password(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = call.input(&[("userId", &call.user()?.id)])?;
    call.caller.devices = device::presented(call);
    call.run(Operation::ChangePassword, input).await?;
    token::clear_cookies(call);
    Ok(Reply::ok("Password changed", Value::Null))
}
