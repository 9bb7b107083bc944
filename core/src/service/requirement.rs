//! The option `verification.required`, by which users have to verify an address before they log in.

use super::receivers::is_address;
use super::redeem::is_verified;
use super::{Caller, Realm};
use crate::config::messages::MessageRules;
use crate::error::Error;
use crate::store::model::{Identifier, UserWithIdentifiers};

/// Whether an identifier is an address of a type that users verify.
pub(super) fn is_verifiable(rules: &MessageRules, identifier: &Identifier) -> bool {
    is_address(identifier) && rules.verified_types.as_ref().is_some_and(|types| types.contains(&identifier.kind))
}

/// Returns the option `messages`, if the user has to verify an address before logging in. A user whom code made without
/// an address need not, which is why [`check_kept`] exists.
pub(super) fn due<'a>(realm: &'a Realm, user: &UserWithIdentifiers) -> Option<&'a MessageRules> {
    let rules = realm.config.messages.as_ref()?;
    let is_due = rules.required?.is_for(user.user.created_at) && !is_verified(user);
    (is_due && user.identifiers.iter().any(|one| is_verifiable(rules, one))).then_some(rules)
}

/// Refuses to remove an address of a user who still has to verify one, since a user without an address could log in.
/// Once an address is verified, [`crate::store::model::ChangeLimits::keeps_verified`] keeps it.
///
/// # Errors
/// `VALIDATION_ERROR`.
pub(super) fn check_kept(
    realm: &Realm,
    caller: &Caller,
    user: &UserWithIdentifiers,
    is_gone: impl Fn(&Identifier) -> bool,
) -> Result<(), Error> {
    let Some(rules) = due(realm, user).filter(|_| !caller.trusted) else { return Ok(()) };
    if user.identifiers.iter().any(|one| is_verifiable(rules, one) && is_gone(one)) {
        return Err(Error::validation("identifiers", "identifiers: verify an address before you take one away"));
    }
    Ok(())
}
