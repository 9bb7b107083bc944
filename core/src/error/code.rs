//! The error codes, in a table with all facts about each of them. `make generate` writes the codes of both languages
//! and the page of the reference from it.

use std::fmt;

/// Every error code of the product, with the remedy for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Identifier or password is wrong; which of the two is never said. Ask the user again.
    InvalidCredentials,
    /// The user does not exist (any more).
    UserNotFound,
    /// A registration names an identifier that is taken. Offer login instead.
    UserAlreadyExists,
    /// The identifier does not exist or belongs to another user.
    IdentifierNotFound,
    /// The identifier value is taken by another user.
    IdentifierAlreadyExists,
    /// The session does not exist or belongs to another user.
    SessionNotFound,
    /// The second factor does not exist or belongs to another user.
    FactorNotFound,
    /// The token was valid and is past its `exp`. Refresh, then repeat.
    TokenExpired,
    /// The token is malformed, forged or meant for something else. Log in again.
    TokenInvalid,
    /// No credential, or the session it belongs to is gone. Log in again.
    Unauthorized,
    /// The code or link is wrong, expired, used or unknown. Ask for a new one.
    CodeInvalid,
    /// The password was right and a second factor is missing. Present its code for the flow `data.flow`.
    MfaRequired,
    /// The user must authenticate again, as `data` says, before this is allowed. Reauthenticate, then repeat.
    StepUpRequired,
    /// The caller is known and lacks the right. Do not repeat.
    Forbidden,
    /// The password was right, and the account is disabled. Show it to the user; an admin enables it.
    AccountDisabled,
    /// The password was right, and no identifier of the user is verified. Confirm an identifier by the code of the flow
    /// `data.flow`.
    IdentifierUnverified,
    /// A role that `validRoles` does not list.
    InvalidRole,
    /// The input is missing, of the wrong type or out of bounds. Correct it.
    ValidationError,
    /// Too many attempts. Repeat after `Retry-After` seconds.
    RateLimitExceeded,
    /// The same idempotency key is in flight. Repeat after `Retry-After` seconds.
    IdempotencyInProgress,
    /// The same idempotency key was used with another body. Use a new key.
    IdempotencyMismatch,
    /// The configuration is wrong. The message names the option and the cure.
    ConfigurationError,
    /// A dependency is unreachable or a queue is full. Repeat after `Retry-After` seconds.
    ServiceUnavailable,
    /// A defect. The details are in the log only.
    InternalError,
}

impl ErrorCode {
    /// All codes, in the order in which they are documented and generated. A code without a row does not compile, as
    /// long as `InternalError` stays the last.
    pub const ALL: [Self; ROWS.len()] = {
        let mut all = [Self::InvalidCredentials; ROWS.len()];
        let mut place = 0;
        while place < all.len() {
            all[place] = ROWS[place].code;
            assert!(all[place] as usize == place, "the rows are in the order of the codes");
            place += 1;
        }
        assert!(all.len() == Self::InternalError as usize + 1, "each code has a row");
        all
    };

    /// The code in responses, `SCREAMING_SNAKE_CASE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// Returns the HTTP status of the code.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// Returns the message for errors that have no more precise message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        self.row().message
    }

    /// The codes whose answers carry the error's details as `data`.
    pub const WITH_DATA: [Self; 3] = [Self::MfaRequired, Self::StepUpRequired, Self::IdentifierUnverified];

    /// Returns the row of the code.
    #[must_use]
    pub const fn row(self) -> &'static ErrorRow {
        &ROWS[self as usize]
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Evaluates the checks of [`ErrorCode::ALL`] whenever this file is compiled.
const _: [ErrorCode; ROWS.len()] = ErrorCode::ALL;

/// All facts about an error code.
#[derive(Debug)]
pub struct ErrorRow {
    /// The code that it belongs to.
    pub code: ErrorCode,
    /// The code in responses, `SCREAMING_SNAKE_CASE`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The message for errors that have no more precise message.
    pub message: &'static str,
    /// The cause of the error, in Markdown.
    pub meaning: &'static str,
    /// The remedy for the caller, in Markdown.
    pub cure: &'static str,
}

/// A row for each code, in the order of [`ErrorCode`].
#[rustfmt::skip]
pub const ROWS: [ErrorRow; 24] = [
    ErrorRow {
        code: ErrorCode::InvalidCredentials, name: "INVALID_CREDENTIALS", status: 401,
        message: "Invalid credentials",
        meaning: "wrong identifier or password; which one is not said",
        cure: "let the user try again, or offer a new password",
    },
    ErrorRow {
        code: ErrorCode::UserNotFound, name: "USER_NOT_FOUND", status: 404,
        message: "User not found",
        meaning: "the user does not exist, or not any more",
        cure: "look the user up again",
    },
    ErrorRow {
        code: ErrorCode::UserAlreadyExists, name: "USER_ALREADY_EXISTS", status: 409,
        message: "User already exists",
        meaning: "an identifier of the registration is taken",
        cure: "offer login instead, or a new password",
    },
    ErrorRow {
        code: ErrorCode::IdentifierNotFound, name: "IDENTIFIER_NOT_FOUND", status: 404,
        message: "Identifier not found",
        meaning: "no such identifier of this user",
        cure: "list the user's identifiers again",
    },
    ErrorRow {
        code: ErrorCode::IdentifierAlreadyExists, name: "IDENTIFIER_ALREADY_EXISTS", status: 409,
        message: "Identifier already exists",
        meaning: "the value is taken",
        cure: "ask for another one",
    },
    ErrorRow {
        code: ErrorCode::SessionNotFound, name: "SESSION_NOT_FOUND", status: 404,
        message: "Session not found",
        meaning: "no such session of this user, or it is over",
        cure: "list the sessions again",
    },
    ErrorRow {
        code: ErrorCode::FactorNotFound, name: "FACTOR_NOT_FOUND", status: 404,
        message: "Second factor not found",
        meaning: "no such second factor of this user, or none at all",
        cure: "list the factors again",
    },
    ErrorRow {
        code: ErrorCode::TokenExpired, name: "TOKEN_EXPIRED", status: 401,
        message: "Token has expired",
        meaning: "the token was good and is past its `exp`",
        cure: "refresh, then repeat",
    },
    ErrorRow {
        code: ErrorCode::TokenInvalid, name: "TOKEN_INVALID", status: 401,
        message: "Token is invalid",
        meaning: "malformed, forged, or of another kind",
        cure: "log in again",
    },
    ErrorRow {
        code: ErrorCode::Unauthorized, name: "UNAUTHORIZED", status: 401,
        message: "Unauthorized",
        meaning: "no credential, or the session is over",
        cure: "log in again",
    },
    ErrorRow {
        code: ErrorCode::CodeInvalid, name: "CODE_INVALID", status: 401,
        message: "The code or link is not valid, or not any more",
        meaning: "a code or link that is wrong, expired, used or unknown",
        cure: "ask for a new one",
    },
    ErrorRow {
        code: ErrorCode::MfaRequired, name: "MFA_REQUIRED", status: 401,
        message: "A second factor is required",
        meaning: "the password or the code of a message was right, and a second factor is missing",
        cure: "present one by `data`, `{flow, methods, expiresAt}`: see [Second factor](../guide/second-factor.md)",
    },
    ErrorRow {
        code: ErrorCode::StepUpRequired, name: "STEP_UP_REQUIRED", status: 401,
        message: "Authentication must be stronger or more recent",
        meaning: "the user must authenticate again first, for a route, for a change, or for a [role that \
                  waits](../guide/second-factor.md#roles-that-want-a-second-factor)",
        cure: "reauthenticate as `data` says, `{acr?, maxAge?}` (seconds), then repeat: see \
               [Step-up](../guide/step-up.md)",
    },
    ErrorRow {
        code: ErrorCode::Forbidden, name: "FORBIDDEN", status: 403,
        message: "Forbidden",
        meaning: "a role is missing, or a cross-origin request came with a cookie",
        cure: "don't repeat; give the role, or name the origin in `trustedOrigins`",
    },
    ErrorRow {
        code: ErrorCode::AccountDisabled, name: "ACCOUNT_DISABLED", status: 403,
        message: "The account is disabled",
        meaning: "the password was right, and the account is [disabled](../guide/disabling.md)",
        cure: "say so, and whom to ask; an admin enables it",
    },
    ErrorRow {
        code: ErrorCode::IdentifierUnverified, name: "IDENTIFIER_UNVERIFIED", status: 403,
        message: "An address must be verified first",
        meaning: "the password was right, and an address must be verified first",
        cure: "confirm it by the code that was sent, of `data`, `{flow, expiresAt}`: see [Verified \
               addresses](../guide/verification.md)",
    },
    ErrorRow {
        code: ErrorCode::InvalidRole, name: "INVALID_ROLE", status: 400,
        message: "Invalid role",
        meaning: "a role that is not in `validRoles`",
        cure: "give one that is, or add it to the option",
    },
    ErrorRow {
        code: ErrorCode::ValidationError, name: "VALIDATION_ERROR", status: 400,
        message: "Validation failed",
        meaning: "what came is missing, of the wrong type or out of bounds; the message names the field",
        cure: "mend it",
    },
    ErrorRow {
        code: ErrorCode::RateLimitExceeded, name: "RATE_LIMIT_EXCEEDED", status: 429,
        message: "Too many requests",
        meaning: "too many attempts",
        cure: "wait as long as `Retry-After` says; `RateLimit` and `RateLimit-Policy` tell of the limit",
    },
    ErrorRow {
        code: ErrorCode::IdempotencyInProgress, name: "IDEMPOTENCY_IN_PROGRESS", status: 409,
        message: "A request with this idempotency key is in progress",
        meaning: "the same key is in flight",
        cure: "wait as long as `Retry-After` says, then repeat with the same key",
    },
    ErrorRow {
        code: ErrorCode::IdempotencyMismatch, name: "IDEMPOTENCY_MISMATCH", status: 422,
        message: "The idempotency key was used with another request body",
        meaning: "the same key came with another body",
        cure: "make a new key for each new request",
    },
    ErrorRow {
        code: ErrorCode::ConfigurationError, name: "CONFIGURATION_ERROR", status: 500,
        message: "Configuration error",
        meaning: "the set-up is wrong; the message names the option",
        cure: "do what the message says",
    },
    ErrorRow {
        code: ErrorCode::ServiceUnavailable, name: "SERVICE_UNAVAILABLE", status: 503,
        message: "Service temporarily unavailable",
        meaning: "the database is away, or the hash queue is full",
        cure: "wait as long as `Retry-After` says; `auth.health()` and the log say what is away",
    },
    ErrorRow {
        code: ErrorCode::InternalError, name: "INTERNAL_ERROR", status: 500,
        message: "Internal server error",
        meaning: "a defect, or an error of the application's own",
        cure: "look up the cause in the log by the request id",
    },
];
