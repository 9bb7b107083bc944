//! The budgets of guesses from devices that a user is known on.

use std::time::Duration;

use super::{Budget, key};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Failed logins of one user under one nonce of a device. A nonce that has spent them is void: as long as its bucket is
/// kept, it counts as no cookie at all.
pub const DEVICE: Budget = Budget { limit: 10, window: DAY.saturating_mul(30) };

/// Failed logins of one user from all devices together. Whoever knew the password could have collected nonces by the
/// thousand, and a change of the password leaves them.
pub const DEVICES_OF_USER: Budget = Budget { limit: 100, window: DAY };

/// The bucket of failed logins under one nonce of a device.
#[must_use]
pub fn device_nonce(nonce: &str) -> String {
    key("device:nonce", nonce)
}

/// The bucket of failed logins of one user from all devices, by the user's id.
#[must_use]
pub fn devices_of_user(user_id: &str) -> String {
    key("device:user", user_id)
}
