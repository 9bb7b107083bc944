//! The JSON that crosses to other languages: requests in, results and errors out. Bindings carry these texts and decide
//! nothing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::assurance::{Acr, Assurance, Requirement};
use crate::error::{Error, ErrorCode, Said};
use crate::event::{Event, Level};
use crate::failure::Failure;
use crate::hook::{Effect, HookContext};
use crate::http::decision::Decision;
use crate::http::guard::{GuardRequest, Guarded, Principal};
use crate::http::{Body, Handled, Request, Response};
use crate::limit::seconds_up;
use crate::message::Message;
use crate::server::{Limited, VerifiedAccess};

mod packed;
mod passage;

pub use packed::{read_claims_text, verified_text};
pub use passage::{passage_kind, passage_refusal, passage_response, read_incoming};

/// JSON text from a host; what is not JSON is null and gets the error for that.
#[must_use]
pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// Reads the key that a limiter's function gave, as JSON text. What is no JSON becomes something that is no key.
#[must_use]
pub fn read_limit_key(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!([]))
}

/// `{"value": ...}` or `{"error": ...}`.
#[must_use]
pub fn outcome(result: Result<Value, Error>) -> String {
    match result {
        Ok(value) => json!({ "value": value }),
        Err(error) => json!({ "error": error_value(&error) }),
    }
    .to_string()
}

/// Reads what a function of the host's came to: `{"value": ...}` or `{"error": ...}`.
///
/// # Errors
/// The error that it holds: as it is when it has a code and a status or the status of a refusal, else what its `cause`
/// says, for the log.
pub fn read_outcome(text: &str) -> Result<Value, Failure> {
    let mut outcome = parse(text);
    if let Some(error) = outcome.get("error") {
        let read = read_error(error);
        return Err(match optional_text(error, "cause") {
            Some(cause) if read.is(ErrorCode::InternalError) => Failure::Internal(cause),
            _ => read.into(),
        });
    }
    let value = outcome.get_mut("value").map(Value::take);
    value.ok_or_else(|| Failure::Internal("the function did not answer".to_owned()))
}

/// `{code, message, statusCode, details?, retryAfter?}`
#[must_use]
pub fn error_value(error: &Error) -> Value {
    let mut value = json!({ "code": error.code, "message": error.message, "statusCode": error.status });
    if let Some(details) = &error.details {
        value["details"] = (**details).clone();
    }
    if let Some(after) = error.retry_after {
        value["retryAfter"] = seconds_up(after).into();
    }
    value
}

/// Reads what [`error_value`] wrote, or what a host threw: with a code and a status it is told as it is. Of an error of
/// another library, `{statusCode?, message?, unread?}`: `message` is fit for the client, `unread` says that it is about
/// parsing.
#[must_use]
pub fn read_error(value: &Value) -> Error {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let status = value.get("statusCode").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let (Some(code), Some(status)) = (text("code"), status) else {
        let is_unread = value.get("unread") == Some(&Value::Bool(true));
        let shown = text("message").map_or(Said::Nothing, Said::ForTheClient);
        return Error::from_status(status.unwrap_or(500), if is_unread { Said::CouldNotRead } else { shown });
    };
    if !(400..600).contains(&status) {
        return ErrorCode::InternalError.into();
    }
    Error {
        code: code.to_owned().into(),
        message: text("message").unwrap_or_default().to_owned(),
        status,
        details: value.get("details").filter(|details| !details.is_null()).cloned().map(Box::new),
        retry_after: value.get("retryAfter").and_then(Value::as_u64).map(Duration::from_secs),
    }
}

fn optional_text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// `{method, path, fullPath?, query?, scheme?, headers: [[name, value]], parsed?, tooLarge?, clientIp?, requestId?,
/// hostContext?, alone?}`; `raw` is the body as received.
#[must_use]
pub fn read_request(head: &Value, raw: Option<Vec<u8>>) -> Request {
    let headers = head.get("headers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let header = |pair: &Value| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.as_str()?.to_owned()));
    let body = match (raw, optional_text(head, "parsed"), head.get("tooLarge")) {
        (_, _, Some(Value::Bool(true))) => Body::TooLarge,
        (Some(bytes), ..) => Body::Raw(bytes),
        (None, Some(text), _) => Body::Parsed(text),
        (None, None, _) => Body::Empty,
    };
    Request {
        method: optional_text(head, "method").unwrap_or_default(),
        path: optional_text(head, "path").unwrap_or_default(),
        full_path: optional_text(head, "fullPath"),
        query: optional_text(head, "query"),
        scheme: optional_text(head, "scheme"),
        headers: headers.iter().filter_map(header).collect(),
        body,
        client_ip: optional_text(head, "clientIp"),
        request_id: optional_text(head, "requestId"),
        host_context: head.get("hostContext").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok()),
        alone: head.get("alone").and_then(Value::as_bool).unwrap_or(false),
    }
}

/// `{method, authorization?, cookie?, origin?, secFetchSite?, host?, scheme?, clientIp?, userAgent?,
/// accessControlRequestMethod?, accessControlRequestHeaders?}`
#[must_use]
pub fn read_guard_request(request: &Value) -> GuardRequest {
    GuardRequest {
        method: optional_text(request, "method").unwrap_or_default(),
        authorization: optional_text(request, "authorization"),
        cookie: optional_text(request, "cookie"),
        origin: optional_text(request, "origin"),
        sec_fetch_site: optional_text(request, "secFetchSite"),
        host: optional_text(request, "host"),
        scheme: optional_text(request, "scheme"),
        client_ip: optional_text(request, "clientIp"),
        user_agent: optional_text(request, "userAgent"),
        access_control_request_method: optional_text(request, "accessControlRequestMethod"),
        access_control_request_headers: optional_text(request, "accessControlRequestHeaders"),
    }
}

/// `{status, headers, body}`
#[must_use]
pub fn response_value(response: Response) -> Value {
    let Response { status, headers, body } = response;
    json!({ "status": status, "headers": headers, "body": body })
}

/// The words of a server for an event: `log_entry` of `AuthServer`, with the request's id.
pub type Log<'a> = &'a dyn Fn(&Event) -> (Level, Value);

/// `[{level, entry}]`
#[must_use]
pub fn events_value(events: &[Event], log: Log<'_>) -> Value {
    let one = |event: &Event| {
        let (level, entry) = log(event);
        json!({ "level": level.as_str(), "entry": entry })
    };
    events.iter().map(one).collect()
}

/// `{response, events, effects: [{hook, args}], messages?}`
#[must_use]
pub fn handled_value(handled: Handled, log: Log<'_>) -> Value {
    let Handled { response, events, effects, messages } = handled;
    let mut value = json!({
        "response": response_value(response),
        "events": events_value(&events, log),
        "effects": effects.into_iter().map(effect_value).collect::<Value>(),
    });
    if !messages.is_empty() {
        value["messages"] = messages.iter().map(Message::to_json).collect();
    }
    value
}

fn effect_value(effect: Effect) -> Value {
    match effect {
        Effect::Login { user_id, roles, context } => {
            json!({ "hook": "onLogin", "args": [{ "id": user_id, "roles": roles }, context_value(context)] })
        }
        Effect::FailedLogin { identifier, context } => {
            json!({ "hook": "onFailedLogin", "args": [identifier, context_value(context)] })
        }
        Effect::Logout { user_id, context } => json!({ "hook": "onLogout", "args": [user_id, context_value(context)] }),
    }
}

fn context_value(context: HookContext) -> Value {
    let HookContext { ip, user_agent, request_id, session_id, error_code } = context;
    json!({
        "ip": ip, "userAgent": user_agent, "requestId": request_id, "sessionId": session_id, "errorCode": error_code,
    })
}

/// `{principal | error, answer?, headers, events, freshUntil, epoch}`. The principal has `acr`, `amr` and `authTime`,
/// in seconds since 1970 or `null`, where somebody keeps them, and `withheld` where roles wait for a second factor.
#[must_use]
pub fn guarded_value(guarded: Guarded, epoch: u32, log: Log<'_>) -> Value {
    let Guarded { result, answer, headers, events, fresh_until } = guarded;
    let mut value = json!({
        "headers": headers,
        "events": events_value(&events, log),
        "freshUntil": fresh_until,
        "epoch": epoch,
    });
    if let Some(answer) = answer {
        value["answer"] = response_value(answer);
    }
    match result {
        Ok(Principal { id, roles, withheld, session_id, assurance, token, exp }) => {
            let mut principal =
                json!({ "id": id, "roles": roles, "sessionId": session_id, "token": token, "exp": exp });
            if !withheld.is_empty() {
                principal["withheld"] = json!(withheld);
            }
            if let Some(Assurance { acr, amr, auth_time }) = assurance {
                principal["acr"] = json!(acr);
                principal["amr"] = json!(amr);
                principal["authTime"] = json!(auth_time);
            }
            value["principal"] = principal;
        }
        Err(error) => value["error"] = error_value(&error),
    }
    value
}

/// `{acr?, maxAge?, leeway}`, in seconds: what a host compares with what is known of a user.
#[must_use]
pub fn requirement_value(need: Requirement, leeway_seconds: i64) -> Value {
    let mut value = need.to_value();
    value["leeway"] = leeway_seconds.into();
    value
}

/// Reads `{acr?, maxAge?}` of what [`requirement_value`] wrote; what is no such thing asks for what nobody has.
#[must_use]
pub fn read_requirement(text: &str) -> Requirement {
    let mut value = parse(text);
    if let Some(members) = value.as_object_mut() {
        members.remove("leeway");
    }
    Requirement::read(&value).unwrap_or(Requirement { acr: Some(Acr::Aal2), max_age: None })
}

/// `{error?, events}`
#[must_use]
pub fn decision_value(decision: Decision, log: Log<'_>) -> Value {
    let Decision { error, event } = decision;
    let events: Vec<Event> = event.into_iter().collect();
    json!({ "error": error.as_ref().map(error_value), "events": events_value(&events, log) })
}

/// `{headers, error?, events}`
#[must_use]
pub fn limited_value(limited: &Limited, log: Log<'_>) -> Value {
    let Limited { headers, error, events } = limited;
    json!({ "headers": headers, "error": error.as_ref().map(error_value), "events": events_value(events, log) })
}

/// `{id, roles, sessionId, exp}`
#[must_use]
pub fn verified_value(verified: VerifiedAccess) -> Value {
    let VerifiedAccess { id, roles, session_id, exp } = verified;
    json!({ "id": id, "roles": roles, "sessionId": session_id, "exp": exp })
}
