//! `protect()`, `authorize()` and `permit()` of a server.

use serde_json::Value;

use super::AuthServer;
use super::public::for_callers;
use crate::assurance::Requirement;
use crate::epoch::Epoch;
use crate::error::Error;
use crate::event::Event;
use crate::http::decision::{self, Admitted, Decision, PermitVerdict};
use crate::http::guard::{self, GuardRequest, ProtectResult};
use crate::http::preflight;

/// The value of the field `mode` of events.
const MODE: &str = "server";

impl AuthServer {
    /// Runs `protect()` without waiting. Returns `None` if the answer takes I/O or `isTokenRevoked` must be asked; then
    /// call [`AuthServer::guard`].
    #[must_use]
    pub fn guard_now(&self, request: &GuardRequest) -> Option<ProtectResult> {
        if let Some(answered) = self.preflight(request) {
            return Some(answered);
        }
        guard::guard_now(self.realm(), request).map(|guarded| self.with_background_events(guarded))
    }

    /// Runs `protect()`: finds the user of a request, by its access token or a silent refresh.
    pub async fn guard(&self, request: &GuardRequest) -> ProtectResult {
        if let Some(answered) = self.preflight(request) {
            return answered;
        }
        let guarded = match self.ready().await {
            Ok(()) => guard::guard(self.realm(), request).await,
            // The error may be shown to the client, so it has no details.
            Err(error) => guard::refused(self.realm(), Error { details: None, ..for_callers(error) }),
        };
        self.with_background_events(guarded)
    }

    /// Answers a preflight, which needs neither keys nor tables.
    fn preflight(&self, request: &GuardRequest) -> Option<ProtectResult> {
        preflight::guarded(request, &self.realm().config.trusted_origins)
    }

    fn with_background_events(&self, mut guarded: ProtectResult) -> ProtectResult {
        let events = self.take_events();
        if !events.is_empty() {
            // The events happened once, so a result that carries them must not be repeated from a cache.
            guarded.fresh_until = 0;
            guarded.events.splice(0..0, events);
        }
        guarded
    }

    /// Returns the events that programmatic calls and background work have left, and forgets them. Requests log them
    /// too; a host that wants them in the log earlier calls this after each programmatic call.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.realm().take_background_events()
    }

    /// Returns the identity that a request's tokens name, see [`guard::identify_now`]. `None`: the answer takes I/O, so
    /// call [`AuthServer::identify`].
    #[must_use]
    pub fn identify_now(&self, request: &GuardRequest) -> Option<String> {
        guard::identify_now(self.realm(), request)
    }

    /// Returns the identity that a request's tokens name, see [`guard::identify_now`]. It is empty if the request names
    /// no user or the keys are unavailable.
    pub async fn identify(&self, request: &GuardRequest) -> String {
        match self.ready().await {
            Ok(()) => guard::identify(self.realm(), request).await,
            Err(_) => String::new(),
        }
    }

    /// Returns the epoch, which grows with every revocation and change of roles that this process makes or hears of. A
    /// value that a caller cached under another epoch is stale.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.realm().freshness.epoch()
    }

    /// Returns the counter behind [`AuthServer::epoch`], for a host that reads it at every request.
    #[must_use]
    pub fn epochs(&self) -> &Epoch {
        self.realm().freshness.epochs()
    }

    /// Checks the roles given to `authorize()`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` for an empty list, an empty role, or a role that `validRoles` lacks.
    pub fn check_roles(&self, required: &[String]) -> Result<(), Error> {
        self.realm().config.roles.check_required(required)
    }

    /// Runs `authorize()`: admits a user who has at least one of the roles `required`.
    #[must_use]
    pub fn authorize(&self, user: Option<Admitted<'_>>, required: &[String]) -> Decision {
        decision::authorize(user, required, MODE, &self.realm().telemetry, self.realm().config.production)
    }

    /// Reads the requirement of `protect({acr, maxAge})`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the member and the cure, or the option that the requirement needs.
    pub fn requirement(&self, asked: &Value) -> Result<Requirement, Error> {
        let need = Requirement::read(asked)?;
        if self.realm().config.keeps_assurance() {
            return Ok(need);
        }
        Err(Error::configuration(
            "protect({ acr, maxAge }) needs the option mfa or messages: without them no token says how the user \
             authenticated",
        ))
    }

    /// Returns zero, since the server verifies by the same clock by which it signs.
    #[must_use]
    pub const fn leeway_seconds(&self) -> i64 {
        0
    }

    /// Returns the refusal of a user whose authentication does not meet the requirement of `protect({acr, maxAge})`.
    #[must_use]
    pub fn step_up(&self, user_id: &str, need: Requirement) -> Decision {
        decision::step_up(user_id, need, MODE, &self.realm().telemetry)
    }

    /// Runs `permit()`: turns the verdict of the host's check into a decision.
    #[must_use]
    pub fn permit(&self, user: Option<Admitted<'_>>, outcome: &PermitVerdict) -> Decision {
        decision::permit(user, outcome, MODE, &self.realm().telemetry, self.realm().config.production)
    }
}
