//! The public error: a code, a sentence and an HTTP status that cross every boundary as plain data.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// Every code the product answers with, and what the caller should do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Identifier or password is wrong; which of the two is never said. Ask the user again.
    InvalidCredentials,
    /// The user does not exist (any more).
    UserNotFound,
    /// A registration names an identifier that is taken. Offer login instead.
    UserAlreadyExists,
    /// The identifier does not exist or belongs to somebody else.
    IdentifierNotFound,
    /// The identifier value is taken by another user.
    IdentifierAlreadyExists,
    /// The session does not exist or belongs to somebody else.
    SessionNotFound,
    /// The second factor does not exist or belongs to somebody else.
    FactorNotFound,
    /// The token was good and is past its `exp`. Refresh, then repeat.
    TokenExpired,
    /// The token is malformed, forged or meant for something else. Log in again.
    TokenInvalid,
    /// No credential, or the session it belongs to is gone. Log in again.
    Unauthorized,
    /// The code or link is wrong, expired, used or unknown. Ask for a new one.
    CodeInvalid,
    /// The password was right and a second factor is missing. Present one by `data.flow`.
    MfaRequired,
    /// The user must authenticate again, as `data` says, before this is allowed. Reauthenticate, then repeat.
    StepUpRequired,
    /// Known caller, missing right. Do not repeat.
    Forbidden,
    /// The password was right, and no identifier of the user is verified. Confirm one by the code of `data.flow`.
    IdentifierUnverified,
    /// A role that `validRoles` does not list.
    InvalidRole,
    /// The input is missing, of the wrong type or out of bounds. Mend it.
    ValidationError,
    /// Too many attempts. Repeat after `Retry-After` seconds.
    RateLimitExceeded,
    /// The same idempotency key is in flight. Repeat after `Retry-After` seconds.
    IdempotencyInProgress,
    /// The same idempotency key was used with another body. Use a new key.
    IdempotencyMismatch,
    /// The set-up is wrong; the message names the option and the cure.
    ConfigurationError,
    /// A dependency is unreachable or a queue is full. Repeat after `Retry-After` seconds.
    ServiceUnavailable,
    /// A defect. The details are in the log only.
    InternalError,
}

impl ErrorCode {
    /// All codes, in the order in which they are documented and generated.
    pub const ALL: [Self; 23] = [
        Self::InvalidCredentials,
        Self::UserNotFound,
        Self::UserAlreadyExists,
        Self::IdentifierNotFound,
        Self::IdentifierAlreadyExists,
        Self::SessionNotFound,
        Self::FactorNotFound,
        Self::TokenExpired,
        Self::TokenInvalid,
        Self::Unauthorized,
        Self::CodeInvalid,
        Self::MfaRequired,
        Self::StepUpRequired,
        Self::Forbidden,
        Self::IdentifierUnverified,
        Self::InvalidRole,
        Self::ValidationError,
        Self::RateLimitExceeded,
        Self::IdempotencyInProgress,
        Self::IdempotencyMismatch,
        Self::ConfigurationError,
        Self::ServiceUnavailable,
        Self::InternalError,
    ];

    /// The code as it stands in responses, `SCREAMING_SNAKE_CASE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().1
    }

    /// The sentence used where no more precise one is known.
    #[must_use]
    pub const fn message(self) -> &'static str {
        self.row().2
    }

    /// The codes whose answers have `data`: the error's details.
    pub const WITH_DATA: [Self; 3] = [Self::MfaRequired, Self::StepUpRequired, Self::IdentifierUnverified];

    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::InvalidCredentials => ("INVALID_CREDENTIALS", 401, "Invalid credentials"),
            Self::UserNotFound => ("USER_NOT_FOUND", 404, "User not found"),
            Self::UserAlreadyExists => ("USER_ALREADY_EXISTS", 409, "User already exists"),
            Self::IdentifierNotFound => ("IDENTIFIER_NOT_FOUND", 404, "Identifier not found"),
            Self::IdentifierAlreadyExists => ("IDENTIFIER_ALREADY_EXISTS", 409, "Identifier already exists"),
            Self::SessionNotFound => ("SESSION_NOT_FOUND", 404, "Session not found"),
            Self::FactorNotFound => ("FACTOR_NOT_FOUND", 404, "Second factor not found"),
            Self::TokenExpired => ("TOKEN_EXPIRED", 401, "Token has expired"),
            Self::TokenInvalid => ("TOKEN_INVALID", 401, "Token is invalid"),
            Self::Unauthorized => ("UNAUTHORIZED", 401, "Unauthorized"),
            Self::CodeInvalid => ("CODE_INVALID", 401, "The code or link is not valid, or not any more"),
            Self::MfaRequired => ("MFA_REQUIRED", 401, "A second factor is required"),
            Self::StepUpRequired => ("STEP_UP_REQUIRED", 401, "Authentication must be stronger or more recent"),
            Self::Forbidden => ("FORBIDDEN", 403, "Forbidden"),
            Self::IdentifierUnverified => ("IDENTIFIER_UNVERIFIED", 403, "An address must be verified first"),
            Self::InvalidRole => ("INVALID_ROLE", 400, "Invalid role"),
            Self::ValidationError => ("VALIDATION_ERROR", 400, "Validation failed"),
            Self::RateLimitExceeded => ("RATE_LIMIT_EXCEEDED", 429, "Too many requests"),
            Self::IdempotencyInProgress => {
                ("IDEMPOTENCY_IN_PROGRESS", 409, "A request with this idempotency key is in progress")
            }
            Self::IdempotencyMismatch => {
                ("IDEMPOTENCY_MISMATCH", 422, "The idempotency key was used with another request body")
            }
            Self::ConfigurationError => ("CONFIGURATION_ERROR", 500, "Configuration error"),
            Self::ServiceUnavailable => ("SERVICE_UNAVAILABLE", 503, "Service temporarily unavailable"),
            Self::InternalError => ("INTERNAL_ERROR", 500, "Internal server error"),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error that a caller gets instead of a result. Never holds a secret: it is safe to print and to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// One of [`ErrorCode`], or a code of the application's own thrown by an override.
    pub code: Cow<'static, str>,
    /// One sentence for a person.
    pub message: String,
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// Machine-readable particulars, e.g. `{"field": "password"}`.
    pub details: Option<Box<Value>>,
    /// Sent as `Retry-After`, in whole seconds rounded up.
    pub retry_after: Option<Duration>,
}

/// The code of the answer where nothing is served.
pub const NOT_FOUND: &str = "NOT_FOUND";

impl Error {
    /// An error of `code` with a sentence of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code.as_str()),
            message: message.into(),
            status: code.status(),
            details: None,
            retry_after: None,
        }
    }

    /// A `CONFIGURATION_ERROR`; the message must name the option and the cure.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ConfigurationError, message)
    }

    /// A `VALIDATION_ERROR` about one field of the input.
    pub fn validation(field: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationError, message).with_details(serde_json::json!({ "field": field }))
    }

    /// A `NOT_FOUND`: there is nothing at this address. No decision leads to it, so it is no [`ErrorCode`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(NOT_FOUND), status: 404, ..Self::new(ErrorCode::InternalError, message) }
    }

    /// The error for one that a framework or another library made with an HTTP status of its own. A 4xx is kept;
    /// anything else is `INTERNAL_ERROR`.
    #[must_use]
    pub fn from_status(status: u16, said: Said<'_>) -> Self {
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
            Said::ForTheClient(message) => message,
            Said::CouldNotRead => ours.unwrap_or("The request could not be read"),
            Said::Nothing => ours.or_else(|| status_name(status)).unwrap_or("Bad request"),
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

/// The facts that an error of a framework or library tells of itself.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// Nothing that may be told: its words may quote the request, or be about the server.
    Nothing,
    /// Words that it calls fit for the client.
    ForTheClient(&'a str),
    /// That what came could not be parsed.
    CouldNotRead,
}

/// The names of statuses for which there are no better words (RFC 9110, 15.5, and IANA's registry).
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
