//! Registration.

use std::sync::Arc;

use serde_json::{Value, json};

use super::attempt::Attempt;
use super::identifiers::{claims, describe, read_new};
use super::input::Input;
use super::{Caller, Realm, Trail, token_size};
use crate::access;
use crate::cache::Settlement;
use crate::crypto::{self, Secret};
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::limit;
use crate::password::Origin;
use crate::store::Store;
use crate::store::model::NewUser;

/// `{identifiers: [{type, value}], password, roles?}` in, `{user: {id, roles, identifiers}}` out.
///
/// # Errors
/// `VALIDATION_ERROR`, `INVALID_ROLE`, `FORBIDDEN` (a role outside `selfAssignableRoles` for a caller that is not trusted),
/// `USER_ALREADY_EXISTS`, `RATE_LIMIT_EXCEEDED`, `SERVICE_UNAVAILABLE`.
pub async fn register(realm: &Arc<Realm>, input: &Value, caller: &Caller, trail: &mut Trail) -> Result<Value, Failure> {
    let store = realm.store_for(caller)?;
    let input = Input::new(input)?;
    let identifiers = read_new(realm, &input)?;
    let password = Secret::new(input.text("password")?.to_owned());
    realm.config.password.check("password", password.expose())?;
    let wanted = input.optional_strings("roles")?.unwrap_or_default();
    let roles = if wanted.is_empty() {
        realm.config.roles.default.clone()
    } else {
        access::check_assignable(&wanted, &realm.config.roles, caller.trusted)?
    };
    token_size::check_roles(realm, &roles)?;
    let address = (!caller.trusted).then(|| limit::register_address(caller.bucket()));
    let attempt = Attempt::begin(realm, address.as_deref(), |limits| limits.register, "register", trail).await?;
    let outcome = write(realm, caller.origin(), &*store, identifiers, password, roles).await;
    // Failures that are ours do not use up the caller's budget.
    let counts = matches!(outcome, Ok(_) | Err(Failure::Refused(Error { status: ..500, .. })));
    attempt.settle(if counts { Settlement::Counted } else { Settlement::Refunded }).await;
    outcome
}

async fn write(
    realm: &Realm,
    origin: Origin,
    store: &dyn Store,
    identifiers: Vec<crate::store::model::Identifier>,
    password: Secret<String>,
    roles: Vec<String>,
) -> Result<Value, Failure> {
    let hash = realm.hasher.on_behalf_of(origin).hash(password).await?;
    let claims = claims(identifiers.iter().map(|one| (one.kind.as_str(), one.value.as_str())));
    let user =
        NewUser { id: crypto::make_id(), password_hash: Some(hash), roles, identifiers, claims, now: realm.now() };
    if !store.create_user(&user).await? {
        return Err(ErrorCode::UserAlreadyExists.into());
    }
    Ok(json!({
        "user": {
            "id": user.id,
            "roles": user.roles,
            "identifiers": user.identifiers.iter().map(describe).collect::<Value>(),
        }
    }))
}
