//! Bounds the roles of a user by the size of an access token. Verifiers refuse tokens beyond one size, and browsers
//! drop cookies beyond another.

use super::Realm;
use super::access_token::sign;
use crate::assurance::{Assurance, Method};
use crate::error::Error;
use crate::token::jws::MAX_TOKEN_BYTES;
use crate::web::cookie::MAX_COOKIE_BYTES;

/// The claim that lists roles which are withheld until a second factor is presented.
const WITHHELD: &str = "\"withheld\":[],";

/// Checks that an access token with these roles is not too large, before they are given to a user. Any roles pass while
/// the signing keys are not loaded.
///
/// # Errors
/// `VALIDATION_ERROR` with the size and the limit in its message.
pub fn check_roles(realm: &Realm, roles: &[String]) -> Result<(), Error> {
    let now = realm.now();
    let (id, session) = (crate::crypto::make_id(), crate::crypto::make_id());
    let longest = Assurance::of(&Method::ALL, Some(now));
    // A token without roles shows the size of everything else.
    let Ok(token) = sign(realm, &id, &[], Some(&session), Some(longest), now, now) else { return Ok(()) };
    let listed: usize = roles.iter().map(|role| role.len() + 3).sum();
    let is_withheld = roles.iter().any(|role| realm.config.roles.required_for.contains(role));
    let listed = listed + if is_withheld { WITHHELD.len() } else { 0 };
    // In base64 four characters stand for three bytes. The size is rounded up, so it is never too small.
    let size = token.len() + (listed * 4).div_ceil(3);
    let around = realm.config.access_cookie.as_ref().map(|rules| rules.write("", u64::from(u32::MAX)).len());
    let (limit, place) = match around {
        Some(around) => (MAX_COOKIE_BYTES.saturating_sub(around), "the access cookie"),
        None => (MAX_TOKEN_BYTES, "an access token"),
    };
    if size <= limit {
        return Ok(());
    }
    Err(Error::validation(
        "roles",
        format!(
            "roles make an access token of {size} bytes, and {place} has {limit}: give fewer roles or shorter ones"
        ),
    ))
}
