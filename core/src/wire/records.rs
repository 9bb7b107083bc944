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

/// Reads a record. A value that is no object becomes an empty record, since serde would accept a list as the members in
/// their order.
pub(super) fn read<'a, T: Default + Deserialize<'a>>(value: &'a Value) -> T {
    if value.is_object() { T::deserialize(value).unwrap_or_default() } else { T::default() }
}

/// A request to an endpoint. Its body as received crosses separately.
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
    /// The JSON text of the body, if the framework has parsed it.
    pub parsed: Option<String>,
    /// Whether the body is longer than the limit, so that it was not read.
    pub too_large: Option<bool>,
    pub client_ip: Option<String>,
    pub request_id: Option<String>,
    /// The host's number for the request, which its overrides and `isTokenRevoked` get back.
    pub host_context: Option<u32>,
    /// Whether there is no framework. Pages of `trustedOrigins` may then read the answer, and events carry the trace
    /// id.
    pub alone: Option<bool>,
}

/// A request at the idempotency gate. Its body, or a text that stands for it, crosses separately.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct GateRequest<'a> {
    pub method: &'a str,
    pub host: Option<&'a str>,
    pub path_and_query: &'a str,
    /// The value of the header that holds the key.
    pub header_value: Option<&'a str>,
    /// The identity that the request's tokens name.
    pub identity: Option<&'a str>,
    pub authorization: Option<&'a str>,
    pub cookie: Option<&'a str>,
    pub api_key: Option<&'a str>,
    /// The caller's name, as the host's function `credential` returned it.
    pub named: Option<&'a str>,
    /// The address of the client.
    pub address: Option<&'a str>,
    pub content_type: Option<&'a str>,
}

/// An error.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorData<'a> {
    pub code: &'a str,
    pub message: &'a str,
    pub status_code: u16,
    /// Machine-readable details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<&'a Value>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// A response, which the host writes unchanged.
#[derive(Serialize)]
pub(super) struct ResponseData {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A stored response that is replayed. Its body crosses separately, as bytes.
#[derive(Serialize)]
pub(super) struct ReplayData<'a> {
    pub status: u16,
    pub headers: &'a [(String, String)],
}

/// The decision on a stored response.
#[derive(Serialize)]
pub(super) struct ReplayDecision {
    pub replay: Replay,
    /// The response that refuses the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<ResponseData>,
}

/// A log entry.
#[derive(Serialize)]
pub(super) struct LoggedEvent {
    pub level: Level,
    pub entry: Object,
}

/// A call of a hook of the host.
#[derive(Serialize)]
pub(super) struct HookCall {
    pub hook: &'static str,
    pub args: Vec<Value>,
}

/// The result of a request to an endpoint.
#[derive(Serialize)]
pub(super) struct EndpointResult {
    pub response: ResponseData,
    pub events: Vec<LoggedEvent>,
    /// The hooks to run before the response is written.
    pub notices: Vec<HookCall>,
    /// The messages to send after the response is written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Value>,
}

/// The user behind a request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Principal {
    pub id: String,
    /// The roles in effect.
    pub roles: Vec<String>,
    /// Null if the token was signed without a session.
    pub session_id: Option<String>,
    pub token: String,
    /// The time at which the token expires, in milliseconds since 1970.
    pub exp: Millis,
    /// The roles that are not in effect until a second factor is presented, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
    /// The authenticator assurance level, if it is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// The methods by which the user authenticated, if they are recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<Method>>,
    /// The time of the authentication in seconds since 1970, if it is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Option<i64>>,
}

/// The result of `protect()`: a principal, or an error.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProtectData<'a> {
    /// The headers to set on the response.
    pub headers: Vec<(String, String)>,
    pub events: Vec<LoggedEvent>,
    /// The time in milliseconds since 1970 until which the host may answer the same bearer token from its own cache
    /// under the same epoch. 0: never.
    pub fresh_until: Millis,
    pub epoch: u32,
    /// The complete response to a CORS preflight, which reaches no handler. There is an error then, too, for hosts that
    /// ignore this member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<ResponseData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorData<'a>>,
}

/// The result of `authorize()`, `permit()` or a step-up check. Without an error the request passes.
#[derive(Serialize)]
pub(super) struct Decision<'a> {
    pub error: Option<ErrorData<'a>>,
    pub events: Vec<LoggedEvent>,
}

/// The result of a rate limiter. Without an error the request passes.
#[derive(Serialize)]
pub(super) struct LimitResult<'a> {
    /// The headers to set on the response to a request that passes.
    pub headers: &'a [(String, String)],
    pub error: Option<ErrorData<'a>>,
    pub events: Vec<LoggedEvent>,
}

/// The authentication that a route requires, for hosts that compare it with that of a user.
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

/// The claims of a verified access token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerifiedToken {
    pub id: String,
    pub roles: Vec<String>,
    pub session_id: Option<String>,
    /// In seconds since 1970.
    pub exp: i64,
}
