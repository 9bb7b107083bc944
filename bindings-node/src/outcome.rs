//! Results and errors as JSON text.

use sentri_core::Error;
use sentri_core::http::Response;
use serde_json::{Value, json};

/// An error as data.
pub fn error_value(error: &Error) -> Value {
    let mut value = json!({ "code": error.code, "message": error.message, "statusCode": error.status });
    if let Some(details) = &error.details {
        value["details"] = (**details).clone();
    }
    if let Some(after) = error.retry_after {
        value["retryAfter"] = sentri_core::limit::seconds_up(after).into();
    }
    value
}

/// Reads back what [`error_value`] wrote, or what the host threw.
pub fn read_error(value: &Value) -> Error {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let status = value.get("statusCode").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let (Some(code), Some(status)) = (text("code"), status) else { return Error::from_status(status.unwrap_or(500)) };
    let mut error = Error::from(sentri_core::ErrorCode::InternalError);
    if (400..600).contains(&status) {
        error.code = code.to_owned().into();
        error.status = status;
        error.message = text("message").unwrap_or_default().to_owned();
        error.details = value.get("details").cloned().map(Box::new);
        let after = value.get("retryAfter").and_then(Value::as_u64);
        error.retry_after = after.map(std::time::Duration::from_secs);
    }
    error
}

/// `{"value": ...}` or `{"error": ...}`.
pub fn outcome(result: Result<Value, Error>) -> String {
    match result {
        Ok(value) => json!({ "value": value }),
        Err(error) => json!({ "error": error_value(&error) }),
    }
    .to_string()
}

/// JSON text from the host; what is not JSON is null and gets the core's error for that.
pub fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// A response as data.
pub fn response_value(response: Response) -> Value {
    json!({ "status": response.status, "headers": response.headers, "body": response.body })
}
