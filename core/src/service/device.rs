//! Guesses from a device that a user is known on. They have budgets of their own, which strangers can't spend.

use super::attempt::{Attempts, Guess, WRONG};
use super::{Caller, Realm};
use crate::clock::Millis;
use crate::crypto::make_random;
use crate::limit;
use crate::token::device::{self, MAX_AGE_SECONDS, MAX_USERS};

/// The most nonces of one user that are tried for one guess; each is a look at a bucket.
const MAX_TRIED: usize = MAX_USERS;

/// Takes places in the budgets of a device that the caller presents for this user. `false`: no device is presented for
/// the user, its nonce is void, or all devices of the user together have spent their budget; then the guess counts as
/// one from anywhere.
///
/// A right guess gives its places back and clears nothing: the completed login gives the device a new nonce, and a
/// thief's copy of the old one has no more attempts than it had.
pub(super) async fn begin(realm: &Realm, attempts: &mut Attempts<'_>, caller: &Caller, user_id: &str) -> bool {
    if caller.devices.is_empty() {
        return false;
    }
    let digest = digest_of(realm, user_id);
    for nonce in device::nonces_of(&caller.devices, &digest).take(MAX_TRIED) {
        if attempts.begin_if_free(&limit::device_nonce(nonce), limit::DEVICE, WRONG).await {
            let all = limit::devices_of_user(user_id);
            if attempts.begin_if_free(&all, limit::DEVICES_OF_USER, WRONG).await {
                return true;
            }
            attempts.settle(Guess::Unknown).await;
            return false;
        }
    }
    false
}

/// A device token for the caller's device after a completed login of the user, and the seconds for which it is good.
/// `None` while there are no keys.
#[must_use]
pub fn issue(realm: &Realm, caller: &Caller, user_id: &str, now: Millis) -> Option<(String, u64)> {
    let nonce = device::encode_nonce(make_random());
    let users = device::renew(&caller.devices, &digest_of(realm, user_id), nonce, super::sessions::seconds(now));
    let token = realm.keys.get()?.sign_device(&users, now).ok()?;
    Some((token, MAX_AGE_SECONDS.unsigned_abs()))
}

fn digest_of(realm: &Realm, user_id: &str) -> String {
    device::user_digest(realm.config.claims.issuer.as_deref(), user_id)
}
