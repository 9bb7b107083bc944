//! Role assignment.

use std::sync::Arc;

use serde_json::{Value, json};

use super::input::Input;
use super::{Realm, token_size};
use crate::access;
use crate::cache::Revocation;
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;

/// `{userId, roles}` in, `{user: {id, roles}}` out: the set is replaced. Who may call it is the caller's concern.
///
/// # Errors
/// `VALIDATION_ERROR`, `INVALID_ROLE`, `USER_NOT_FOUND`; the store's.
pub async fn assign(realm: &Arc<Realm>, input: &Value) -> Result<Value, Failure> {
    let input = Input::new(input)?;
    let user_id = input.text("userId")?;
    let wanted = input.optional_strings("roles")?.ok_or_else(|| Error::validation("roles", "roles is required"))?;
    let roles = access::check_assignable(&wanted, &realm.config.roles, true)?;
    token_size::check_roles(realm, &roles)?;
    let write = realm.store.set_roles(user_id, &roles, realm.now());
    if !realm.revoking(Revocation::User(user_id.to_owned()), write).await? {
        return Err(ErrorCode::UserNotFound.into());
    }
    Ok(json!({ "user": { "id": user_id, "roles": roles } }))
}
