//! The budgets of failed logins from known devices.

use std::time::Duration;

use super::{Budget, key};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Failed logins of a user under the nonce of a device cookie. A cookie whose nonce has spent them counts as no cookie,
/// as long as the bucket is kept.
pub const DEVICE: Budget = Budget { limit: 10, window: DAY.saturating_mul(30) };

/// Failed logins of a user from all known devices together. An attacker who once knew the password could have collected
/// thousands of nonces, which stay valid after a change of the password.
pub const DEVICES_OF_USER: Budget = Budget { limit: 100, window: DAY };

/// Returns the bucket of failed logins under the nonce of a device cookie.
#[must_use]
pub fn device_nonce(nonce: &str) -> String {
    key("device:nonce", nonce)
}

/// Returns the bucket of failed logins of a user from all known devices, by the user's id.
#[must_use]
pub fn devices_of_user(user_id: &str) -> String {
    key("device:user", user_id)
}
