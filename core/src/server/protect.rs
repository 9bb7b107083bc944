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

/// The mode that events name.
const MODE: &str = "server";

impl AuthServer {
    /// `protect()` without waiting; `None`: call [`AuthServer::guard`].
    #[must_use]
    pub fn guard_now(&self, request: &GuardRequest) -> Option<ProtectResult> {
        if let Some(answered) = self.preflight(request) {
            return Some(answered);
        }
        guard::guard_now(self.realm(), request).map(|guarded| self.with_background_events(guarded))
    }

    /// `protect()`.
    pub async fn guard(&self, request: &GuardRequest) -> ProtectResult {
        if let Some(answered) = self.preflight(request) {
            return answered;
        }
        let guarded = match self.ready().await {
            Ok(()) => guard::guard(self.realm(), request).await,
            // What comes of a request may be shown to whoever made it.
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
            // They happened once, so what tells of them must not be repeated from a cache.
            guarded.fresh_until = 0;
            guarded.events.splice(0..0, events);
        }
        guarded
    }

    /// Takes the events of programmatic calls and of work in the background. Requests take them along; a host that
    /// logs asks for it after a call of its own.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        self.realm().take_background_events()
    }

    /// The user named by a request's tokens, as [`guard::identify_now`] has it; `None`: call [`AuthServer::identify`].
    #[must_use]
    pub fn identify_now(&self, request: &GuardRequest) -> Option<String> {
        guard::identify_now(self.realm(), request)
    }

    /// Returns the id of the user named by a request's tokens. Empty if the request names no user or the keys are
    /// unavailable.
    pub async fn identify(&self, request: &GuardRequest) -> String {
        match self.ready().await {
            Ok(()) => guard::identify(self.realm(), request).await,
            Err(_) => String::new(),
        }
    }

    /// Grows with every revocation and role change made by this process: a value that a caller cached under another
    /// epoch is stale.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.realm().freshness.epoch()
    }

    /// The counter behind [`AuthServer::epoch`], for a host that looks at it at every request.
    #[must_use]
    pub fn epochs(&self) -> &Epoch {
        self.realm().freshness.epochs()
    }

    /// Checks the roles given to `authorize()`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` for an empty list or a role that `validRoles` lacks.
    pub fn check_roles(&self, required: &[String]) -> Result<(), Error> {
        self.realm().config.roles.check_required(required)
    }

    /// `authorize()`: any of `required`.
    #[must_use]
    pub fn authorize(&self, user: Option<Admitted<'_>>, required: &[String]) -> Decision {
        decision::authorize(user, required, MODE, &self.realm().telemetry, self.realm().config.production)
    }

    /// Reads the requirement of `protect({acr, maxAge})`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the member and the cure, or the option that is missing for it.
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

    /// Zero: the server signs by the clock that it verifies by.
    #[must_use]
    pub const fn leeway_seconds(&self) -> i64 {
        0
    }

    /// Words the refusal of a user whose authentication does not meet the requirement of `protect({acr, maxAge})`.
    #[must_use]
    pub fn step_up(&self, user_id: &str, need: Requirement) -> Decision {
        decision::step_up(user_id, need, MODE, &self.realm().telemetry)
    }

    /// `permit()`: words the host's verdict.
    #[must_use]
    pub fn permit(&self, user: Option<Admitted<'_>>, outcome: &PermitVerdict) -> Decision {
        decision::permit(user, outcome, MODE, &self.realm().telemetry, self.realm().config.production)
    }
}
