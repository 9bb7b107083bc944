//! The records that cross to other languages as JSON. `make generate` writes their types in TypeScript and Python from
//! this file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::assurance::{Acr, Method};
use crate::clock::Millis;
use crate::event::Level;
use crate::idempotency::Replay;

/// A JSON object.
type Object = Value;

/// Reads a record. Anything but an object is an empty one: serde would take a list for its members in their order.
pub(super) fn read<'a, T: Default + Deserialize<'a>>(value: &'a Value) -> T {
    if value.is_object() { T::deserialize(value).unwrap_or_default() } else { T::default() }
}

/// A request to an endpoint. Its body as received crosses beside it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EndpointRequest {
    pub method: String,
    /// The part below the mount point, as the client sent it.
    pub path: String,
    /// The whole path as the client sent it.
    pub full_path: Option<String>,
    pub query: Option<String>,
    /// The scheme by which the request came, as the framework knows it.
    pub scheme: Option<String>,
    pub headers: Vec<(String, String)>,
    /// JSON text of the body, where the framework has parsed it.
    pub parsed: Option<String>,
    /// Whether the body is longer than is read.
    pub too_large: Option<bool>,
    pub client_ip: Option<String>,
    pub request_id: Option<String>,
    /// A number that comes back to overrides and `isTokenRevoked`.
    pub host_context: Option<u32>,
    /// Whether there is no framework: pages of `trustedOrigins` read the answer, events have the trace.
    pub alone: Option<bool>,
}

/// A request at the idempotency gate. The text in the place of its body crosses beside it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct GateRequest<'a> {
    pub method: &'a str,
    pub host: Option<&'a str>,
    pub path_and_query: &'a str,
    /// The value of the header that holds the key.
    pub header_value: Option<&'a str>,
    /// The user id named by the request's tokens, or an empty text.
    pub identity: Option<&'a str>,
    pub authorization: Option<&'a str>,
    pub cookie: Option<&'a str>,
    pub api_key: Option<&'a str>,
    /// The name of the caller that a function of the host gave.
    pub named: Option<&'a str>,
    /// The address of the client.
    pub address: Option<&'a str>,
    pub content_type: Option<&'a str>,
}

/// An error as it crosses.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorData<'a> {
    pub code: &'a str,
    pub message: &'a str,
    pub status_code: u16,
    /// Machine-readable particulars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<&'a Value>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// A response to be written as it is.
#[derive(Serialize)]
pub(super) struct ResponseData {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A stored response that is given again; its body crosses beside it, as bytes.
#[derive(Serialize)]
pub(super) struct ReplayData<'a> {
    pub status: u16,
    pub headers: &'a [(String, String)],
}

/// The decision on a stored response.
#[derive(Serialize)]
pub(super) struct ReplayDecision {
    pub replay: Replay,
    /// The response that refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<ResponseData>,
}

/// A log entry.
#[derive(Serialize)]
pub(super) struct LoggedEvent {
    pub level: Level,
    pub entry: Object,
}

/// A call of a hook of the host's.
#[derive(Serialize)]
pub(super) struct HookCall {
    pub hook: &'static str,
    pub args: Vec<Value>,
}

/// Everything that came of a request to an endpoint.
#[derive(Serialize)]
pub(super) struct EndpointResult {
    pub response: ResponseData,
    pub events: Vec<LoggedEvent>,
    /// To be run before the response is written.
    pub notices: Vec<HookCall>,
    /// To be sent after the response is written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Value>,
}

/// The maker of a request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Principal {
    pub id: String,
    /// The roles in effect.
    pub roles: Vec<String>,
    /// Null where the token was signed without a session.
    pub session_id: Option<String>,
    pub token: String,
    /// The time at which the token expires, in milliseconds since 1970.
    pub exp: Millis,
    /// The roles that wait for a second factor, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
    /// The authenticator assurance level, where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// The methods by which the user authenticated, where they are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<Method>>,
    /// The time of that in seconds since 1970, where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Option<i64>>,
}

/// The result of `protect()`: a principal, or an error.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProtectData<'a> {
    /// To be set on the response.
    pub headers: Vec<(String, String)>,
    pub events: Vec<LoggedEvent>,
    /// The time in milliseconds since 1970 until which the same bearer token may be answered from memory under the same
    /// epoch; 0: never.
    pub fresh_until: Millis,
    pub epoch: u32,
    /// The whole response to a request that ends here, a CORS preflight. There is an error then, too, for hosts that do
    /// not look here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<ResponseData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorData<'a>>,
}

/// The result of `authorize()`, `permit()` and step-up checks; no error lets pass.
#[derive(Serialize)]
pub(super) struct Decision<'a> {
    pub error: Option<ErrorData<'a>>,
    pub events: Vec<LoggedEvent>,
}

/// The result of a rate limiter; no error lets pass.
#[derive(Serialize)]
pub(super) struct LimitResult<'a> {
    /// To be set on the response, also when it passes.
    pub headers: &'a [(String, String)],
    pub error: Option<ErrorData<'a>>,
    pub events: Vec<LoggedEvent>,
}

/// The authentication that a route asks for, to be compared with the authentication of a user.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Requirement {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
    /// The tolerance for the signer's clock, in seconds.
    pub leeway: i64,
}

/// The claims of an access token that was verified.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerifiedToken {
    pub id: String,
    pub roles: Vec<String>,
    pub session_id: Option<String>,
    /// In seconds since 1970.
    pub exp: i64,
}
