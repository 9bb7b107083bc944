//! The methods by which both modes guard routes, as a trait, so that bindings need one function for both.

use serde_json::Value;

use crate::assurance::Requirement;
use crate::client::AuthClient;
use crate::epoch::Epoch;
use crate::error::Error;
use crate::event::{Event, Level};
use crate::http::Response;
use crate::http::decision::{Admitted, Decision, PermitVerdict};
use crate::http::guard::{GuardRequest, ProtectResult};
use crate::server::AuthServer;
use crate::telemetry::{Remembered, Snapshot};

/// The user whom `protect()` has admitted, if it ran.
pub type User<'a> = Option<Admitted<'a>>;

/// An [`AuthServer`] or an [`AuthClient`], whose methods of the same names these call.
pub trait ProtectHost: Clone + Send + Sync + 'static {
    /// Returns the present epoch. Results that a caller cached under another epoch are stale.
    fn epoch(&self) -> u32;
    /// Takes the place of `before`, which the parent of this process made from the same options.
    fn go_on_from(&self, before: &Self);
    /// Runs `protect()` without waiting, for a host that caches the result by the `Authorization` header of the
    /// request. `None`: call [`ProtectHost::guard`].
    fn guard_now(&self, request: &GuardRequest) -> Option<ProtectResult>;
    /// Runs `protect()`, for a host that caches the result by the `Authorization` header of the request.
    fn guard(&self, request: &GuardRequest) -> impl Future<Output = ProtectResult> + Send;
    /// Checks the roles given to `authorize()`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR`.
    fn check_roles(&self, required: &[String]) -> Result<(), Error>;
    /// Runs `authorize()`: admits a user who has at least one of the roles `required`.
    fn authorize(&self, user: User<'_>, required: &[String]) -> Decision;
    /// Reads the requirement of `protect({acr, maxAge})`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR`.
    fn requirement(&self, asked: &Value) -> Result<Requirement, Error>;
    /// Returns the tolerance for the signer's clock, in seconds.
    fn leeway_seconds(&self) -> i64;
    /// Returns the refusal of a user whose authentication does not meet the requirement of `protect({acr, maxAge})`.
    fn step_up(&self, user_id: &str, need: Requirement) -> Decision;
    /// Runs `permit()`: turns the verdict of the host's check into a decision.
    fn permit(&self, user: User<'_>, outcome: &PermitVerdict) -> Decision;
    /// Returns the response for an error, in the envelope.
    fn error_response(&self, error: &Error) -> Response;
    /// Returns the level of an event and the object that the host's logger gets.
    fn log_entry(&self, event: &Event, request_id: Option<&str>) -> (Level, Value);
    /// Returns the present metrics. `remembered` counts the events of requests that the host answered from its own
    /// cache.
    fn metrics(&self, remembered: &Remembered) -> Snapshot;
    /// Returns the access token of a request without verifying it: the bearer token, else the access cookie.
    fn access_token_of(&self, authorization: Option<&str>, cookies: Option<&str>) -> Option<String>;
}

macro_rules! protect_host {
    ($($mode:ty),*) => {$(
        impl ProtectHost for $mode {
            fn epoch(&self) -> u32 {
                self.epoch()
            }
            fn go_on_from(&self, before: &Self) {
                self.go_on_from(before);
            }
            fn guard_now(&self, request: &GuardRequest) -> Option<ProtectResult> {
                self.guard_now(request).map(|guarded| guarded.for_memory(request))
            }
            async fn guard(&self, request: &GuardRequest) -> ProtectResult {
                self.guard(request).await.for_memory(request)
            }
            fn check_roles(&self, required: &[String]) -> Result<(), Error> {
                self.check_roles(required)
            }
            fn authorize(&self, user: User<'_>, required: &[String]) -> Decision {
                self.authorize(user, required)
            }
            fn requirement(&self, asked: &Value) -> Result<Requirement, Error> {
                self.requirement(asked)
            }
            fn leeway_seconds(&self) -> i64 {
                self.leeway_seconds()
            }
            fn step_up(&self, user_id: &str, need: Requirement) -> Decision {
                self.step_up(user_id, need)
            }
            fn permit(&self, user: User<'_>, outcome: &PermitVerdict) -> Decision {
                self.permit(user, outcome)
            }
            fn error_response(&self, error: &Error) -> Response {
                self.error_response(error)
            }
            fn log_entry(&self, event: &Event, request_id: Option<&str>) -> (Level, Value) {
                self.log_entry(event, request_id)
            }
            fn metrics(&self, remembered: &Remembered) -> Snapshot {
                self.metrics(remembered)
            }
            fn access_token_of(&self, authorization: Option<&str>, cookies: Option<&str>) -> Option<String> {
                self.access_token_of(authorization, cookies)
            }
        }
    )*};
}

protect_host!(AuthServer, AuthClient);

/// A server or a client, for hosts that name it by a number.
#[derive(Debug, Clone)]
pub enum Either {
    /// Server mode.
    Server(AuthServer),
    /// Client mode.
    Client(AuthClient),
}

impl Either {
    /// Returns the present epoch, see [`ProtectHost::epoch`].
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epochs().now()
    }

    /// Returns the counter behind [`Either::epoch`], for a host that reads it at every request.
    #[must_use]
    pub fn epochs(&self) -> &Epoch {
        match self {
            Self::Server(server) => server.epochs(),
            Self::Client(client) => client.epochs(),
        }
    }

    /// Returns the server, or nothing in client mode.
    #[must_use]
    pub const fn server(&self) -> Option<&AuthServer> {
        match self {
            Self::Server(server) => Some(server),
            Self::Client(_) => None,
        }
    }
}

impl From<AuthServer> for Either {
    fn from(server: AuthServer) -> Self {
        Self::Server(server)
    }
}

impl From<AuthClient> for Either {
    fn from(client: AuthClient) -> Self {
        Self::Client(client)
    }
}
