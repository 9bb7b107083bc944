//! The records that cross the boundary, mirrored by hand. If the core's record gains a member, this file does not
//! compile until the member crosses too.

use napi_derive::napi;
use sentri_core::AuthServer;
use sentri_core::event::Event;
use sentri_core::http::guard::{GuardRequest, ProtectResult};
use sentri_core::http::{Body, Handled, Request, Response};
use sentri_core::protect_host::ProtectHost;
use sentri_core::wire;
use serde_json::Value;

use crate::outcome::response_value;

/// A request to an endpoint.
#[napi(object, object_to_js = false)]
pub struct NativeRequest {
    pub method: String,
    pub path: String,
    pub full_path: Option<String>,
    pub query: Option<String>,
    pub scheme: Option<String>,
    pub headers: Vec<(String, String)>,
    /// The bytes of the body as received.
    pub raw: Option<napi::bindgen_prelude::Buffer>,
    /// The value that the framework's parser made of the body, as JSON text.
    pub parsed: Option<String>,
    /// Whether the adapter stopped reading because the body is too large.
    pub too_large: Option<bool>,
    pub client_ip: Option<String>,
    pub request_id: Option<String>,
    /// The host's number for the request, which the core passes on to overrides.
    pub host_context: Option<u32>,
    /// Whether the host is a server of its own, with no framework around it.
    pub alone: Option<bool>,
}

impl From<NativeRequest> for Request {
    fn from(request: NativeRequest) -> Self {
        let NativeRequest {
            method,
            path,
            full_path,
            query,
            scheme,
            headers,
            raw,
            parsed,
            too_large,
            client_ip,
            request_id,
            host_context,
            alone,
        } = request;
        let alone = alone.unwrap_or(false);
        let body = match (raw, parsed, too_large) {
            (_, _, Some(true)) => Body::TooLarge,
            (Some(bytes), _, _) => Body::Raw(bytes.to_vec()),
            (None, Some(text), _) => Body::Parsed(text),
            (None, None, _) => Body::Empty,
        };
        Self { method, path, full_path, query, scheme, headers, body, client_ip, request_id, host_context, alone }
    }
}

/// The parts of a request that `protect()` reads.
#[napi(object, object_to_js = false)]
pub struct NativeGuardRequest {
    pub method: String,
    pub authorization: Option<String>,
    pub cookie: Option<String>,
    pub origin: Option<String>,
    pub sec_fetch_site: Option<String>,
    pub host: Option<String>,
    pub upgrade: Option<String>,
    pub scheme: Option<String>,
    pub client_ip: Option<String>,
    pub user_agent: Option<String>,
    pub access_control_request_method: Option<String>,
    pub access_control_request_headers: Option<String>,
}

impl From<NativeGuardRequest> for GuardRequest {
    fn from(request: NativeGuardRequest) -> Self {
        let NativeGuardRequest {
            method,
            authorization,
            cookie,
            origin,
            sec_fetch_site,
            host,
            upgrade,
            scheme,
            client_ip,
            user_agent,
            access_control_request_method,
            access_control_request_headers,
        } = request;
        Self {
            method,
            authorization,
            cookie,
            origin,
            sec_fetch_site,
            host,
            upgrade,
            scheme,
            client_ip,
            user_agent,
            access_control_request_method,
            access_control_request_headers,
        }
    }
}

/// Returns events for the log, `[{level, entry}]`.
pub fn events(protect_host: &impl ProtectHost, events: &[Event], request_id: Option<&str>) -> Value {
    wire::events_value(events, &|event| protect_host.log_entry(event, request_id))
}

/// Returns the result of a request, `{response, events, notices}`.
pub fn handled(server: &AuthServer, handled: Handled, request_id: Option<&str>) -> Value {
    wire::handled_value(handled, &|event| server.log_entry(event, request_id))
}

/// Returns the result of `protect()`, `{principal | error, answer?, headers, events, freshUntil, epoch}`.
pub fn guarded(protect_host: &impl ProtectHost, guarded: ProtectResult, epoch: u32, request_id: Option<&str>) -> Value {
    wire::protect_value(guarded, epoch, &|event| protect_host.log_entry(event, request_id))
}

/// A response as JSON text.
pub fn response(response: Response) -> String {
    response_value(response).to_string()
}
