//! The keys of a server at one moment: which of them signs now, which verify, which are published.

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::claims::{self, AccessClaims, ClaimRules};
use super::key::SigningKey;
use super::refresh::{self, RefreshClaims};
use super::{TokenError, jws};
use crate::clock::Millis;
use crate::error::Error;
use crate::store::model::StoredKey;

/// The `typ` of access tokens.
const TYP: &str = "JWT";

#[derive(Debug)]
struct Member {
    key: SigningKey,
    refresh_key: RefreshKey,
    /// The encoded header of its access tokens: made once, compared instead of parsed.
    header: String,
    active_from: Millis,
    retired_at: Option<Millis>,
}

struct RefreshKey(hmac::Key);

impl std::fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshKey(..)")
    }
}

impl Member {
    fn new(key: SigningKey, active_from: Millis, retired_at: Option<Millis>) -> Self {
        let header = jws::encode_header(key.algorithm().as_str(), TYP, key.kid());
        let refresh_key = RefreshKey(key.derive_refresh_key());
        Self { key, refresh_key, header, active_from, retired_at }
    }
}

/// An immutable set of at least one key; its owner swaps it whole. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// Newest first.
    members: Arc<[Member]>,
}

impl KeyRing {
    /// The ring of the option `secret`: a private key in PEM, or any other string as a shared secret (HS256).
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` naming `secret`, without any of its content.
    pub fn from_secret(secret: &str, algorithm: Option<Algorithm>) -> Result<Self, Error> {
        let key = if secret.trim_start().starts_with("-----BEGIN") {
            SigningKey::from_pem(secret, algorithm)
        } else {
            SigningKey::from_secret(secret.as_bytes(), algorithm.unwrap_or(Algorithm::HS256))
        };
        let key = key.map_err(|message| Error::configuration(format!("secret {message}")))?;
        Ok(Self { members: Arc::new([Member::new(key, Millis::MIN, None)]) })
    }

    /// The ring of stored keys, their private keys as PEM.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` when there is none, or one that can't be read.
    pub fn from_stored(stored: &[StoredKey]) -> Result<Self, Error> {
        let mut members = Vec::with_capacity(stored.len());
        for row in stored {
            let unreadable = || Error::configuration(format!("The stored key {} can't be read", row.kid));
            let algorithm = Algorithm::from_name(&row.algorithm).ok_or_else(unreadable)?;
            let key = SigningKey::from_pem(row.private_key.expose(), Some(algorithm)).map_err(|_| unreadable())?;
            members.push(Member::new(key, row.active_from, row.retired_at));
        }
        if members.is_empty() {
            return Err(Error::configuration("There is no stored key: call migrate() once at startup"));
        }
        members.sort_by_key(|member| std::cmp::Reverse(member.active_from));
        Ok(Self { members: members.into() })
    }

    /// The algorithm of the newest key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.members[0].key.algorithm()
    }

    /// The newest key that is active; before the first is, the oldest.
    fn signer(&self, now: Millis) -> &Member {
        let active = self.members.iter().find(|member| member.active_from <= now);
        active.unwrap_or(&self.members[self.members.len() - 1])
    }

    /// Which key signs at `now`; `None` for a shared secret.
    #[must_use]
    pub fn signing_kid(&self, now: Millis) -> Option<&str> {
        self.signer(now).key.kid()
    }

    /// Signs an access token.
    ///
    /// # Errors
    /// `Invalid` when the library refuses.
    pub fn sign_access(&self, claims: &AccessClaims, now: Millis) -> Result<String, TokenError> {
        let member = self.signer(now);
        jws::assemble(&member.header, &claims.to_payload(), |input| member.key.sign(input))
    }

    /// Verifies an access token.
    ///
    /// # Errors
    /// `Expired`, `Invalid`.
    pub fn verify_access(&self, token: &str, rules: &ClaimRules<'_>, now: Millis) -> Result<AccessClaims, TokenError> {
        let parts = jws::split(token)?;
        // A header that one of our keys writes needs no parsing: equal text, equal meaning.
        if let Some(member) = self.members.iter().find(|member| member.header == parts.header) {
            return claims::read_access(&jws::verify_parts(&parts, member.key.verifying())?, rules, now);
        }
        let header = jws::read_header(parts.header)?;
        if !matches!(header.typ.as_deref(), None | Some("JWT" | "jwt" | "at+jwt")) {
            return Err(TokenError::Invalid("not an access token"));
        }
        let payload = self.verify_signature(&parts, &header)?;
        claims::read_access(&payload, rules, now)
    }

    /// Under the key of the token's `kid`; a token without one under any key of its algorithm.
    fn verify_signature(&self, parts: &jws::Parts<'_>, header: &jws::Header) -> Result<Vec<u8>, TokenError> {
        let fits = |member: &&Member| {
            let named = header.kid.is_none() || header.kid.as_deref() == member.key.kid();
            named && header.alg == member.key.algorithm().as_str()
        };
        let mut error = TokenError::Invalid("no key for it");
        for member in self.members.iter().filter(fits) {
            match jws::verify_parts(parts, member.key.verifying()) {
                Ok(payload) => return Ok(payload),
                Err(refused) => error = refused,
            }
        }
        Err(error)
    }

    /// Signs a refresh token; `iat` and `exp` in seconds.
    ///
    /// # Errors
    /// `Invalid` when the library refuses.
    pub fn sign_refresh(
        &self,
        session_id: &str,
        generation: i64,
        iat: i64,
        exp: i64,
        now: Millis,
    ) -> Result<String, TokenError> {
        let member = self.signer(now);
        let claims = RefreshClaims { session_id: session_id.to_owned(), generation, iat, exp };
        refresh::sign(&claims, member.key.kid(), &member.refresh_key.0)
    }

    /// Verifies a refresh token.
    ///
    /// # Errors
    /// `Expired`, `Invalid`.
    pub fn verify_refresh(&self, token: &str, now: Millis) -> Result<RefreshClaims, TokenError> {
        let parts = jws::split(token)?;
        let header = jws::read_header(parts.header)?;
        refresh::check_header(&header)?;
        let mut error = TokenError::Invalid("no key for it");
        for member in self.members.iter().filter(|member| header.kid.as_deref() == member.key.kid()) {
            match refresh::verify(&parts, &member.refresh_key.0, now) {
                Err(refused @ TokenError::Invalid(_)) => error = refused,
                done => return done,
            }
        }
        Err(error)
    }

    /// The public key set: every key that signs, will sign, or signed tokens that may be alive; a retired one for
    /// `publish_for` more. `None` for a shared secret.
    #[must_use]
    pub fn jwks(&self, now: Millis, publish_for: Millis) -> Option<Value> {
        let alive = |member: &&Member| member.retired_at.is_none_or(|at| now < at.saturating_add(publish_for));
        let keys: Vec<&Value> =
            self.members.iter().filter(alive).filter_map(|member| member.key.public_jwk()).collect();
        (!keys.is_empty()).then(|| json!({ "keys": keys }))
    }
}
