//! The JSON that crosses to other languages. It reads requests, and writes results and errors. Bindings pass these
//! texts on and decide nothing.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::assurance::{Acr, Assurance, Requirement};
use crate::error::{Error, ErrorCode, PublicText};
use crate::event::{Event, Level};
use crate::failure::Failure;
use crate::hook::Notice;
use crate::http::decision::Decision;
use crate::http::guard::{self, GuardRequest, ProtectResult};
use crate::http::{Body, Handled, Request, Response};
use crate::limit::seconds_up;
use crate::message::Message;
use crate::server::{Limited, VerifiedAccess};

mod packed;
mod passage;
mod records;

pub use packed::{read_claims_text, verified_text};
pub use passage::{passage_kind, passage_response, read_incoming, replay_value};

use records::{
    EndpointRequest, EndpointResult, ErrorData, HookCall, LimitResult, LoggedEvent, Principal, ProtectData,
    ResponseData, VerifiedToken,
};

/// Reads JSON text of a host. Malformed text becomes null, and gets the error for a null.
#[must_use]
pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// Reads the key that a limiter's function returned, as JSON text. Malformed text becomes a value that is no key.
#[must_use]
pub fn read_limit_key(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!([]))
}

/// Writes `{"value": ...}` or `{"error": ...}`.
#[must_use]
pub fn outcome(result: Result<Value, Error>) -> String {
    match result {
        Ok(value) => json!({ "value": value }),
        Err(error) => json!({ "error": error_value(&error) }),
    }
    .to_string()
}

/// Reads the outcome of a function of the host, `{"value": ...}` or `{"error": ...}`.
///
/// # Errors
/// The error that the outcome holds. It is unchanged if it has a code and a status, or the status of a refusal. Any
/// other becomes an internal failure with its `cause` for the log.
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

fn value(record: impl Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}

/// Writes an error.
#[must_use]
pub fn error_value(error: &Error) -> Value {
    value(error_data(error))
}

fn error_data(error: &Error) -> ErrorData<'_> {
    let Error { code, message, status, details, retry_after } = error;
    let retry_after = retry_after.map(seconds_up);
    ErrorData { code, message, status_code: *status, details: details.as_deref(), retry_after }
}

/// Reads the output of [`error_value`], or an error that a host threw. An error with a code and a status is returned
/// unchanged. The form of a foreign error is `{statusCode?, message?, unread?}`, where `message` may be sent to the
/// client, and `unread` marks input that could not be parsed.
#[must_use]
pub fn read_error(value: &Value) -> Error {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let status = value.get("statusCode").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let (Some(code), Some(status)) = (text("code"), status) else {
        let is_unread = value.get("unread") == Some(&Value::Bool(true));
        let shown = text("message").map_or(PublicText::Nothing, PublicText::ForTheClient);
        return Error::from_status(status.unwrap_or(500), if is_unread { PublicText::CouldNotRead } else { shown });
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

/// Reads a request to an endpoint. `raw` is the body as received. A malformed request has no path, so no endpoint is
/// found for it.
#[must_use]
pub fn read_request(head: &Value, raw: Option<Vec<u8>>) -> Request {
    let EndpointRequest {
        method,
        path,
        full_path,
        query,
        scheme,
        headers,
        parsed,
        too_large,
        client_ip,
        request_id,
        host_context,
        alone,
    } = records::read(head);
    let body = match (raw, parsed) {
        _ if too_large == Some(true) => Body::TooLarge,
        (Some(bytes), _) => Body::Raw(bytes),
        (None, Some(text)) => Body::Parsed(text),
        (None, None) => Body::Empty,
    };
    let alone = alone.unwrap_or(false);
    Request { method, path, full_path, query, scheme, headers, body, client_ip, request_id, host_context, alone }
}

/// Reads the parts of a request that `protect()` reads. A malformed request has no credentials.
#[must_use]
pub fn read_guard_request(request: &Value) -> GuardRequest {
    records::read(request)
}

/// Writes a response.
#[must_use]
pub fn response_value(response: Response) -> Value {
    value(response_data(response))
}

fn response_data(response: Response) -> ResponseData {
    let Response { status, headers, body } = response;
    ResponseData { status, headers, body }
}

/// A function that returns the level and the log entry of an event, as `AuthServer::log_entry` does for a request.
pub type Log<'a> = &'a dyn Fn(&Event) -> (Level, Value);

/// Writes events as log entries, `[{level, entry}]`.
#[must_use]
pub fn events_value(events: &[Event], log: Log<'_>) -> Value {
    value(logged(events, log))
}

fn logged(events: &[Event], log: Log<'_>) -> Vec<LoggedEvent> {
    let entry_of = |event: &Event| {
        let (level, entry) = log(event);
        LoggedEvent { level, entry }
    };
    events.iter().map(entry_of).collect()
}

/// Writes the result of a request to an endpoint.
#[must_use]
pub fn handled_value(handled: Handled, log: Log<'_>) -> Value {
    let Handled { response, events, notices, messages } = handled;
    value(EndpointResult {
        response: response_data(response),
        events: logged(&events, log),
        notices: notices.into_iter().map(hook_call).collect(),
        messages: messages.iter().map(Message::to_json).collect(),
    })
}

fn hook_call(notice: Notice) -> HookCall {
    let (hook, of, context) = match notice {
        Notice::Login { user_id, roles, context } => ("onLogin", json!({ "id": user_id, "roles": roles }), context),
        Notice::FailedLogin { identifier, context } => ("onFailedLogin", identifier.into(), context),
        Notice::Logout { user_id, context } => ("onLogout", user_id.into(), context),
    };
    HookCall { hook, args: vec![of, value(context)] }
}

/// Writes the result of `protect()`.
#[must_use]
pub fn protect_value(guarded: ProtectResult, epoch: u32, log: Log<'_>) -> Value {
    let ProtectResult { result, answer, headers, events, fresh_until } = guarded;
    let error = result.as_ref().err().map(error_data);
    value(ProtectData {
        headers,
        events: logged(&events, log),
        fresh_until,
        epoch,
        answer: answer.map(response_data),
        principal: result.as_ref().ok().cloned().map(principal),
        error,
    })
}

fn principal(principal: guard::Principal) -> Principal {
    let guard::Principal { id, roles, withheld, session_id, assurance, token, exp } = principal;
    let (acr, amr, auth_time) = match assurance {
        Some(Assurance { acr, amr, auth_time }) => (Some(acr), Some(amr), Some(auth_time)),
        None => (None, None, None),
    };
    Principal { id, roles, session_id, token, exp, withheld, acr, amr, auth_time }
}

/// Writes the authentication that a route requires, for hosts that compare it with that of a user.
#[must_use]
pub fn requirement_value(need: Requirement, leeway: i64) -> Value {
    let Requirement { acr, max_age } = need;
    value(records::Requirement { acr, max_age, leeway })
}

/// Reads `{acr?, maxAge?}` from the output of [`requirement_value`]. Malformed text requires `aal2`.
#[must_use]
pub fn read_requirement(text: &str) -> Requirement {
    let mut value = parse(text);
    if let Some(members) = value.as_object_mut() {
        members.remove("leeway");
    }
    Requirement::read(&value).unwrap_or(Requirement { acr: Some(Acr::Aal2), max_age: None })
}

/// Writes the result of `authorize()`, `permit()` or a step-up check.
#[must_use]
pub fn decision_value(decision: Decision, log: Log<'_>) -> Value {
    let Decision { error, event } = decision;
    let events: Vec<Event> = event.into_iter().collect();
    value(records::Decision { error: error.as_ref().map(error_data), events: logged(&events, log) })
}

/// Writes the result of a rate limiter.
#[must_use]
pub fn limited_value(limited: &Limited, log: Log<'_>) -> Value {
    let Limited { headers, error, events } = limited;
    value(LimitResult { headers, error: error.as_ref().map(error_data), events: logged(events, log) })
}

/// Writes the claims of a verified access token.
#[must_use]
pub fn verified_value(verified: VerifiedAccess) -> Value {
    let VerifiedAccess { id, roles, session_id, exp } = verified;
    value(VerifiedToken { id, roles, session_id, exp })
}
