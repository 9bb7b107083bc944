//! Tokens and passwords without a server, and the options and messages of `sentri serve`. Texts are JSON
//! (`sentri_core::wire`).

use std::sync::Arc;

use sentri_core::clock::{Clock as _, Millis, SystemClock};
use sentri_core::standalone::{self, Passwords, Tokens};
use sentri_core::{Error, settings, wire};
use serde_json::Value;

use crate::job::{self, Job};
use crate::runtime;

/// Keys with the rules that their tokens must meet, or the error of the options.
#[derive(uniffi::Object)]
pub struct NativeTokens {
    tokens: Result<Tokens, Error>,
}

impl NativeTokens {
    fn answer(&self, run: impl FnOnce(&Tokens) -> Result<Value, Error>) -> String {
        wire::outcome(self.tokens.as_ref().map_err(Clone::clone).and_then(run))
    }
}

/// Returns the given instant, which tests choose, or else the present.
fn at(now: Option<Millis>) -> Millis {
    now.unwrap_or_else(|| SystemClock.now())
}

#[uniffi::export]
impl NativeTokens {
    /// Reads the options (`sentri_core::standalone::Tokens`).
    #[uniffi::constructor]
    pub fn new(options: String) -> Self {
        runtime::keep_panics_quiet();
        Self { tokens: Tokens::from_options(&wire::parse(&options)) }
    }

    /// Returns `{"error"}` if the options are wrong, else `{"value": [warnings]}`.
    pub fn configuration(&self) -> String {
        self.answer(|tokens| Ok(tokens.warning().into_iter().collect()))
    }

    /// Signs an access token for `{id, roles, sessionId?}`.
    pub fn sign_access(&self, claims: String, now: Option<i64>) -> String {
        self.answer(|tokens| tokens.sign_access(&wire::parse(&claims), at(now)).map(Value::from))
    }

    /// Verifies an access token and returns `{"value": {id, roles, sessionId, exp}}` or `{"error"}`.
    pub fn verify_access(&self, token: String, now: Option<i64>) -> String {
        self.answer(|tokens| tokens.verify_access(&token, at(now)).map(wire::verified_value))
    }

    /// Verifies a refresh token and returns `{"value": {sessionId, gen, iat, exp}}` or `{"error"}`.
    pub fn verify_refresh(&self, token: String, now: Option<i64>) -> String {
        self.answer(|tokens| tokens.verify_refresh(&token, at(now)))
    }

    /// Returns the public keys as a JWK set (RFC 7517, 5).
    pub fn jwks(&self) -> String {
        self.answer(|tokens| tokens.jwks(at(None)))
    }
}

/// Hashes and verifies passwords by options, or holds the error of the options.
#[derive(uniffi::Object)]
pub struct NativePasswords {
    passwords: Result<Passwords, Error>,
}

impl NativePasswords {
    fn start<F: Future<Output = Result<Value, Error>> + Send + 'static>(
        &self,
        work: impl FnOnce(Passwords) -> F,
    ) -> Arc<Job> {
        match self.passwords.clone().map(work) {
            Ok(work) => job::start(async move { wire::outcome(work.await) }),
            Err(error) => job::refuse(error),
        }
    }
}

#[uniffi::export]
impl NativePasswords {
    /// Reads the options (`sentri_core::standalone::passwords`).
    #[uniffi::constructor]
    pub fn new(options: String) -> Self {
        Self { passwords: standalone::passwords(&wire::parse(&options)) }
    }

    /// Hashes a password.
    pub fn hash(&self, password: String) -> Arc<Job> {
        self.start(|passwords| async move { passwords.hash(password).await })
    }

    /// Verifies a password against a hash; the job's result is `{"value": true or false}` or `{"error"}`.
    pub fn verify(&self, password: String, hash: String) -> Arc<Job> {
        self.start(|passwords| async move { passwords.verify(password, hash).await })
    }

    /// Whether a hash is weaker than a hash by the options would be, `{"value": true or false}`.
    pub fn needs_rehash(&self, hash: String) -> String {
        let passwords = self.passwords.as_ref().map_err(Clone::clone);
        wire::outcome(passwords.map(|passwords| passwords.needs_rehash(hash).into()))
    }
}

/// Reads the options of `sentri serve` from flags, environment and file (`sentri_core::settings::settle`).
#[uniffi::export]
pub fn settle_options(given: String) -> String {
    settings::settle_text(&given)
}

/// Writes a message of `sentri serve` as a mail or a signed request (`sentri_core::settings::compose`).
#[uniffi::export]
pub fn compose_message(given: String) -> String {
    settings::compose::compose_text(&given)
}

/// Reads the options that SIGHUP changes (`sentri_core::settings::reload`).
#[uniffi::export]
pub fn reload_options(settled: String) -> String {
    settings::reload::reload_text(&settled)
}
