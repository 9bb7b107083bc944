//! Chooses the identifier of a user that a message goes to.

use super::flows::Receiver;
use super::redeem::is_verified;
use crate::identifier::Lookup;
use crate::store::ADOPTED_MARKER;
use crate::store::model::{Identifier, UserWithIdentifiers};

/// Chooses the identifier that a secret of a user is sent to. That is the address of the request, or else the oldest
/// e-mail address, or else the oldest phone number. Once an identifier of the user is verified, unverified addresses
/// get nothing.
pub(super) fn receiver<'a>(user: &'a UserWithIdentifiers, lookup: &Lookup) -> Option<Receiver<'a>> {
    let identifier = match named(user, lookup) {
        Some(address) if is_address(address) => Some(address).filter(|one| may_receive(user, one)),
        _ => oldest_address(user),
    }?;
    Some(Receiver::new(&user.user.id, identifier))
}

/// Returns the oldest e-mail address of a user that may get messages, or else the oldest phone number.
pub(super) fn oldest_address(user: &UserWithIdentifiers) -> Option<&Identifier> {
    let oldest = |kind: &str| user.identifiers.iter().find(|one| one.kind == kind && may_receive(user, one));
    oldest("email").or_else(|| oldest("phone"))
}

/// Whether an identifier may get messages. Once an identifier of the user is verified, unverified ones may not.
fn may_receive(user: &UserWithIdentifiers, identifier: &Identifier) -> bool {
    !is_verified(user) || identifier.verified_at.is_some()
}

/// Returns the user's identifier that the store would find by `lookup`.
pub(super) fn named<'a>(user: &'a UserWithIdentifiers, lookup: &Lookup) -> Option<&'a Identifier> {
    let adopted = format!("{ADOPTED_MARKER}{}", lookup.exact);
    let spellings = [&adopted, &lookup.exact, &lookup.normalized].into_iter().chain(&lookup.others);
    let held = |spelling: &String| user.identifiers.iter().find(|one| one.normalized == *spelling);
    spellings.into_iter().find_map(held)
}

pub(super) fn is_address(identifier: &Identifier) -> bool {
    matches!(identifier.kind.as_str(), "email" | "phone")
}
