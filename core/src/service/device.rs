//! Guesses from a device on which the user has logged in. They have budgets of their own, which other clients can't
//! spend.

use super::attempt::{Attempts, Guess, INCOMPLETE};
use super::receivers::named;
use super::{Caller, Realm};
use crate::authentication::Proven;
use crate::crypto::make_random;
use crate::failure::Failure;
use crate::identifier::Lookup;
use crate::limit;
use crate::store::model::Credential;
use crate::token::device::{self, DeviceUser, MAX_AGE_SECONDS, MAX_USERS};

/// The most nonces of a user that are tried for a guess. Each costs a look at a bucket.
const MAX_TRIED: usize = MAX_USERS;

/// Returns the credential that the login looks for, if its user has logged in on the caller's device.
///
/// The users of the device are read first, by their ids, and the identifier is looked up only if it belongs to one of
/// them. So the work before the limits depends on the caller's own cookie alone. The time of a refusal does not reveal
/// which identifiers exist to a client with a device of its own.
pub(super) async fn find_own(realm: &Realm, caller: &Caller, lookup: &Lookup) -> Result<Option<Credential>, Failure> {
    let mut is_own = false;
    for id in device::ids_of(&caller.devices) {
        let Some(user) = realm.store.find_user(id).await? else { continue };
        is_own |= named(&user, lookup).is_some();
    }
    if !is_own {
        return Ok(None);
    }
    let credential = realm.store.find_credential(&lookup.normalized, &lookup.exact, &lookup.others).await?;
    Ok(credential.filter(|found| device::nonces_of(&caller.devices, &found.user_id).next().is_some()))
}

/// Takes places in the budgets of a device that the caller presents for this user. Returns `false` if the caller
/// presents no device for the user, if the budgets of its nonces are spent, or if all devices of the user together have
/// spent theirs. The guess then counts as one from an unknown device.
///
/// A right guess gives its places back and clears nothing. The completed login gives the device a new nonce, so a
/// thief's copy of the old nonce gains no attempts.
pub(super) async fn begin(attempts: &mut Attempts<'_>, caller: &Caller, user_id: &str) -> bool {
    for nonce in device::nonces_of(&caller.devices, user_id).take(MAX_TRIED) {
        if attempts.begin_if_free(&limit::device_nonce(nonce), limit::DEVICE, INCOMPLETE).await {
            let all = limit::devices_of_user(user_id);
            if attempts.begin_if_free(&all, limit::DEVICES_OF_USER, INCOMPLETE).await {
                return true;
            }
            attempts.settle(Guess::Unknown).await;
            return false;
        }
    }
    false
}

/// Whether users get a security message about a login on an unknown device.
pub(super) fn tells_of_sign_ins(realm: &Realm) -> bool {
    realm.config.messages.as_ref().is_some_and(|rules| rules.new_sign_in)
}

/// Whether the caller presents a device on which the user has logged in since their credentials changed.
///
/// The budgets outlive a change of credentials, since they grant no access. For a security message the device is
/// unknown after the change. A party that knew the old password, or registered an account that its owner then took
/// over, could have made its own device known.
pub(super) fn is_known(caller: &Caller, user: &Proven) -> bool {
    let is_here = |one: &DeviceUser| one.id == user.user_id() && one.epoch.is_some();
    caller.devices.iter().any(|one| is_here(one) && one.epoch == user.expected().auth_epoch)
}

/// Makes a device token for the caller's device after a completed login of the user. Returns the token and its lifetime
/// in seconds, or `None` while there are no keys.
///
/// # Errors
/// The store's failures, if users are notified of logins by other devices.
pub async fn issue(realm: &Realm, caller: &Caller, user_id: &str) -> Result<Option<(String, u64)>, Failure> {
    let now = realm.now();
    let epoch = if tells_of_sign_ins(realm) {
        realm.store.credential_of(user_id).await?.map(|credential| credential.auth_epoch)
    } else {
        None
    };
    let (id, nonce) = (user_id.to_owned(), device::encode_nonce(make_random()));
    let latest = DeviceUser { id, nonce, iat: super::access_token::seconds(now), epoch };
    let users = device::renew(&caller.devices, latest);
    let token =
        realm.keys.get().and_then(|ring| ring.sign_device(&users, realm.config.claims.issuer.as_deref(), now).ok());
    Ok(token.map(|token| (token, MAX_AGE_SECONDS.unsigned_abs())))
}
