//! Client mode: no database and no endpoints; guards the host's routes by the public keys of an auth server.

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

/// The mode that events name.
const MODE: &str = "client";

/// The dependencies that the host provides beside its options.
pub struct ClientHost {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The host's decision on revocation (`isTokenRevoked` option).
    pub revocation: Option<Arc<dyn RevocationCheck>>,
    /// The source of the key set, when not straight from `keyUri`; for example behind a private certificate authority.
    pub key_source: Option<Arc<dyn KeySource>>,
}

impl Default for ClientHost {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), revocation: None, key_source: None }
    }
}

/// One client of an auth server. Cheap to clone; every clone is the same client.
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
    /// Checks the options and builds a client. No I/O: the key set is fetched at first use.
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

    /// `protect()` without waiting; `None`: call [`AuthClient::guard`]. That happens before the first key set is there,
    /// for keys that it does not hold, after hours without a request, and when the host must be asked.
    ///
    /// In a runtime it also replaces the key set in the background when it is time.
    #[must_use]
    pub fn guard_now(&self, request: &GuardRequest) -> Option<ProtectResult> {
        self.checks().guard_now(request)
    }

    /// `protect()`.
    pub async fn guard(&self, request: &GuardRequest) -> ProtectResult {
        self.checks().guard(request).await
    }

    /// Grows with every change of the key set: a value that a caller cached under another epoch is stale.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.0.keys.epoch()
    }

    /// The counter behind [`AuthClient::epoch`], for a host that looks at it at every request.
    #[must_use]
    pub fn epochs(&self) -> &Epoch {
        self.0.keys.epochs()
    }

    /// The numbers of this moment; `remembered` as in [`Telemetry::snapshot`].
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

    /// `authorize()`: any of `required`.
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

    /// Words the refusal of a user whose authentication does not meet the requirement of `protect({acr, maxAge})`.
    #[must_use]
    pub fn step_up(&self, user_id: &str, need: Requirement) -> Decision {
        decision::step_up(user_id, need, MODE, &self.0.telemetry)
    }

    /// `permit()`: words the host's verdict.
    #[must_use]
    pub fn permit(&self, user: Option<Admitted<'_>>, outcome: &PermitVerdict) -> Decision {
        decision::permit(user, outcome, MODE, &self.0.telemetry, self.0.config.production)
    }

    /// The response for an error, in the envelope.
    #[must_use]
    pub fn error_response(&self, error: &Error) -> Response {
        error_response(error)
    }

    /// The level of an event and the object that the host's logger gets.
    #[must_use]
    pub fn log_entry(&self, event: &Event, request_id: Option<&str>) -> (Level, Value) {
        (event.name.level(), event.to_log_entry(&self.0.config.service, request_id))
    }

    /// [`AuthClient::verify_access_token`] without waiting; `None`: a key set must be fetched first.
    #[must_use]
    pub fn verify_access_token_now(&self, token: &str) -> Option<Result<VerifiedAccess, Error>> {
        let verified = self.0.keys.verify_now(token, &self.0.config)?;
        Some(verified.map(|vouched| vouched.claims.into()).map_err(|refused| refused.error))
    }

    /// Verifies an access token's signature, claims and expiry; the host is not asked about its session.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`, `SERVICE_UNAVAILABLE` when the auth server can't be reached for its keys.
    pub async fn verify_access_token(&self, token: &str) -> Result<VerifiedAccess, Error> {
        let verified = self.0.keys.verify(token, &self.0.config).await;
        verified.map(|vouched| vouched.claims.into()).map_err(|refused| refused.error)
    }

    /// The access token that a request brings, unverified: the bearer token, else the access cookie.
    #[must_use]
    pub fn access_token_of(&self, authorization: Option<&str>, cookies: Option<&str>) -> Option<String> {
        credential::unverified(authorization, cookies, self.0.config.access_cookie.as_deref())
    }
}
