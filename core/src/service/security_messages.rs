//! Security messages, which report a change of an account or a new sign-in to its user and carry no secret.

use super::flows::{Receiver, message};
use super::receivers::{is_address, oldest_address};
use super::{Caller, Realm, Trail, device};
use crate::authentication::Authenticated;
use crate::cache::LimitVerdict;
use crate::failure::Failure;
use crate::limit;
use crate::message::{Message, MessageKind};
use crate::store::model::{Identifier, Spending, Unspent, UserWithIdentifiers};

/// Leaves a message to a user, if the option `messages` is on and the user has an address.
pub(super) fn leave(realm: &Realm, caller: &Caller, user: &UserWithIdentifiers, kind: MessageKind, trail: &mut Trail) {
    let Some(identifier) = oldest_address(user).filter(|_| realm.config.messages.is_some()) else { return };
    let to = Receiver::new(&user.user.id, identifier);
    trail.messages.push(message(realm, caller, kind, &to, None));
}

/// Leaves a message about a change that is already made, as [`leave`] does. A failure to read the user costs the
/// message, and must not fail the use case.
pub(super) async fn tell(realm: &Realm, caller: &Caller, user_id: &str, kind: MessageKind, trail: &mut Trail) {
    if realm.config.messages.is_none() {
        return;
    }
    if let Ok(Some(user)) = realm.store.find_user(user_id).await {
        leave(realm, caller, &user, kind, trail);
    }
}

/// Returns the message to an address without an account, after a request for such an account. Returns `None` if the
/// option `messages.unknownAccount` is off, or the text can't be the address of an account.
pub(super) fn to_nobody(realm: &Realm, caller: &Caller, given: &str) -> Option<Message> {
    let is_on = realm.config.messages.as_ref().is_some_and(|rules| rules.unknown_account);
    let (kind, normalized) = realm.config.identifiers.addressee(given).filter(|_| is_on)?;
    let (id, kind, value) = (String::new(), kind.to_owned(), normalized.clone());
    let identifier = Identifier { id, kind, value, normalized, verified_at: None };
    Some(message(
        realm,
        caller,
        MessageKind::UnknownAccount,
        &Receiver { user_id: None, identifier: &identifier },
        None,
    ))
}

/// The address of a user who logs in on an unknown device. It is read before the session is opened, so that no later
/// failure can prevent the message.
pub(super) struct NewSignIn(Option<(String, Identifier)>);

impl NewSignIn {
    /// Prepares the message about a session that is about to be opened. There is none if the device is known or the
    /// application opens the session.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) async fn before(realm: &Realm, caller: &Caller, user: &Authenticated) -> Result<Self, Failure> {
        if !device::tells_of_sign_ins(realm) || user.is_by_host() || device::is_known(caller, user) {
            return Ok(Self(None));
        }
        // A user who takes over an account has just proved the only address that remains.
        if let Some(Unspent::Sent(Spending { takes_over: true, proves: Some(proved), .. })) = user.expected().unspent {
            return Ok(Self(Some((user.user_id().to_owned(), proved.clone()))));
        }
        let user = realm.store.find_user(user.user_id()).await?;
        Ok(Self(user.and_then(|user| Some((user.user.id.clone(), oldest_address(&user)?.clone())))))
    }

    /// Leaves the message after the session is opened. A limit per hour and user restrains clients that keep no
    /// cookies. There is no limit per minute, since a login of the user could then hide a login of somebody else.
    pub(super) async fn leave(self, realm: &Realm, caller: &Caller, trail: &mut Trail) {
        let (Some((user_id, identifier)), Some(rules)) = (self.0, &realm.config.messages) else { return };
        let verdict = realm.cache.hit(&limit::sign_in_messages(&user_id), rules.limits.hour).await;
        if matches!(verdict, LimitVerdict::Granted { .. }) {
            let to = Receiver::new(&user_id, &identifier);
            trail.messages.push(message(realm, caller, MessageKind::NewSignIn, &to, None));
        }
    }
}

/// Leaves a message to every address of a user that was verified before a change of those addresses.
pub(super) fn leave_change(realm: &Realm, caller: &Caller, before: &UserWithIdentifiers, trail: &mut Trail) {
    if realm.config.messages.is_none() {
        return;
    }
    for identifier in before.identifiers.iter().filter(|one| is_address(one) && one.verified_at.is_some()) {
        let to = Receiver::new(&before.user.id, identifier);
        trail.messages.push(message(realm, caller, MessageKind::ChangeNotice, &to, None));
    }
}
