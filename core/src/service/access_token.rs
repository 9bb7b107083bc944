//! Access tokens, signed for sessions and for users that the host names.

use super::Realm;
use crate::access::SessionRoles;
use crate::assurance::Assurance;
use crate::clock::Millis;
use crate::error::Error;
use crate::failure::Failure;
use crate::token::claims::AccessClaims;
use crate::token::jws::MAX_TOKEN_BYTES;
use crate::token::{Reason, TokenError};

/// Signs an access token for a user id (RFC 7519), with `acr`, `amr` and `auth_time` if the server keeps them. The
/// claim `roles` holds those of `roles` that are in effect, and the claim `withheld` holds the others.
///
/// # Errors
/// `SERVICE_UNAVAILABLE` while the signing keys are not loaded; `VALIDATION_ERROR` if id and roles make the token too
/// large.
pub fn sign(
    realm: &Realm,
    user_id: &str,
    roles: &[String],
    session_id: Option<&str>,
    assurance: Option<Assurance>,
    now: Millis,
    expires_at: Millis,
) -> Result<String, Failure> {
    let SessionRoles { in_effect, withheld } = realm.config.roles.in_session(roles.to_vec(), assurance.as_ref());
    let claims = AccessClaims {
        id: user_id.to_owned(),
        roles: in_effect,
        withheld,
        session_id: session_id.map(str::to_owned),
        assurance: assurance.filter(|_| realm.config.keeps_assurance()),
        iat: seconds(now),
        exp: seconds(expires_at),
        iss: realm.config.claims.issuer.clone(),
        aud: realm.config.claims.audience.clone(),
    };
    let signed = realm.keys.require()?.sign_access(&claims, now);
    signed.map_err(|error| match error {
        TokenError::Invalid(Reason::TooLong) => too_large(roles).into(),
        error => Error::from(error).into(),
    })
}

/// Returns the refusal of a token that is too large.
fn too_large(roles: &[String]) -> Error {
    let size: usize = roles.iter().map(|role| role.len() + 3).sum::<usize>() * 4 / 3;
    let message = format!(
        "id and roles make an access token of more than {MAX_TOKEN_BYTES} bytes, the roles {size} of them: give fewer \
         roles"
    );
    Error::validation("roles", message)
}

/// Returns whole seconds since 1970 (`NumericDate`; RFC 7519, 2).
#[must_use]
pub const fn seconds(at: Millis) -> i64 {
    at.div_euclid(1000)
}
