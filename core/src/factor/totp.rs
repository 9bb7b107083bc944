//! Codes of authenticator apps: TOTP with SHA-1, six digits and steps of 30 seconds (RFC 6238, RFC 4226).

use super::base32;
use crate::clock::Millis;
use crate::crypto::{Secret, equal_in_constant_time, hmac_sha1, make_random};

/// Seconds of a step.
pub const PERIOD: i64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// The most time steps by which an app's clock may be wrong, either way (RFC 6238, 5.2).
const WINDOW: i64 = 1;
/// Bytes of a secret, as many as a digest of SHA-1 has (RFC 4226, 4).
const SECRET_BYTES: usize = 20;

/// Makes a secret of 160 random bits, in base32.
#[must_use]
pub fn make_secret() -> Secret<String> {
    let bytes = Secret::new(make_random::<SECRET_BYTES>());
    Secret::new(base32::encode(bytes.expose()))
}

/// Returns the time step that an instant belongs to (RFC 6238, 4.2).
#[must_use]
pub const fn step_at(now: Millis) -> i64 {
    now.div_euclid(1000).div_euclid(PERIOD)
}

/// Returns the code of a secret (its bytes) at a time step (RFC 4226, 5.3).
#[must_use]
pub fn code_at(secret: &[u8], step: i64) -> String {
    let digest = hmac_sha1(secret, &step.to_be_bytes());
    let offset = usize::from(digest[19] & 15);
    let mut number = [0; 4];
    number.copy_from_slice(&digest[offset..offset + 4]);
    let number = u32::from_be_bytes(number) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Finds the time step whose code this is, among the present step and its neighbours. Only steps after `last`, the step
/// that was used last, count, so that no code can be used twice (RFC 6238, 5.2). `None`: the code is wrong or used, or
/// the secret is no base32.
#[must_use]
pub fn find_step(secret: &Secret<String>, code: &str, last: i64, now: Millis) -> Option<i64> {
    let secret = Secret::new(base32::decode(secret.expose())?);
    let present = step_at(now);
    // All steps are computed, so that the time does not reveal how wrong a clock is.
    (present - WINDOW..=present + WINDOW).fold(None, |found, step| {
        let is_code = equal_in_constant_time(code_at(secret.expose(), step).as_bytes(), code.as_bytes());
        found.or((is_code && step > last).then_some(step))
    })
}
