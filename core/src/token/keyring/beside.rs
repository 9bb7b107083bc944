//! Other uses of the keys: device tokens, and digests of codes, spellings and identifiers.

use super::{KeyRing, RingKey};
use crate::audit::identifier_digest;
use crate::clock::Millis;
use crate::flow::{code_digest, is_same_digest, setup_token, spelling_digest};
use crate::store::model::Flow;
use crate::token::device::{self, DeviceUser, parse_device, write_device};
use crate::token::jws::{self, ExpectedType};
use crate::token::{Reason, TokenError};

const DEVICE: ExpectedType = ExpectedType::Exactly(device::TYPE);

impl KeyRing {
    /// Signs a device token that lists `users`. If their ids are too long for a cookie, the last users are left out.
    ///
    /// # Errors
    /// `Invalid` if the key can't sign, or if not even the first user fits.
    pub fn sign_device(&self, users: &[DeviceUser], issuer: Option<&str>, now: Millis) -> Result<String, TokenError> {
        let key = self.signing_key(now)?;
        for most in (1..=users.len()).rev() {
            let payload = write_device(&users[..most], issuer)?;
            let token = jws::sign_under_header(&payload, key.device_verifying.header(), &key.device_signing)?;
            if token.len() <= device::MAX_TOKEN_BYTES {
                return Ok(token);
            }
        }
        Err(TokenError::Invalid(Reason::Unsignable))
    }

    /// Verifies a device token with any key of the ring, and returns the users for whom it is still valid.
    ///
    /// # Errors
    /// `Expired` or `Invalid`.
    pub fn verify_device(&self, token: &str, issuer: Option<&str>, now: Millis) -> Result<Vec<DeviceUser>, TokenError> {
        if token.len() > device::MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid(Reason::Malformed));
        }
        let verified = jws::verify(token, self.keys.iter().map(|key| &key.device_verifying), DEVICE)?;
        parse_device(&verified.payload, issuer, now)
    }

    /// Returns the digest of `code` for a flow, under the key that signs at `now`, and the `kid` of that key, which may
    /// be empty.
    ///
    /// # Errors
    /// `Invalid` if there is no key.
    pub fn digest_code(&self, flow: &Flow, code: &str, now: Millis) -> Result<(String, String), TokenError> {
        let key = self.signing_key(now)?;
        let digest = code_digest(key.codes.expose(), &flow.purpose, &flow.id, &flow.subject, code);
        Ok((digest, key.signing.kid().unwrap_or_default().to_owned()))
    }

    /// Returns the digest of a normal form ([`spelling_digest`]), under the key that signs at `now`.
    ///
    /// # Errors
    /// `Invalid` if there is no key.
    pub fn digest_spelling(&self, normalized: &str, now: Millis) -> Result<String, TokenError> {
        Ok(spelling_digest(self.signing_key(now)?.codes.expose(), normalized))
    }

    /// Returns the means to make digests of identifiers for the audit, under the key that signs at `now`.
    ///
    /// # Errors
    /// `Invalid` if there is no key.
    pub fn audit_digests(&self, now: Millis) -> Result<AuditDigests<'_>, TokenError> {
        Ok(AuditDigests { key: self.signing_key(now)? })
    }

    /// Returns the token of the set-up, derived from `nonce` under the key that signs at `now`, and the `kid` of that
    /// key, which may be empty.
    ///
    /// # Errors
    /// `Invalid` if there is no key.
    pub fn make_setup_token(&self, nonce: &str, now: Millis) -> Result<(String, String), TokenError> {
        let key = self.signing_key(now)?;
        Ok((setup_token(key.codes.expose(), nonce), key.signing.kid().unwrap_or_default().to_owned()))
    }

    /// Returns the token of the set-up that was derived from `nonce` under the key `kid`. `None`: the key is not in the
    /// ring.
    #[must_use]
    pub fn setup_token(&self, nonce: &str, kid: &str) -> Option<String> {
        let key = self.keys.iter().find(|key| key.signing.kid().unwrap_or_default() == kid)?;
        Some(setup_token(key.codes.expose(), nonce))
    }

    /// Whether `code` is the code of the flow. If the key of the flow's digest is no longer in the ring, no code is
    /// right.
    #[must_use]
    pub fn is_code_of(&self, flow: &Flow, code: &str) -> bool {
        let Some(kept) = &flow.code else { return false };
        let key = self.keys.iter().find(|key| key.signing.kid().unwrap_or_default() == kept.kid);
        key.is_some_and(|key| {
            let presented = code_digest(key.codes.expose(), &flow.purpose, &flow.id, &flow.subject, code);
            is_same_digest(&kept.digest, &presented)
        })
    }
}

/// Makes digests of identifiers for the audit, under one key.
#[derive(Debug)]
pub struct AuditDigests<'a> {
    key: &'a RingKey,
}

impl AuditDigests<'_> {
    /// Returns the `kid` of the key, which may be empty.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.key.signing.kid().unwrap_or_default()
    }

    /// Returns the digest of a normal form ([`identifier_digest`]).
    #[must_use]
    pub fn digest(&self, normalized: &str) -> String {
        identifier_digest(self.key.codes.expose(), normalized)
    }
}
