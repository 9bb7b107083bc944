//! `protect()` in client mode: finds the user of a request by the token of a remote auth server.

use super::credential;
use super::guard::{GuardRequest, Principal, ProtectResult};
use super::preflight;
use crate::config::ClientConfig;
use crate::error::{Error, ErrorCode};
use crate::hook::RevocationCheck;
use crate::service::remote_keys::{Refused, RemoteKeys, VerifiedToken};
use crate::service::revocation;
use crate::telemetry::Telemetry;
use crate::token::claims::AccessClaims;
use crate::web::cookie::CookieValues;

const MODE: &str = "client";

/// The parts of a client that verify the tokens of a request.
pub(crate) struct Checks<'a> {
    pub config: &'a ClientConfig,
    pub telemetry: &'a Telemetry,
    pub keys: &'a RemoteKeys,
    pub revocation: Option<&'a dyn RevocationCheck>,
}

impl Checks<'_> {
    /// Runs `protect()` without waiting. Returns `None` if a key set must be fetched or `isTokenRevoked` must be asked.
    pub fn guard_now(&self, request: &GuardRequest) -> Option<ProtectResult> {
        if let Some(answered) = preflight::guarded(request, &self.config.trusted_origins) {
            return Some(answered);
        }
        let guarded = match self.tokens_of(request) {
            Err(error) => self.refused(error.into()),
            Ok(tokens) => {
                let mut verified = Vec::with_capacity(tokens.len());
                for token in tokens {
                    verified.push((self.keys.verify_now(&token, self.config)?, token));
                }
                match choose(verified, self.cookie_name()) {
                    Err(refused) => self.refused(refused),
                    Ok(mut good) => {
                        let (verified, token) = good.swap_remove(0);
                        if self.revocation.is_some() && verified.claims.session_id.is_some() {
                            return None;
                        }
                        self.passed(verified, token)
                    }
                }
            }
        };
        Some(self.with_trouble(guarded))
    }

    /// Runs `protect()`. It fetches a key set and asks `isTokenRevoked` where needed.
    pub async fn guard(&self, request: &GuardRequest) -> ProtectResult {
        if let Some(answered) = preflight::guarded(request, &self.config.trusted_origins) {
            return answered;
        }
        let guarded = match self.tokens_of(request) {
            Err(error) => self.refused(error.into()),
            Ok(tokens) => {
                let mut verified = Vec::with_capacity(tokens.len());
                for token in tokens {
                    verified.push((self.keys.verify(&token, self.config).await, token));
                }
                match choose(verified, self.cookie_name()) {
                    Err(refused) => self.refused(refused),
                    Ok(good) => self.first_live(good).await,
                }
            }
        };
        self.with_trouble(guarded)
    }

    fn cookie_name(&self) -> &str {
        self.config.access_cookie.as_deref().unwrap_or_default()
    }

    fn tokens_of(&self, request: &GuardRequest) -> Result<Vec<String>, Error> {
        let cookie_name = self.config.access_cookie.as_deref();
        match credential::read(request, cookie_name, &self.config.trusted_origins)? {
            CookieValues::None => Err(credential::missing()),
            CookieValues::One(token) => Ok(vec![token]),
            CookieValues::Several(tokens) => Ok(tokens),
            CookieValues::TooMany(_) => Err(credential::conflict(self.cookie_name())),
        }
    }

    /// Admits the request by the first token whose session the host has not revoked. If there is none, returns the
    /// refusal of the first token.
    async fn first_live(&self, good: Vec<(VerifiedToken, String)>) -> ProtectResult {
        let mut first = None;
        for (verified, token) in good {
            let guarded = self.unless_revoked(verified, token).await;
            if guarded.result.is_ok() {
                return guarded;
            }
            first = first.or(Some(guarded));
        }
        first.unwrap_or_else(|| self.refused(credential::missing().into()))
    }

    /// Admits the request unless the host has revoked the session. The host's decision holds for this request alone, so
    /// the result is not cached.
    async fn unless_revoked(&self, verified: VerifiedToken, token: String) -> ProtectResult {
        let (Some(check), Some(session_id)) = (self.revocation, &verified.claims.session_id) else {
            return self.passed(verified, token);
        };
        match revocation::ask(check, session_id).await {
            Ok(()) => self.passed(VerifiedToken { fresh_until: 0, ..verified }, token),
            Err(refusal) => ProtectResult::revoked(MODE, self.telemetry, &verified.claims.id, refusal.error)
                .because(self.telemetry, refusal.event),
        }
    }

    fn passed(&self, verified: VerifiedToken, token: String) -> ProtectResult {
        let VerifiedToken { claims, fresh_until } = verified;
        let exp = claims.exp.saturating_mul(1000);
        let AccessClaims { id, roles, withheld, session_id, assurance, .. } = claims;
        let principal = Principal { id, roles, withheld, session_id, assurance, token, exp };
        ProtectResult::passed(MODE, self.telemetry, principal, fresh_until)
    }

    fn refused(&self, Refused { error, reason }: Refused) -> ProtectResult {
        let mut guarded = ProtectResult::refused(MODE, self.telemetry, error);
        if let Some(reason) = reason {
            guarded.events = guarded.events.into_iter().map(|event| event.with("reason", reason)).collect();
        }
        guarded
    }

    /// Adds the event of a failure at the auth server to the result of the next request, once. This result is not
    /// cached, so that its events are not repeated.
    fn with_trouble(&self, mut guarded: ProtectResult) -> ProtectResult {
        if let Some(event) = self.keys.take_trouble().and_then(|event| self.telemetry.counted(event)) {
            guarded.events.push(event);
            guarded.fresh_until = 0;
        }
        guarded
    }
}

/// Chooses among several tokens. Returns the tokens that verify, the youngest first, if all of them are of the same
/// user. If none verifies, an outage takes precedence over an expired token, and that over any other refusal.
fn choose(
    verified: Vec<(Result<VerifiedToken, Refused>, String)>,
    cookie_name: &str,
) -> Result<Vec<(VerifiedToken, String)>, Refused> {
    let (mut good, mut bad): (Vec<(VerifiedToken, String)>, Option<Refused>) = (Vec::new(), None);
    let weight = |refused: &Refused| match refused.error.status {
        500.. => 2,
        _ => u8::from(refused.error.is(ErrorCode::TokenExpired)),
    };
    for (result, token) in verified {
        match result {
            Ok(verified) => good.push((verified, token)),
            Err(refused) if bad.as_ref().is_none_or(|known| weight(known) < weight(&refused)) => bad = Some(refused),
            Err(_) => {}
        }
    }
    if good.windows(2).any(|two| two[0].0.claims.id != two[1].0.claims.id) {
        return Err(credential::conflict(cookie_name).into());
    }
    good.sort_by_key(|(verified, _)| std::cmp::Reverse(verified.claims.iat));
    if good.is_empty() { Err(bad.unwrap_or_else(|| credential::missing().into())) } else { Ok(good) }
}
