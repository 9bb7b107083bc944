//! Client mode: guards the host's routes by the public keys of an auth server, without a database and without
//! endpoints.

use std::sync::Arc;

use serde_json::Value;

use crate::access;
use crate::assurance::Requirement;
use crate::clock::{Clock, Millis, SystemClock};
use crate::config::ClientConfig;
use crate::epoch::Epoch;
use crate::error::Error;
use crate::event::{Event, Level};
use crate::hook::RevocationCheck;
use crate::http::client_guard::Checks;
use crate::http::decision::{self, Admitted, Decision, PermitVerdict};
use crate::http::envelope::error_response;
use crate::http::guard::{GuardRequest, ProtectResult};
use crate::http::{Response, credential};
use crate::key_source::KeySource;
use crate::key_source::https::HttpsKeySource;
use crate::server::VerifiedAccess;
use crate::service::remote_keys::RemoteKeys;
use crate::telemetry::{MetricName, Remembered, Snapshot, Telemetry};

/// The value of the field `mode` of events.
const MODE: &str = "client";

/// The dependencies that the host provides beside its options.
pub struct ClientHost {
    /// The source of the time.
    pub clock: Arc<dyn Clock>,
    /// The host's decision on revocation (`isTokenRevoked` option).
    pub revocation: Option<Arc<dyn RevocationCheck>>,
    /// The source of the key set. `None` fetches it from `keyUri`; a host behind a private certificate authority, for
    /// example, brings its own source.
    pub key_source: Option<Arc<dyn KeySource>>,
}

impl Default for ClientHost {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), revocation: None, key_source: None }
    }
}

/// A client of an auth server. Cheap to clone; every clone is the same client.
///
/// ```
/// use sentri_core::http::guard::GuardRequest;
/// use sentri_core::{AuthClient, ClientHost, ErrorCode};
/// use serde_json::json;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let options = json!({ "mode": "client", "keyUri": "https://auth.example.com/auth/keys" });
/// let client = AuthClient::new(&options, ClientHost::default())?;
/// client.check_roles(&["admin".to_owned()])?;
///
/// let request = GuardRequest { method: "GET".into(), ..GuardRequest::default() };
/// let guarded = client.guard(&request).await;
/// assert!(guarded.result.is_err_and(|error| error.is(ErrorCode::Unauthorized)));
/// # Ok::<(), sentri_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct AuthClient(Arc<Inner>);

struct Inner {
    config: ClientConfig,
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
    keys: RemoteKeys,
    revocation: Option<Arc<dyn RevocationCheck>>,
}

impl std::fmt::Debug for AuthClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthClient(..)")
    }
}

impl AuthClient {
    /// Checks the options and builds a client, without I/O. The key set is fetched at first use.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option and the cure.
    pub fn new(options: &Value, host: ClientHost) -> Result<Self, Error> {
        let config = ClientConfig::from_options(options)?;
        let ClientHost { clock, revocation, key_source } = host;
        if config.token_revoked && revocation.is_none() {
            return Err(Error::configuration("isTokenRevoked is set, but the host brought no function"));
        }
        let source = key_source.unwrap_or_else(|| Arc::new(HttpsKeySource::new(config.key_uri.clone())));
        let keys = RemoteKeys::new(source, Arc::clone(&clock), config.cache_max_age);
        let telemetry = Telemetry::new(config.logging, Vec::new(), &[]);
        Ok(Self(Arc::new(Inner { config, telemetry, clock, keys, revocation })))
    }

    fn checks(&self) -> Checks<'_> {
        let Inner { config, telemetry, keys, revocation, clock: _ } = &*self.0;
        Checks { config, telemetry, keys, revocation: revocation.as_deref() }
    }

    /// The present instant of the client's clock.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.0.clock.now()
    }

    /// Runs `protect()` without waiting. Returns `None` before the first key set is there, for keys that it does not
    /// hold, after hours without a request, and when `isTokenRevoked` must be asked; then call [`AuthClient::guard`].
    ///
    /// Within a Tokio runtime it also replaces the key set in the background when the set is old.
    #[must_use]
    pub fn guard_now(&self, request: &GuardRequest) -> Option<ProtectResult> {
        self.checks().guard_now(request)
    }

    /// Runs `protect()`: finds the user of a request by its access token. It fetches keys and asks `isTokenRevoked`
    /// where needed.
    pub async fn guard(&self, request: &GuardRequest) -> ProtectResult {
        self.checks().guard(request).await
    }

    /// Returns the epoch, which grows with every change of the key set. A value that a caller cached under another
    /// epoch is stale.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.0.keys.epoch()
    }

    /// Returns the counter behind [`AuthClient::epoch`], for a host that reads it at every request.
    #[must_use]
    pub fn epochs(&self) -> &Epoch {
        self.0.keys.epochs()
    }

    /// Takes the place of `before`, a client by the same options in the process that this one was forked from, under an
    /// epoch of its own.
    pub fn go_on_from(&self, before: &Self) {
        self.epochs().follow(before.epochs());
    }

    /// Returns the present metrics; `remembered` as in [`Telemetry::snapshot`].
    #[must_use]
    pub fn metrics(&self, remembered: &Remembered) -> Snapshot {
        let mut snapshot = self.0.telemetry.snapshot(remembered);
        snapshot.add(MetricName::Info, &[("version", env!("CARGO_PKG_VERSION")), ("mode", "client")], 1.0);
        snapshot
    }

    /// Checks the roles given to `authorize()`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` for an empty list, an empty role, or a role that `validRoles` lacks, if that is given.
    pub fn check_roles(&self, required: &[String]) -> Result<(), Error> {
        access::check_required(required, self.0.config.valid_roles.as_deref())
    }

    /// Runs `authorize()`: admits a user who has at least one of the roles `required`.
    #[must_use]
    pub fn authorize(&self, user: Option<Admitted<'_>>, required: &[String]) -> Decision {
        decision::authorize(user, required, MODE, &self.0.telemetry, self.0.config.production)
    }

    /// Reads the requirement of `protect({acr, maxAge})`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the member and the cure.
    pub fn requirement(&self, asked: &Value) -> Result<Requirement, Error> {
        Requirement::read(asked)
    }

    /// `clockTolerance` in seconds.
    #[must_use]
    pub fn leeway_seconds(&self) -> i64 {
        self.0.config.claims.leeway_seconds
    }

    /// Returns the refusal of a user whose authentication does not meet the requirement of `protect({acr, maxAge})`.
    #[must_use]
    pub fn step_up(&self, user_id: &str, need: Requirement) -> Decision {
        decision::step_up(user_id, need, MODE, &self.0.telemetry)
    }

    /// Runs `permit()`: turns the verdict of the host's check into a decision.
    #[must_use]
    pub fn permit(&self, user: Option<Admitted<'_>>, outcome: &PermitVerdict) -> Decision {
        decision::permit(user, outcome, MODE, &self.0.telemetry, self.0.config.production)
    }

    /// Returns the response for an error, in the envelope.
    #[must_use]
    pub fn error_response(&self, error: &Error) -> Response {
        error_response(error)
    }

    /// Returns the level of an event and the object that the host's logger gets.
    #[must_use]
    pub fn log_entry(&self, event: &Event, request_id: Option<&str>) -> (Level, Value) {
        (event.name.level(), event.to_log_entry(&self.0.config.service, request_id))
    }

    /// Verifies an access token as [`AuthClient::verify_access_token`] does, without waiting. `None`: a key set must be
    /// fetched first.
    #[must_use]
    pub fn verify_access_token_now(&self, token: &str) -> Option<Result<VerifiedAccess, Error>> {
        let verified = self.0.keys.verify_now(token, &self.0.config)?;
        Some(verified.map(|vouched| vouched.claims.into()).map_err(|refused| refused.error))
    }

    /// Verifies an access token's signature, claims and expiry. It does not ask `isTokenRevoked` about the token's
    /// session.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`; `SERVICE_UNAVAILABLE` if the auth server can't be reached for its keys.
    pub async fn verify_access_token(&self, token: &str) -> Result<VerifiedAccess, Error> {
        let verified = self.0.keys.verify(token, &self.0.config).await;
        verified.map(|vouched| vouched.claims.into()).map_err(|refused| refused.error)
    }

    /// Returns the access token of a request without verifying it: the bearer token, else the access cookie.
    #[must_use]
    pub fn access_token_of(&self, authorization: Option<&str>, cookies: Option<&str>) -> Option<String> {
        credential::unverified(authorization, cookies, self.0.config.access_cookie.as_deref())
    }
}
