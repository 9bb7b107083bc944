//! Tokens and keys for the host's own code, without a request.

use serde_json::Value;

use super::AuthServer;
use crate::access::SessionRoles;
use crate::error::Error;
use crate::http::credential;
use crate::idempotency::asks_protect;
use crate::service::keys::ListedKey;
use crate::service::{self, access_token, keys};
use crate::token::claims::{AccessClaims, AccessView};

/// The claims of a verified access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAccess {
    /// User id.
    pub id: String,
    /// Roles in effect at the time of signing.
    pub roles: Vec<String>,
    /// Session id. `None`: the token was signed without one.
    pub session_id: Option<String>,
    /// Expiry in seconds since 1970.
    pub exp: i64,
}

impl From<AccessClaims> for VerifiedAccess {
    fn from(claims: AccessClaims) -> Self {
        Self { id: claims.id, roles: claims.roles, session_id: claims.session_id, exp: claims.exp }
    }
}

impl AuthServer {
    /// Signs an access token for `{id, roles, sessionId?}`, valid for `accessExpiresIn`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, `SERVICE_UNAVAILABLE` before the keys are there.
    pub fn sign_access_token(&self, claims: &Value) -> Result<String, Error> {
        let input = service::input::Input::new(claims)?;
        let roles = input.optional_strings("roles")?.unwrap_or_default();
        let now = self.now();
        let expires_at = now + self.realm().config.access_ttl;
        access_token::sign(
            self.realm(),
            input.text("id")?,
            &roles,
            input.optional_text("sessionId")?,
            None,
            now,
            expires_at,
        )
        .map_err(|failure| self.public(failure))
    }

    /// Signs a refresh token of generation 0 for a session, valid for `refreshExpiresIn`.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, `SERVICE_UNAVAILABLE` before the keys are there.
    pub fn sign_refresh_token(&self, session_id: &str) -> Result<String, Error> {
        if session_id.is_empty() {
            return Err(Error::validation("sessionId", "sessionId must not be empty"));
        }
        let (realm, now) = (self.realm(), self.now());
        let expires_at = realm.config.session.expires_at(now, now);
        let (iat, exp) = (access_token::seconds(now), access_token::seconds(expires_at));
        Ok(realm.keys.require()?.sign_refresh(session_id, 0, iat, exp, now)?)
    }

    /// Whether the last look for keys of other processes is too old; then call [`AuthServer::reload_keys`]. Requests
    /// and programmatic calls do so by themselves. The host must do so for calls that sign or verify without waiting.
    #[must_use]
    pub fn keys_are_old(&self) -> bool {
        keys::are_old(self.realm())
    }

    /// Looks for keys of other processes in the background. It must be called within a Tokio runtime.
    pub fn reload_keys(&self) {
        keys::reload_if_old(self.realm());
    }

    /// Takes the place of `before`, a server by the same options in the process that this one was forked from: goes on
    /// by its stored keys until the next look, under an epoch of its own.
    pub fn go_on_from(&self, before: &Self) {
        keys::take_over(self.realm(), before.realm());
        self.epochs().follow(before.epochs());
    }

    /// Verifies an access token's signature, claims and expiry; the session is not checked.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`, `SERVICE_UNAVAILABLE` before the keys are there.
    pub fn verify_access_token(&self, token: &str) -> Result<VerifiedAccess, Error> {
        self.verify_access_token_with(token, |claims| {
            let AccessClaims { id, roles, session_id, exp, .. } = claims.into();
            VerifiedAccess { id, roles, session_id, exp }
        })
    }

    /// Verifies an access token as [`AuthServer::verify_access_token`] does, without copying its claims. `read`
    /// converts the claims for the caller.
    ///
    /// # Errors
    /// As [`AuthServer::verify_access_token`].
    pub fn verify_access_token_with<T>(&self, token: &str, read: impl FnOnce(AccessView<'_>) -> T) -> Result<T, Error> {
        let realm = self.realm();
        let ring = realm.keys.require()?;
        let config = &realm.config;
        // A token from before `mfa.requiredFor` was set, or of an older version, lists roles that are now withheld.
        let in_effect = |claims: AccessView<'_>| {
            let SessionRoles { in_effect, .. } = config.roles.in_session(claims.roles, claims.assurance.as_ref());
            read(AccessView { roles: in_effect, ..claims })
        };
        Ok(ring.verify_access_with(token, &config.claims, self.now(), in_effect)?)
    }

    /// Verifies a refresh token; the session is not checked. Returns the session's id.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`, `SERVICE_UNAVAILABLE` before the keys are there.
    pub fn verify_refresh_token(&self, token: &str) -> Result<String, Error> {
        Ok(self.realm().keys.require()?.verify_refresh(token, self.now())?.session_id)
    }

    /// Returns the access token of a request without verifying it: the bearer token, else the access cookie.
    #[must_use]
    pub fn access_token_of(&self, authorization: Option<&str>, cookies: Option<&str>) -> Option<String> {
        let cookie_name = self.realm().config.access_cookie.as_ref().map(|rules| rules.name.as_str());
        credential::unverified(authorization, cookies, cookie_name)
    }

    /// Whether `protect()` has to be asked before a request gets a stored answer of the idempotency gate. `identity` is
    /// the result of [`AuthServer::identify`] for the request.
    #[must_use]
    pub fn guards_replay(&self, identity: &str, authorization: Option<&str>, cookies: Option<&str>) -> bool {
        let verified =
            self.access_token_of(authorization, cookies).map(|token| self.verify_access_token_with(&token, |_| ()));
        asks_protect(identity, verified)
    }

    /// Returns the public keys as a JWK set (RFC 7517, 5), or `null` with a symmetric algorithm or before the keys are
    /// there.
    #[must_use]
    pub fn jwks(&self) -> Value {
        keys::jwks(self.realm()).unwrap_or(Value::Null)
    }

    /// Returns the stored keys without their secrets, newest first.
    ///
    /// # Errors
    /// An error of the store.
    pub async fn list_keys(&self) -> Result<Vec<ListedKey>, Error> {
        self.ready().await?;
        let stored = self.realm().store.list_keys().await.map_err(|error| self.public(error.into()))?;
        Ok(stored.into_iter().map(ListedKey::from).collect())
    }
}
