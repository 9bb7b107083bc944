//! The public error: a code, a message and an HTTP status, which cross every boundary as plain data.

mod code;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use code::{ErrorCode, ErrorRow, ROWS};

/// The error that a caller gets instead of a result. It never holds a secret, so it is safe to print and to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// The name of an [`ErrorCode`], or a code of the application's own that an override has thrown.
    pub code: Cow<'static, str>,
    /// A sentence for a person.
    pub message: String,
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// Machine-readable details, e.g. `{"field": "password"}`.
    pub details: Option<Box<Value>>,
    /// The time to wait before another attempt. It is sent as `Retry-After`, in whole seconds rounded up.
    pub retry_after: Option<Duration>,
}

/// The code of the answer to a path that no endpoint serves.
pub const NOT_FOUND: &str = "NOT_FOUND";

impl Error {
    /// Makes an error of `code` with a message of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code.as_str()),
            message: message.into(),
            status: code.status(),
            details: None,
            retry_after: None,
        }
    }

    /// Makes a `CONFIGURATION_ERROR`. The message must name the option and the cure.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ConfigurationError, message)
    }

    /// Makes a `VALIDATION_ERROR` about a field of the input.
    pub fn validation(field: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationError, message).with_details(serde_json::json!({ "field": field }))
    }

    /// Makes a `NOT_FOUND`, for an address with nothing to answer. It comes from routing alone, so it is no
    /// [`ErrorCode`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(NOT_FOUND), status: 404, ..Self::new(ErrorCode::InternalError, message) }
    }

    /// Makes the error for an exception of a framework or a library that has an HTTP status. A status of 4xx is kept;
    /// any other becomes `INTERNAL_ERROR`.
    #[must_use]
    pub fn from_status(status: u16, said: PublicText<'_>) -> Self {
        let code = match status {
            401 => ErrorCode::Unauthorized,
            403 => ErrorCode::Forbidden,
            429 => ErrorCode::RateLimitExceeded,
            400..500 => ErrorCode::ValidationError,
            _ => return ErrorCode::InternalError.into(),
        };
        let ours = match status {
            404 => Some("Not found"),
            413 => Some("The request body is too large"),
            _ => (code != ErrorCode::ValidationError).then(|| code.message()),
        };
        let message = match said {
            PublicText::ForTheClient(message) => message,
            PublicText::CouldNotRead => ours.unwrap_or("The request could not be read"),
            PublicText::Nothing => ours.or_else(|| status_name(status)).unwrap_or("Bad request"),
        };
        if status == 404 { Self::not_found(message) } else { Self { status, ..Self::new(code, message) } }
    }

    /// The same error with `details`.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// The same error with a `Retry-After`.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Whether the error has this code.
    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == code.as_str()
    }
}

/// The text of a foreign error, as far as clients may see it.
#[derive(Debug, Clone, Copy)]
pub enum PublicText<'a> {
    /// Clients may see nothing, since the text may quote the request or describe the server.
    Nothing,
    /// Clients may see this text, since the error marks it as meant for them.
    ForTheClient(&'a str),
    /// Clients may see that their input could not be parsed, but not the text.
    CouldNotRead,
}

/// The names of statuses that have no better text (RFC 9110, 15.5, and IANA's registry).
pub const STATUS_NAMES: &[(u16, &str)] = &[
    (402, "Payment required"),
    (405, "Method not allowed"),
    (406, "Not acceptable"),
    (407, "Proxy authentication required"),
    (408, "Request timeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length required"),
    (412, "Precondition failed"),
    (414, "URI too long"),
    (415, "Unsupported media type"),
    (416, "Range not satisfiable"),
    (417, "Expectation failed"),
    (418, "I'm a teapot"),
    (421, "Misdirected request"),
    (422, "Unprocessable content"),
    (423, "Locked"),
    (424, "Failed dependency"),
    (425, "Too early"),
    (426, "Upgrade required"),
    (428, "Precondition required"),
    (431, "Request header fields too large"),
    (451, "Unavailable for legal reasons"),
];

fn status_name(status: u16) -> Option<&'static str> {
    STATUS_NAMES.iter().find(|(known, _)| *known == status).map(|(_, name)| *name)
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.message())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}
