//! The keys of a server. A ring is immutable; its owner replaces it as a whole.

use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::claims::{AccessClaims, AccessView, ClaimRules, parse_access_ignoring_expiry, view_access};
use super::device::{self, derive_device_key};
use super::jws::{self, ExpectedType, Verified};
use super::key::{KeyError, SigningKey, VerifyingKey};
use super::refresh::{self, RefreshClaims, derive_refresh_key, parse_refresh};
use super::{Reason, TokenError};
use crate::clock::Millis;
use crate::crypto::{Secret, derive_key};

mod beside;
mod making;

pub use beside::AuditDigests;

/// The `typ` of access tokens.
pub const ACCESS_TYPE: &str = "JWT";

const CODES: &[u8] = b"sentri message code v1";

const ACCESS: ExpectedType = ExpectedType::OrAbsent(ACCESS_TYPE);
const REFRESH: ExpectedType = ExpectedType::Exactly(refresh::TYPE);

/// The keys that sign and verify, newest first.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<RingKey>,
}

#[derive(Debug)]
struct RingKey {
    signing: SigningKey,
    verifying: VerifyingKey,
    refresh_signing: SigningKey,
    refresh_verifying: VerifyingKey,
    device_signing: SigningKey,
    device_verifying: VerifyingKey,
    /// The key of the digests of codes in messages.
    codes: Secret<[u8; 32]>,
    active_from: Millis,
    retired_at: Option<Millis>,
}

impl RingKey {
    fn new(signing: SigningKey, active_from: Millis, retired_at: Option<Millis>) -> Result<Self, KeyError> {
        let verifying = signing.verifying_key()?.with_type(ACCESS_TYPE);
        let refresh_signing = derive_refresh_key(&signing)?;
        let refresh_verifying = refresh_signing.verifying_key()?.with_type(refresh::TYPE);
        let device_signing = derive_device_key(&signing)?;
        let device_verifying = device_signing.verifying_key()?.with_type(device::TYPE);
        let codes = derive_key(signing.private_bytes().expose(), CODES);
        Ok(Self {
            signing,
            verifying,
            refresh_signing,
            refresh_verifying,
            device_signing,
            device_verifying,
            codes,
            active_from,
            retired_at,
        })
    }
}

impl KeyRing {
    /// Returns the newest key that is active at `now`. If no key is active yet, since another process made the first
    /// key by a fast clock, it returns the key that becomes active first.
    fn signing_key(&self, now: Millis) -> Result<&RingKey, TokenError> {
        self.keys
            .iter()
            .find(|key| key.active_from <= now)
            .or(self.keys.last())
            .ok_or(TokenError::Invalid(Reason::Unsignable))
    }

    /// Signs an access token.
    ///
    /// # Errors
    /// `Invalid` if the claims make the token longer than 8 KiB.
    pub fn sign_access(&self, claims: &AccessClaims, now: Millis) -> Result<String, TokenError> {
        let key = self.signing_key(now)?;
        let payload = serde_json::to_vec(claims).map_err(|_| TokenError::Invalid(Reason::Unsignable))?;
        jws::sign_under_header(&payload, key.verifying.header(), &key.signing)
    }

    /// Verifies an access token with any key of the ring.
    ///
    /// # Errors
    /// `Expired` or `Invalid`.
    pub fn verify_access(&self, token: &str, rules: &ClaimRules, now: Millis) -> Result<AccessClaims, TokenError> {
        self.verify_access_with(token, rules, now, |claims| claims.into())
    }

    /// Verifies an access token as [`KeyRing::verify_access`] does, without copying its claims. `read` converts the
    /// claims for the caller.
    ///
    /// # Errors
    /// `Expired` or `Invalid`.
    pub fn verify_access_with<T>(
        &self,
        token: &str,
        rules: &ClaimRules,
        now: Millis,
        read: impl FnOnce(AccessView<'_>) -> T,
    ) -> Result<T, TokenError> {
        view_access(&self.open_access(token)?.payload, rules, now).map(read)
    }

    /// Verifies an access token as [`KeyRing::verify_access`] does, and returns whether it is expired instead of an
    /// error for that. Silent refresh needs the claims of expired tokens.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn verify_access_ignoring_expiry(
        &self,
        token: &str,
        rules: &ClaimRules,
        now: Millis,
    ) -> Result<(AccessClaims, bool), TokenError> {
        parse_access_ignoring_expiry(&self.open_access(token)?.payload, rules, now)
    }

    fn open_access(&self, token: &str) -> Result<Verified<'_>, TokenError> {
        jws::verify(token, self.keys.iter().map(|key| &key.verifying), ACCESS)
    }

    /// Signs a refresh token for `generation` of a session, valid from `iat` until `exp`, both in seconds.
    ///
    /// # Errors
    /// `Invalid` if the session id makes the token longer than 8 KiB.
    pub fn sign_refresh(
        &self,
        session_id: &str,
        generation: i64,
        iat: i64,
        exp: i64,
        now: Millis,
    ) -> Result<String, TokenError> {
        let key = self.signing_key(now)?;
        let claims = RefreshClaims { session_id: session_id.to_owned(), generation, iat, exp };
        let payload = serde_json::to_vec(&claims).map_err(|_| TokenError::Invalid(Reason::Unsignable))?;
        jws::sign_under_header(&payload, key.refresh_verifying.header(), &key.refresh_signing)
    }

    /// Verifies a refresh token with any key of the ring.
    ///
    /// # Errors
    /// `Expired` or `Invalid`.
    pub fn verify_refresh(&self, token: &str, now: Millis) -> Result<RefreshClaims, TokenError> {
        let verified = jws::verify(token, self.keys.iter().map(|key| &key.refresh_verifying), REFRESH)?;
        parse_refresh(&verified.payload, now)
    }

    /// Returns the JWK set (RFC 7517, 5) to publish. It has the future keys, the present key, and the keys that were
    /// retired less than `publish_for` milliseconds ago. `None`: the key is a shared secret.
    #[must_use]
    pub fn jwks(&self, now: Millis, publish_for: Millis) -> Option<Value> {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .filter(|key| key.retired_at.is_none_or(|at| at.saturating_add(publish_for) > now))
            .filter_map(|key| key.signing.public_jwk())
            .collect();
        if keys.is_empty() { None } else { Some(json!({ "keys": keys })) }
    }

    /// Whether a key with this `kid` is in the ring.
    #[must_use]
    pub fn knows_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.signing.kid() == Some(kid))
    }

    /// Returns the `kid` of each key in the ring.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.signing.kid())
    }

    /// Returns the `kid` of the key that signs at `now`. `None`: the key is a shared secret.
    #[must_use]
    pub fn signing_kid(&self, now: Millis) -> Option<&str> {
        self.signing_key(now).ok()?.signing.kid()
    }

    /// Returns the instant at which the key that signs at `now` began to sign. `None`: the key is that of the option
    /// `secret`, which has no beginning.
    #[must_use]
    pub fn signing_since(&self, now: Millis) -> Option<Millis> {
        self.signing_key(now).ok().map(|key| key.active_from).filter(|from| *from != Millis::MIN)
    }

    /// Returns the algorithm that signs access tokens at `now`.
    #[must_use]
    pub fn signing_algorithm(&self, now: Millis) -> Option<Algorithm> {
        self.signing_key(now).ok().map(|key| key.signing.algorithm())
    }

    /// Returns the `kid` that a token claims, without verifying it ([`jws::kid_of`]).
    #[must_use]
    pub fn kid_of(token: &str) -> Option<String> {
        jws::kid_of(token)
    }
}
