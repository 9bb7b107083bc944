//! The records that cross, mirrored by hand: a member that the core gains does not compile until it crosses too.

use napi_derive::napi;
use sentri_core::AuthServer;
use sentri_core::event::Event;
use sentri_core::hook::{Effect, HookContext};
use sentri_core::http::guard::{GuardRequest, Guarded, Principal};
use sentri_core::http::{Body, Handled, Request, Response};
use serde_json::{Value, json};

use crate::guardian::Guardian;
use crate::outcome::{error_value, response_value};

/// A request to an endpoint.
#[napi(object, object_to_js = false)]
pub struct NodeRequest {
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub headers: Vec<(String, String)>,
    /// Bytes as received.
    pub raw: Option<napi::bindgen_prelude::Buffer>,
    /// JSON text of what the framework's parser made of the body.
    pub parsed: Option<String>,
    /// The adapter stopped reading.
    pub too_large: Option<bool>,
    pub client_ip: Option<String>,
    pub request_id: Option<String>,
    /// A number that comes back to overrides.
    pub host_context: Option<u32>,
}

impl From<NodeRequest> for Request {
    fn from(request: NodeRequest) -> Self {
        let NodeRequest { method, path, query, headers, raw, parsed, too_large, client_ip, request_id, host_context } =
            request;
        let body = match (raw, parsed, too_large) {
            (_, _, Some(true)) => Body::TooLarge,
            (Some(bytes), _, _) => Body::Raw(bytes.to_vec()),
            (None, Some(text), _) => Body::Parsed(text),
            (None, None, _) => Body::Empty,
        };
        Self { method, path, query, headers, body, client_ip, request_id, host_context }
    }
}

/// What `protect()` looks at.
#[napi(object, object_to_js = false)]
pub struct NodeGuardRequest {
    pub method: String,
    pub authorization: Option<String>,
    pub cookie: Option<String>,
    pub origin: Option<String>,
    pub sec_fetch_site: Option<String>,
    pub host: Option<String>,
    pub client_ip: Option<String>,
    pub user_agent: Option<String>,
}

impl From<NodeGuardRequest> for GuardRequest {
    fn from(request: NodeGuardRequest) -> Self {
        let NodeGuardRequest { method, authorization, cookie, origin, sec_fetch_site, host, client_ip, user_agent } =
            request;
        Self { method, authorization, cookie, origin, sec_fetch_site, host, client_ip, user_agent }
    }
}

/// `[{level, entry}]`
pub fn events(guardian: &impl Guardian, events: &[Event], request_id: Option<&str>) -> Value {
    let log = |event: &Event| {
        let (level, entry) = guardian.log_entry(event, request_id);
        json!({ "level": level.as_str(), "entry": entry })
    };
    events.iter().map(log).collect()
}

/// `{response, events, effects}`
pub fn handled(server: &AuthServer, handled: Handled, request_id: Option<&str>) -> Value {
    let Handled { response, events: logged, effects } = handled;
    json!({
        "response": response_value(response),
        "events": events(server, &logged, request_id),
        "effects": effects.into_iter().map(effect).collect::<Value>(),
    })
}

/// `{hook, args}`
fn effect(effect: Effect) -> Value {
    match effect {
        Effect::Login { user_id, roles, context } => {
            json!({ "hook": "onLogin", "args": [{ "id": user_id, "roles": roles }, hook_context(context)] })
        }
        Effect::FailedLogin { identifier, context } => {
            json!({ "hook": "onFailedLogin", "args": [identifier, hook_context(context)] })
        }
        Effect::Logout { user_id, context } => json!({ "hook": "onLogout", "args": [user_id, hook_context(context)] }),
    }
}

fn hook_context(context: HookContext) -> Value {
    let HookContext { ip, user_agent, request_id, session_id, error_code } = context;
    json!({
        "ip": ip, "userAgent": user_agent, "requestId": request_id, "sessionId": session_id, "errorCode": error_code,
    })
}

/// `{principal | error, headers, events, freshUntil, epoch}`
pub fn guarded(guardian: &impl Guardian, guarded: Guarded, epoch: u32, request_id: Option<&str>) -> Value {
    let Guarded { result, headers, events: logged, fresh_until } = guarded;
    let mut value = json!({
        "headers": headers,
        "events": events(guardian, &logged, request_id),
        "freshUntil": fresh_until,
        "epoch": epoch,
    });
    match result {
        Ok(Principal { id, roles, session_id, token, exp }) => {
            value["principal"] =
                json!({ "id": id, "roles": roles, "sessionId": session_id, "token": token, "exp": exp });
        }
        Err(error) => value["error"] = error_value(&error),
    }
    value
}

/// A response as JSON text.
pub fn response(response: Response) -> String {
    response_value(response).to_string()
}
