//! Device tokens list the users who completed a login in a browser, each with a nonce ("device cookies" of OWASP, Slow
//! Down Online Guessing Attacks with Device Cookies).
//!
//! A device token authenticates no user. For the users in it, failed logins are counted by the nonce instead of by
//! account, spelling and address, so that attackers who lock an account out don't lock out its owner's browser. A
//! completed login of a user replaces the nonce of that user alone. So neither the right password of another account
//! nor a further user on the same device gives a spent nonce new attempts.

use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::json::object_text;
use super::key::{KeyError, SigningKey};
use super::{Reason, TokenError};
use crate::clock::Millis;
use crate::crypto::{derive_key, to_base64url};

/// The `typ` of device tokens.
pub const TYPE: &str = "device+jwt";

/// The most users of a device. A further login drops the user whose login is the oldest.
pub const MAX_USERS: usize = 5;

/// Seconds for which a device stays known after a login. People who come back once a year are recognized, and browsers
/// keep no cookie longer than 400 days (RFC 6265bis, 5.5).
pub const MAX_AGE_SECONDS: i64 = 365 * 24 * 60 * 60;

/// The longest token that is made or read, in bytes, which is half of what browsers keep of a cookie. A token of five
/// users has about 900 bytes.
pub const MAX_TOKEN_BYTES: usize = 2_048;

const PURPOSE: &[u8] = b"sentri device token v1";

/// The most seconds by which the clocks of two processes may differ.
const CLOCK_SKEW_SECONDS: i64 = 60;

const NONCE_CHARACTERS: usize = 22;

/// A user of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceUser {
    /// The user's id.
    pub id: String,
    /// The nonce of the user's last login on this device: 16 random bytes in base64url.
    pub nonce: String,
    /// The time at which that login was completed, in seconds since 1970.
    pub iat: i64,
    /// The user's `auth_epoch` after that login, if users are notified of logins by other devices
    /// (`messages.newSignIn`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
}

/// The payload of a device token.
#[derive(Serialize)]
struct Claims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    users: &'a [DeviceUser],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    iss: Option<String>,
    users: Vec<DeviceUser>,
}

/// Derives the key for device tokens from the key for access tokens. It has the same `kid`.
///
/// # Errors
/// None in practice, since a derived key is never empty.
pub fn derive_device_key(key: &SigningKey) -> Result<SigningKey, KeyError> {
    let derived = derive_key(key.private_bytes().expose(), PURPOSE);
    Ok(SigningKey::from_secret(derived.expose(), Algorithm::Hs256)?.with_kid(key.kid().map(str::to_owned)))
}

/// Encodes a nonce of 16 random bytes, as tokens carry it.
#[must_use]
pub fn encode_nonce(random: [u8; 16]) -> String {
    to_base64url(&random)
}

/// Writes the payload that lists `users`. It names the issuer, so that services with the same secret and different
/// issuers refuse each other's tokens.
///
/// # Errors
/// None in practice, since the members are texts and numbers.
pub(super) fn write_device(users: &[DeviceUser], issuer: Option<&str>) -> Result<Vec<u8>, TokenError> {
    serde_json::to_vec(&Claims { iss: issuer, users }).map_err(|_| TokenError::Invalid(Reason::Unsignable))
}

/// Reads a verified payload, and returns the users whose login is at most [`MAX_AGE_SECONDS`] old.
///
/// # Errors
/// `Expired` if no such user is left. `Invalid` if the payload lists no user or more than [`MAX_USERS`], names another
/// issuer, or is malformed.
pub fn parse_device(payload: &[u8], issuer: Option<&str>, now: Millis) -> Result<Vec<DeviceUser>, TokenError> {
    const MALFORMED: TokenError = TokenError::Invalid(Reason::Malformed);
    let raw: Raw = serde_json::from_str(object_text(payload).ok_or(MALFORMED)?).map_err(|_| MALFORMED)?;
    let mut users = raw.users;
    let is_whole = |one: &DeviceUser| !one.id.is_empty() && one.nonce.len() == NONCE_CHARACTERS && one.iat >= 0;
    if !(1..=MAX_USERS).contains(&users.len()) || !users.iter().all(is_whole) {
        return Err(MALFORMED);
    }
    if raw.iss.as_deref() != issuer {
        return Err(TokenError::Invalid(Reason::Issuer));
    }
    let now = now.div_euclid(1000);
    // A login in the future was recorded by a wrong clock, and its nonce must not live longer for that.
    let has_begun = |one: &DeviceUser| one.iat <= now.saturating_add(CLOCK_SKEW_SECONDS);
    users.retain(|one| has_begun(one) && now < one.iat.saturating_add(MAX_AGE_SECONDS));
    if users.is_empty() { Err(TokenError::Expired) } else { Ok(users) }
}

/// Merges the users of all device tokens of a request, the latest login first. A browser sends several tokens if a
/// neighbouring site has planted some, or if the cookie's domain was changed. Each of them counts.
#[must_use]
pub fn merge(tokens: impl Iterator<Item = Vec<DeviceUser>>) -> Vec<DeviceUser> {
    let mut merged: Vec<DeviceUser> = Vec::new();
    for user in tokens.flatten() {
        if !merged.contains(&user) {
            merged.push(user);
        }
    }
    merged.sort_by_key(|user| std::cmp::Reverse(user.iat));
    merged
}

/// Returns the ids of the users of a device without repetitions, at most the [`MAX_USERS`] with the latest logins.
#[must_use]
pub fn ids_of(users: &[DeviceUser]) -> Vec<&str> {
    let mut ids: Vec<&str> = Vec::new();
    for user in users {
        if ids.len() < MAX_USERS && !ids.contains(&user.id.as_str()) {
            ids.push(&user.id);
        }
    }
    ids
}

/// Returns the nonces of a user on the device, the latest first.
pub fn nonces_of<'a>(users: &'a [DeviceUser], user_id: &'a str) -> impl Iterator<Item = &'a str> {
    users.iter().filter(move |one| one.id == user_id).map(|one| one.nonce.as_str())
}

/// Returns the users of a device after a completed login: `latest` first, then the others with their nonces, at most
/// [`MAX_USERS`] in total. `users` are in the order of [`merge`].
#[must_use]
pub fn renew(users: &[DeviceUser], latest: DeviceUser) -> Vec<DeviceUser> {
    let mut renewed = vec![latest];
    for user in users {
        if renewed.len() < MAX_USERS && renewed.iter().all(|known| known.id != user.id) {
            renewed.push(user.clone());
        }
    }
    renewed
}
