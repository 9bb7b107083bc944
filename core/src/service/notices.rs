//! Messages that tell a user of a change, and carry no secret.

use super::flows::{Receiver, message};
use super::reset::{is_address, oldest_address};
use super::{Caller, Realm, Trail};
use crate::message::Kind;
use crate::store::model::UserWithIdentifiers;

/// Leaves a notice to a user, where the option `messages` is on and the user has an address.
pub(super) fn leave(realm: &Realm, caller: &Caller, user: &UserWithIdentifiers, kind: Kind, trail: &mut Trail) {
    let Some(identifier) = oldest_address(user).filter(|_| realm.config.messages.is_some()) else { return };
    let to = Receiver::new(&user.user.id, identifier);
    trail.messages.push(message(realm, caller, kind, &to, None));
}

/// Leaves a notice to every address of a user that was verified before a change of those addresses.
pub(super) fn leave_change(realm: &Realm, caller: &Caller, before: &UserWithIdentifiers, trail: &mut Trail) {
    if realm.config.messages.is_none() {
        return;
    }
    for identifier in before.identifiers.iter().filter(|one| is_address(one) && one.verified_at.is_some()) {
        let to = Receiver::new(&before.user.id, identifier);
        trail.messages.push(message(realm, caller, Kind::ChangeNotice, &to, None));
    }
}
