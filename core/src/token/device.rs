//! Device tokens: the users that completed a login in one browser, each with a nonce ("device cookies" of OWASP, Slow
//! Down Online Guessing Attacks with Device Cookies).
//!
//! A device token authenticates no user. It names the users whose guesses are counted by the device instead of by
//! account, spelling and address, so that attackers who lock an account out don't lock out its owner's browser. Each
//! user has a nonce of its own, and every completed login of a user replaces that user's nonce alone: neither the right
//! password of another account nor one more user on the same device gives a spent nonce new attempts.

use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::json::object_text;
use super::key::{KeyError, SigningKey};
use super::{Reason, TokenError};
use crate::clock::Millis;
use crate::crypto::{derive_key, to_base64url};

/// The `typ` of device tokens.
pub const TYPE: &str = "device+jwt";

/// The most users who are known on a device. A further login drops the user whose login is longest ago.
pub const MAX_USERS: usize = 5;

/// Seconds for which a device stays known after a login. People who come back once a year are recognized, and browsers
/// keep no cookie longer than 400 days (RFC 6265bis, 5.5).
pub const MAX_AGE_SECONDS: i64 = 365 * 24 * 60 * 60;

/// Longest token that is made or looked at: half of what browsers keep of a cookie. One of five users has about 900
/// bytes.
pub const MAX_TOKEN_BYTES: usize = 2_048;

const PURPOSE: &[u8] = b"sentri device token v1";

/// The seconds by which the clocks of two processes may differ.
const CLOCK_SKEW_SECONDS: i64 = 60;

const NONCE_CHARACTERS: usize = 22;

/// One user of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceUser {
    /// The user's id.
    pub id: String,
    /// The nonce of the user's last login on this device: 16 random bytes in base64url.
    pub nonce: String,
    /// The time at which that login completed, in seconds since 1970.
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

/// The key that signs the device tokens that go with the access tokens of `key`; it has the same `kid`.
///
/// # Errors
/// None in practice: a derived key is never empty.
pub fn derive_device_key(key: &SigningKey) -> Result<SigningKey, KeyError> {
    let derived = derive_key(key.private_bytes().expose(), PURPOSE);
    Ok(SigningKey::from_secret(derived.expose(), Algorithm::Hs256)?.with_kid(key.kid().map(str::to_owned)))
}

/// The nonce of 16 random bytes as tokens carry it.
#[must_use]
pub fn encode_nonce(random: [u8; 16]) -> String {
    to_base64url(&random)
}

/// The payload that names `users`. Services with one secret and different issuers don't take each other's.
///
/// # Errors
/// None in practice: the members are texts and numbers.
pub(super) fn write_device(users: &[DeviceUser], issuer: Option<&str>) -> Result<Vec<u8>, TokenError> {
    serde_json::to_vec(&Claims { iss: issuer, users }).map_err(|_| TokenError::Invalid(Reason::Unsignable))
}

/// Reads verified `payload`: the users whose login is no longer ago than [`MAX_AGE_SECONDS`].
///
/// # Errors
/// `Expired` when all users are, `Invalid` when it names none, more than [`MAX_USERS`], another issuer, or is in
/// another form.
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
    // A login that lies ahead was noted by a clock that was put right since, and a nonce must not live longer for it.
    let has_begun = |one: &DeviceUser| one.iat <= now.saturating_add(CLOCK_SKEW_SECONDS);
    users.retain(|one| has_begun(one) && now < one.iat.saturating_add(MAX_AGE_SECONDS));
    if users.is_empty() { Err(TokenError::Expired) } else { Ok(users) }
}

/// The users of all device tokens of a request, the latest login first. A browser sends several tokens when a
/// neighbouring site planted some, or when the cookie's domain was changed; each counts for itself.
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

/// The ids of the users that the device is known for, each once: the [`MAX_USERS`] whose login is the latest.
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

/// The nonces under which the device is known for the user, the latest first.
pub fn nonces_of<'a>(users: &'a [DeviceUser], user_id: &'a str) -> impl Iterator<Item = &'a str> {
    users.iter().filter(move |one| one.id == user_id).map(|one| one.nonce.as_str())
}

/// The users of the device after a completed login of one of them: `latest` first, then the others with their nonces,
/// [`MAX_USERS`] in all. `users` are in the order of [`merge`].
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
