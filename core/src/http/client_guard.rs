//! `protect()` in client mode: who makes this request, by the word of an auth server elsewhere?

use super::credential;
use super::guard::{GuardRequest, Guarded, Principal};
use super::preflight;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::hook::RevocationCheck;
use crate::service::remote_keys::{Refused, RemoteKeys, Vouched};
use crate::service::revocation;
use crate::telemetry::Telemetry;

const MODE: &str = "client";

/// The means by which a client verifies.
pub(crate) struct Checks<'a> {
    pub config: &'a ClientConfig,
    pub telemetry: &'a Telemetry,
    pub keys: &'a RemoteKeys,
    pub revocation: Option<&'a dyn RevocationCheck>,
}

impl Checks<'_> {
    /// Answers without waiting, or `None` when a key set must be fetched or the host be asked.
    pub fn guard_now(&self, request: &GuardRequest) -> Option<Guarded> {
        if let Some(answered) = preflight::guarded(request, &self.config.trusted_origins) {
            return Some(answered);
        }
        let guarded = match self.token_of(request) {
            Err(error) => self.refused(error.into()),
            Ok(token) => match self.keys.verify_now(&token, self.config)? {
                Err(refused) => self.refused(refused),
                Ok(vouched) if self.revocation.is_some() && vouched.claims.session_id.is_some() => return None,
                Ok(vouched) => self.passed(vouched, token),
            },
        };
        Some(self.with_trouble(guarded))
    }

    /// Answers, fetching a key set and asking the host where that is needed.
    pub async fn guard(&self, request: &GuardRequest) -> Guarded {
        if let Some(answered) = preflight::guarded(request, &self.config.trusted_origins) {
            return answered;
        }
        let guarded = match self.token_of(request) {
            Err(error) => self.refused(error.into()),
            Ok(token) => match self.keys.verify(&token, self.config).await {
                Err(refused) => self.refused(refused),
                Ok(vouched) => self.unless_revoked(vouched, token).await,
            },
        };
        self.with_trouble(guarded)
    }

    fn token_of(&self, request: &GuardRequest) -> Result<String, Error> {
        let cookie_name = self.config.access_cookie.as_deref();
        credential::read(request, cookie_name, &self.config.trusted_origins)?.ok_or_else(credential::missing)
    }

    /// The host's word on a session holds for this request alone.
    async fn unless_revoked(&self, vouched: Vouched, token: String) -> Guarded {
        let (Some(check), Some(session_id)) = (self.revocation, &vouched.claims.session_id) else {
            return self.passed(vouched, token);
        };
        match revocation::ask(check, session_id).await {
            Ok(()) => self.passed(Vouched { fresh_until: 0, ..vouched }, token),
            Err(refusal) => Guarded::revoked(MODE, self.telemetry, &vouched.claims.id, refusal.error)
                .because(self.telemetry, refusal.event),
        }
    }

    fn passed(&self, vouched: Vouched, token: String) -> Guarded {
        let Vouched { claims, fresh_until } = vouched;
        let exp = claims.exp.saturating_mul(1000);
        let principal = Principal { id: claims.id, roles: claims.roles, session_id: claims.session_id, token, exp };
        Guarded::passed(MODE, self.telemetry, principal, fresh_until)
    }

    fn refused(&self, Refused { error, reason }: Refused) -> Guarded {
        let mut guarded = Guarded::refused(MODE, self.telemetry, error);
        if let Some(reason) = reason {
            guarded.events = guarded.events.into_iter().map(|event| event.with("reason", reason)).collect();
        }
        guarded
    }

    /// The trouble with the auth server goes to the log with the next request, once: that answer is not for a cache.
    fn with_trouble(&self, mut guarded: Guarded) -> Guarded {
        if let Some(event) = self.keys.take_trouble().and_then(|event| self.telemetry.counted(event)) {
            guarded.events.push(event);
            guarded.fresh_until = 0;
        }
        guarded
    }
}
