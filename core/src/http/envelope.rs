//! The envelope of every response, and the headers that depend on its content alone.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Response;
use crate::assurance;
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::limit;

/// The answer to a success, before it is a [`Response`].
#[derive(Debug)]
pub struct Reply {
    status: u16,
    body: Result<String, serde_json::Error>,
}

/// The envelope of a success.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Success<T> {
    error: bool,
    status_code: u16,
    message: &'static str,
    data: T,
}

impl Reply {
    /// Makes an answer with the status 200.
    #[must_use]
    pub fn ok(message: &'static str, data: impl Serialize) -> Self {
        Self::new(200, message, data)
    }

    /// Makes an answer with the status 201.
    #[must_use]
    pub fn created(message: &'static str, data: impl Serialize) -> Self {
        Self::new(201, message, data)
    }

    /// Makes an answer with the status 202.
    #[must_use]
    pub fn accepted(message: &'static str, data: impl Serialize) -> Self {
        Self::new(202, message, data)
    }

    /// Writes the data as JSON text; no other code does.
    fn new(status: u16, message: &'static str, data: impl Serialize) -> Self {
        Self { status, body: serde_json::to_string(&Success { error: false, status_code: status, message, data }) }
    }

    /// Returns the response, whose body is `{error: false, statusCode, message, data}`. No cache may store it.
    ///
    /// # Errors
    /// The data can't be written, which is a defect.
    pub fn into_response(self) -> Result<Response, Failure> {
        let body = self.body.map_err(|error| Failure::Internal(format!("an answer can't be written: {error}")))?;
        Ok(Response { status: self.status, headers: json_headers("no-store"), body })
    }
}

/// Returns the response for an error, whose body is `{error: true, statusCode, code, message, data}`. `data` is null,
/// or the `details` of the error if its code is in [`ErrorCode::WITH_DATA`]; other details are for the host's code
/// alone. A 401 has `WWW-Authenticate` (RFC 9110, 11.6.1), and an error with a wait has `Retry-After`.
#[must_use]
pub fn error_response(error: &Error) -> Response {
    let mut body = Map::with_capacity(6);
    body.insert("error".to_owned(), true.into());
    body.insert("statusCode".to_owned(), error.status.into());
    body.insert("code".to_owned(), error.code.as_ref().into());
    body.insert("message".to_owned(), error.message.as_str().into());
    let details = error.details.as_deref();
    let has_data = ErrorCode::WITH_DATA.into_iter().any(|code| error.is(code));
    body.insert("data".to_owned(), details.filter(|_| has_data).cloned().unwrap_or_default());
    let mut headers = json_headers("no-store");
    if error.status == 401 {
        let is_step_up = error.is(ErrorCode::StepUpRequired);
        let challenge = if is_step_up { assurance::challenge(details) } else { "Bearer".to_owned() };
        headers.push(("WWW-Authenticate".to_owned(), challenge));
    }
    let limits = limit::headers_of(error);
    match error.retry_after {
        Some(after) if limits.is_empty() => {
            headers.push(("Retry-After".to_owned(), limit::seconds_up(after).max(1).to_string()));
        }
        _ => headers.extend(limits),
    }
    Response { status: error.status, headers, body: Value::Object(body).to_string() }
}

/// Returns a response outside the envelope, which only the key set is.
#[must_use]
pub fn bare(body: &Value, cache_control: &str) -> Response {
    Response { status: 200, headers: json_headers(cache_control), body: body.to_string() }
}

fn json_headers(cache_control: &str) -> Vec<(String, String)> {
    vec![
        ("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned()),
        ("Cache-Control".to_owned(), cache_control.to_owned()),
    ]
}
