//! The keys of a server at one moment. A ring never changes: its owner swaps it whole.

use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::claims::{AccessClaims, AccessView, ClaimRules, parse_access_ignoring_expiry, view_access};
use super::device::{self, DeviceUser, derive_device_key, parse_device, write_device};
use super::foreign::recognize;
use super::jws::{self, ExpectedType, Verified};
use super::key::{KeyError, SigningKey, VerifyingKey};
use super::pem::looks_like_pem;
use super::refresh::{self, RefreshClaims, derive_refresh_key, parse_refresh};
use super::wrap::{WrappingKey, is_wrapped};
use super::{Reason, TokenError};
use crate::clock::Millis;
use crate::error::Error;
use crate::store::model::StoredKey;

/// The `typ` of access tokens.
pub const ACCESS_TYPE: &str = "JWT";

const ACCESS: ExpectedType = ExpectedType::OrAbsent(ACCESS_TYPE);
const REFRESH: ExpectedType = ExpectedType::Exactly(refresh::TYPE);
const DEVICE: ExpectedType = ExpectedType::Exactly(device::TYPE);

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
        Ok(Self {
            signing,
            verifying,
            refresh_signing,
            refresh_verifying,
            device_signing,
            device_verifying,
            active_from,
            retired_at,
        })
    }
}

impl KeyRing {
    /// The ring of one key for the options `secret` and `algorithm`. A PEM private key means RS256, ES256, ES384 or
    /// `EdDSA` by its type, in base64 too; anything else HS256, unless `algorithm` says otherwise.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming the option: a path, a key in a form that is not read, empty, unreadable, weak, or not fitting the algorithm.
    pub fn from_secret(secret: impl AsRef<[u8]>, algorithm: Option<Algorithm>) -> Result<Self, Error> {
        let secret = secret.as_ref();
        let is_pem = std::str::from_utf8(secret).is_ok_and(looks_like_pem);
        // What is PEM already is not asked for other forms.
        let unpacked = if is_pem { None } else { recognize(secret).map_err(|error| about_secret(error, None))? };
        let secret = unpacked.as_ref().map_or(secret, |pem| pem.as_bytes());
        let key = if let Some(pem) = std::str::from_utf8(secret).ok().filter(|text| looks_like_pem(text)) {
            if algorithm.is_some_and(Algorithm::is_symmetric) {
                // A PEM as an HMAC secret is guessable wherever its public half is published.
                return Err(Error::configuration(
                    "algorithm: HS256, HS384 and HS512 need a plain secret, but `secret` is a PEM key; leave `algorithm` out",
                ));
            }
            SigningKey::from_pem(pem, algorithm)
        } else {
            let algorithm = algorithm.unwrap_or(Algorithm::Hs256);
            if !algorithm.is_symmetric() {
                return Err(Error::configuration(format!(
                    "algorithm: {algorithm} needs `secret` to be a PEM private key; leave `secret` out to have keys made and stored"
                )));
            }
            SigningKey::from_secret(secret, algorithm)
        };
        Self::from_signing_key(key.map_err(|error| about_secret(error, algorithm))?)
    }

    /// The ring of one key, active since ever.
    ///
    /// # Errors
    /// None in practice.
    pub fn from_signing_key(key: SigningKey) -> Result<Self, Error> {
        let key = RingKey::new(key, Millis::MIN, None).map_err(|error| about_secret(error, None))?;
        Ok(Self { keys: vec![key] })
    }

    /// The ring of all stored keys, whatever their age: who deletes a row ends its tokens. Wrapped keys are unwrapped
    /// with `wrapping`; keys stored in clear before `keys.encryptionKey` was set still work.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR`: no key at all, a key that is damaged, wrapped under another encryption key, or stored
    /// under a kid that is not its thumbprint.
    pub fn from_stored(stored: &[StoredKey], wrapping: Option<&WrappingKey>) -> Result<Self, Error> {
        let mut keys = stored.iter().map(|row| from_row(row, wrapping)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(Error::configuration("keys: none is stored"));
        }
        keys.sort_by(|a, b| b.active_from.cmp(&a.active_from).then_with(|| b.signing.kid().cmp(&a.signing.kid())));
        Ok(Self { keys })
    }

    /// The newest key that is active at `now`. When all are still to come (another process made the first one by a
    /// clock that runs ahead), the one that comes first.
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
    /// `Invalid` when the claims make it longer than 8 KiB.
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

    /// [`KeyRing::verify_access`] that copies nothing: `read` makes what the caller wants of the claims.
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

    /// [`KeyRing::verify_access`] for silent refresh: the claims, and whether they are expired.
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
    /// `Invalid` when the session id makes it longer than 8 KiB.
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

    /// Signs a device token that names `users`, without the last ones where their ids are too long for a cookie.
    ///
    /// # Errors
    /// `Invalid` when the key can't sign, or when not even the first of them fits.
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

    /// Verifies a device token with any key of the ring: the users for which it still counts.
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

    /// The JWK set (RFC 7517, 5) to publish: keys to come, the present one, and those retired less than
    /// `publish_for` milliseconds ago. `None` with a shared secret.
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

    /// Whether a key of this name is in the ring.
    #[must_use]
    pub fn knows_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.signing.kid() == Some(kid))
    }

    /// The names of the keys in the ring.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.signing.kid())
    }

    /// The name of the key that signs at `now`; `None` with a shared secret.
    #[must_use]
    pub fn signing_kid(&self, now: Millis) -> Option<&str> {
        self.signing_key(now).ok()?.signing.kid()
    }

    /// The algorithm that signs access tokens at `now`.
    #[must_use]
    pub fn signing_algorithm(&self, now: Millis) -> Option<Algorithm> {
        self.signing_key(now).ok().map(|key| key.signing.algorithm())
    }

    /// The `kid` that a token claims, unverified ([`jws::kid_of`]).
    #[must_use]
    pub fn kid_of(token: &str) -> Option<String> {
        jws::kid_of(token)
    }
}

fn from_row(row: &StoredKey, wrapping: Option<&WrappingKey>) -> Result<RingKey, Error> {
    let about = |reason: &str| Error::configuration(format!("keys: stored key {}: {reason}", row.kid));
    let algorithm = Algorithm::from_name(&row.algorithm).ok_or_else(|| about("unknown algorithm"))?;
    let stored = row.private_key.expose();
    let key = match wrapping {
        _ if !is_wrapped(stored) => SigningKey::from_pem(stored, Some(algorithm)),
        None => return Err(about("it is wrapped: set keys.encryptionKey to what it was when the key was made")),
        Some(wrapping) => {
            let pem = wrapping.unwrap(stored, &row.kid).map_err(|error| about(error.0))?;
            SigningKey::from_pem(pem.expose(), Some(algorithm))
        }
    }
    .map_err(|error| about(error.0))?;
    if key.kid() != Some(row.kid.as_str()) {
        return Err(about("the private key belongs to another kid"));
    }
    RingKey::new(key, row.active_from, row.retired_at).map_err(|error| about(error.0))
}

fn about_secret(error: KeyError, algorithm: Option<Algorithm>) -> Error {
    match algorithm {
        Some(algorithm) => Error::configuration(format!("secret: {error} (algorithm: {algorithm})")),
        None => Error::configuration(format!("secret: {error}")),
    }
}
