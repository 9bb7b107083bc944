//! How large roles make an access token: verifiers read no token beyond a limit, and browsers keep no cookie beyond another.

use super::{Realm, sessions};
use crate::error::Error;
use crate::token::jws::MAX_TOKEN_BYTES;

/// The longest `Set-Cookie` value that browsers are sure to keep (RFC 6265, 6.1).
pub const MAX_COOKIE_BYTES: usize = 4_096;

/// Whether a token with these roles has a place, before they are given to anybody. While the keys are not there, nobody can say.
///
/// # Errors
/// `VALIDATION_ERROR` naming the size.
pub fn check_roles(realm: &Realm, roles: &[String]) -> Result<(), Error> {
    let now = realm.now();
    let (id, session) = (crate::crypto::make_id(), crate::crypto::make_id());
    // An empty one tells what all but the roles takes.
    let Ok(token) = sessions::sign_access(realm, &id, &[], Some(&session), now, now) else { return Ok(()) };
    let listed: usize = roles.iter().map(|role| role.len() + 3).sum();
    // Four characters of Base64 stand for three bytes; the part is at most three characters longer than that.
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

/// The refusal of a token that is too large to be signed.
#[must_use]
pub fn too_large(roles: &[String]) -> Error {
    let size: usize = roles.iter().map(|role| role.len() + 3).sum::<usize>() * 4 / 3;
    let message = format!(
        "id and roles make an access token of more than {MAX_TOKEN_BYTES} bytes, the roles {size} of them: give fewer roles"
    );
    Error::validation("roles", message)
}
