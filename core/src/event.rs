//! Events: a table of their names, levels and fields. An event is data until the host logs it.

use serde::Serialize;
use serde_json::{Map, Value};

/// The level of an event, and the method of the host's logger that gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A success.
    Info,
    /// A request was refused.
    Warn,
    /// A failure.
    Error,
}

impl Level {
    /// `info`, `warn` or `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

macro_rules! events {
    ($($variant:ident = $name:literal, $level:ident, [$($field:literal),*];)*) => {
        /// The name of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventName {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl EventName {
            /// All events, in the order in which they are documented and generated.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The dotted name, as logged.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the level at which the event is logged.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level,)* }
            }

            /// Returns the fields that the event may have beside `service`, `event`, `requestId` and `traceId`.
            #[must_use]
            pub const fn fields(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($field),*],)* }
            }
        }
    };
}

events! {
    ProtectSuccess = "auth.protect.success", Info, ["userId", "mode"];
    ProtectFailure = "auth.protect.failure", Warn, ["errorCode", "mode", "reason"];
    ProtectTokenRevoked = "auth.protect.token_revoked", Warn, ["userId", "mode"];
    ProtectAutoRefresh = "auth.protect.auto_refresh", Info, ["userId", "mode"];
    AuthorizePassed = "auth.authorize.passed", Info, ["userId", "userRoles", "requiredRoles"];
    AuthorizeDenied = "auth.authorize.denied", Warn, ["userId", "userRoles", "requiredRoles"];
    AuthorizeUnauthenticated = "auth.authorize.unauthenticated", Warn, ["requiredRoles", "cause"];
    PermitPassed = "auth.permit.passed", Info, ["userId"];
    PermitDenied = "auth.permit.denied", Warn, ["userId"];
    PermitRoleBypass = "auth.permit.role_bypass", Info, ["userId", "bypassedByRole"];
    PermitUnauthenticated = "auth.permit.unauthenticated", Warn, ["cause"];
    RegisterSuccess = "auth.register.success", Info, ["userId", "duration_ms"];
    RegisterRequested = "auth.register.requested", Info, ["duration_ms"];
    RegisterFailure = "auth.register.failure", Warn, ["errorCode", "duration_ms", "cause"];
    SetupSuccess = "auth.setup.success", Info, ["userId", "duration_ms"];
    SetupFailure = "auth.setup.failure", Warn, ["errorCode", "duration_ms", "cause"];
    LoginSuccess = "auth.login.success", Info, ["userId", "duration_ms", "amr"];
    LoginCodeRequested = "auth.login.code_requested", Info, ["duration_ms"];
    LoginFailure = "auth.login.failure", Warn, ["errorCode", "duration_ms", "cause"];
    RefreshSuccess = "auth.refresh.success", Info, ["userId", "duration_ms"];
    RefreshFailure = "auth.refresh.failure", Warn, ["errorCode", "duration_ms", "cause"];
    Logout = "auth.logout", Info, ["userId", "duration_ms"];
    LogoutAll = "auth.logout_all", Info, ["userId", "duration_ms"];
    PasswordChanged = "auth.password.changed", Info, ["userId", "duration_ms"];
    PasswordChangeFailure = "auth.password.change_failure", Warn, ["userId", "errorCode", "duration_ms", "cause"];
    PasswordResetRequested = "auth.password.reset_requested", Info, ["userId", "duration_ms"];
    PasswordReset = "auth.password.reset", Info, ["userId", "duration_ms"];
    RolesAssigned = "auth.roles.assigned", Info, ["targetUserId", "roles", "duration_ms"];
    RolesAssignFailure = "auth.roles.assign_failure", Warn, ["targetUserId", "errorCode", "duration_ms", "cause"];
    IdentifiersCreated = "auth.identifiers.created", Info, ["userId", "count", "duration_ms"];
    IdentifiersUpdated = "auth.identifiers.updated", Info, ["userId", "count", "duration_ms"];
    IdentifiersDeleted = "auth.identifiers.deleted", Info, ["userId", "count", "duration_ms"];
    IdentifiersFailure = "auth.identifiers.failure", Warn, ["userId", "errorCode", "duration_ms", "cause"];
    UserInvited = "auth.user.invited", Info, ["targetUserId", "duration_ms"];
    UserInviteFailure = "auth.user.invite_failure", Warn, ["errorCode", "duration_ms", "cause"];
    UsersImported = "auth.users.imported", Info, ["format", "count", "refused"];
    UserDeleted = "auth.user.deleted", Info, ["userId", "duration_ms"];
    UserDeleteFailure = "auth.user.delete_failure", Warn, ["userId", "errorCode", "duration_ms", "cause"];
    UserDisabled = "auth.user.disabled", Info, ["userId", "duration_ms"];
    UserEnabled = "auth.user.enabled", Info, ["userId", "duration_ms"];
    UserExported = "auth.user.exported", Info, ["userId", "duration_ms"];
    IdentifierVerified = "auth.identifier.verified", Info, ["userId", "duration_ms"];
    MessageSent = "auth.message.sent", Info, ["kind", "channel"];
    MessageFailure = "auth.message.failure", Error, ["kind", "channel", "cause"];
    MfaEnrolled = "auth.mfa.enrolled", Info, ["userId", "duration_ms"];
    MfaRemoved = "auth.mfa.removed", Info, ["userId", "duration_ms"];
    MfaChallenged = "auth.mfa.challenged", Info, ["userId", "duration_ms"];
    MfaSuccess = "auth.mfa.success", Info, ["userId", "method"];
    MfaFailure = "auth.mfa.failure", Warn, ["userId", "errorCode", "duration_ms", "cause"];
    RecoveryRenewed = "auth.recovery.renewed", Info, ["userId", "duration_ms"];
    RecoveryUsed = "auth.recovery.used", Warn, ["userId"];
    StepUpRequired = "auth.step_up.required", Warn, ["userId", "mode", "acr", "maxAge"];
    StepUpSuccess = "auth.step_up.success", Info, ["userId", "duration_ms"];
    RefreshReuseDetected = "auth.refresh.reuse_detected", Warn, ["userId", "sessionId"];
    RateLimitExceeded = "auth.rate_limit.exceeded", Warn, ["limit", "retryAfter"];
    SessionRevoked = "auth.session.revoked", Info, ["userId", "sessionId"];
    KeysRotated = "auth.keys.rotated", Info, ["kid"];
    HookFailure = "auth.hook.failure", Error, ["hook", "cause"];
}

/// An event for the log. It holds no password, token, key or identifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The name.
    pub name: EventName,
    /// The fields beside `service`, `event`, `requestId` and `traceId`, in the order in which they are logged.
    pub fields: Map<String, Value>,
    /// The id of the trace that the request belongs to, if the host is a server of its own.
    pub trace_id: Option<String>,
}

impl Event {
    /// An event without fields.
    #[must_use]
    pub fn new(name: EventName) -> Self {
        Self { name, fields: Map::new(), trace_id: None }
    }

    /// Adds a field, which must be one of [`EventName::fields`].
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        debug_assert!(self.name.fields().contains(&field), "{field} is not a field of {:?}", self.name);
        self.fields.insert(field.to_owned(), value.into());
        self
    }

    /// Returns the object that the host's logger gets: `service`, `event`, the fields, and `requestId` and `traceId` if
    /// they are known.
    #[must_use]
    pub fn to_log_entry(&self, service: &str, request_id: Option<&str>) -> Value {
        let mut entry = Map::with_capacity(self.fields.len() + 3);
        entry.insert("service".to_owned(), service.into());
        entry.insert("event".to_owned(), self.name.as_str().into());
        entry.extend(self.fields.clone());
        if let Some(id) = request_id {
            entry.insert("requestId".to_owned(), id.into());
        }
        if let Some(id) = &self.trace_id {
            entry.insert("traceId".to_owned(), id.as_str().into());
        }
        Value::Object(entry)
    }
}
