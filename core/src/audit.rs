//! The audit: the events that it keeps, and the entry that an event becomes. Pure; `store` writes entries in the same
//! transaction as the changes that they record.

use serde_json::{Map, Value};

use crate::clock::Millis;
use crate::crypto::{hmac_sha256, to_base64url};
use crate::event::EventName;

/// The time for which entries are kept, 400 days in milliseconds.
pub const KEPT_FOR: Millis = 400 * 24 * 60 * 60_000;

/// The option `audit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditLevel {
    /// Nothing is kept.
    Off,
    /// Changes are kept, and acts of another party on a user's account.
    Changes,
    /// Logins, refreshes and reauthentications are kept too.
    All,
}

/// The rule by which the audit keeps an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The audit never keeps it.
    None,
    /// The audit keeps it with [`AuditLevel::All`] alone.
    Use,
    /// The audit keeps it with [`AuditLevel::All`], and with [`AuditLevel::Changes`] if another party than the user
    /// acts.
    OfOthers,
    /// It is a change of credentials, identifiers, factors, roles, keys or users, which [`AuditLevel::Changes`] and
    /// [`AuditLevel::All`] keep.
    Change,
}

impl Part {
    /// Returns the rule for an event. The match has no wildcard, so that a new event can't be forgotten.
    #[must_use]
    pub const fn of(event: EventName) -> Self {
        use EventName as E;
        match event {
            E::RegisterSuccess
            | E::SetupSuccess
            | E::PasswordChanged
            | E::PasswordReset
            | E::RolesAssigned
            | E::IdentifiersCreated
            | E::IdentifiersUpdated
            | E::IdentifiersDeleted
            | E::IdentifierVerified
            | E::UserInvited
            | E::UsersImported
            | E::UserDeleted
            | E::UserDisabled
            | E::UserEnabled
            | E::MfaEnrolled
            | E::MfaRemoved
            | E::RecoveryRenewed
            | E::RecoveryUsed
            | E::KeysRotated => Self::Change,
            E::LogoutAll | E::SessionRevoked | E::PasswordResetRequested => Self::OfOthers,
            E::LoginSuccess | E::RefreshSuccess | E::StepUpSuccess => Self::Use,
            E::ProtectSuccess
            | E::ProtectFailure
            | E::ProtectTokenRevoked
            | E::ProtectAutoRefresh
            | E::AuthorizePassed
            | E::AuthorizeDenied
            | E::AuthorizeUnauthenticated
            | E::PermitPassed
            | E::PermitDenied
            | E::PermitRoleBypass
            | E::PermitUnauthenticated
            | E::RegisterRequested
            | E::RegisterFailure
            | E::SetupFailure
            | E::LoginCodeRequested
            | E::LoginFailure
            | E::RefreshFailure
            | E::Logout
            | E::PasswordChangeFailure
            | E::RolesAssignFailure
            | E::IdentifiersFailure
            | E::UserInviteFailure
            | E::UserDeleteFailure
            | E::UserExported
            | E::MessageSent
            | E::MessageFailure
            | E::MfaChallenged
            | E::MfaSuccess
            | E::MfaFailure
            | E::StepUpRequired
            | E::RefreshReuseDetected
            | E::RateLimitExceeded
            | E::HookFailure => Self::None,
        }
    }

    fn is_kept(self, level: AuditLevel, by_others: bool) -> bool {
        match self {
            Self::None => false,
            Self::Change => level >= AuditLevel::Changes,
            Self::OfOthers if by_others => level >= AuditLevel::Changes,
            Self::OfOthers | Self::Use => level == AuditLevel::All,
        }
    }
}

/// The party that acts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Actor {
    /// The party is unknown, as in a request without a session or in work without a request.
    #[default]
    Nobody,
    /// A user.
    User(String),
    /// The bearer of an API key.
    ApiKey,
    /// Code of the application.
    Code,
    /// A command line.
    Cli,
}

impl Actor {
    /// The words for actors that are no users.
    pub const WORDS: [&'static str; 3] = ["api-key", "code", "cli"];

    /// Returns the user's id, or one of the words `api-key`, `code` and `cli`. `None`: the party is unknown.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Nobody => None,
            Self::User(id) => Some(id),
            Self::ApiKey => Some("api-key"),
            Self::Code => Some("code"),
            Self::Cli => Some("cli"),
        }
    }
}

/// The author of a change, and the request behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Author {
    /// The party that acts.
    pub actor: Actor,
    /// The id of the session in which the party acts.
    pub session: Option<String>,
    /// The party's address.
    pub ip: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
}

/// A change as a use case describes it, before it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The event that records the change when it is made.
    pub event: EventName,
    /// The user that the change is about.
    pub subject: Option<String>,
    /// Further facts. They hold no secret, and identifiers only as digests.
    pub fields: Map<String, Value>,
}

impl Change {
    /// A change of a user.
    #[must_use]
    pub fn of(event: EventName, user_id: &str) -> Self {
        Self { subject: Some(user_id.to_owned()), ..Self::of_nobody(event) }
    }

    /// A change without a user.
    #[must_use]
    pub fn of_nobody(event: EventName) -> Self {
        Self { event, subject: None, fields: Map::new() }
    }

    /// The same change with one more field.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.fields.insert(field.to_owned(), value.into());
        self
    }
}

/// An entry that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// The time of the change.
    pub at: Millis,
    /// The change.
    pub change: Change,
    /// The author.
    pub author: Author,
}

/// Returns the entry of a change. `None`: the audit does not keep it.
#[must_use]
pub fn entry(level: AuditLevel, change: Change, author: &Author, at: Millis) -> Option<AuditEntry> {
    let by_themself = change.subject.is_some() && author.actor.as_str() == change.subject.as_deref();
    let by_others = author.actor != Actor::Nobody && !by_themself;
    if !Part::of(change.event).is_kept(level, by_others) {
        return None;
    }
    let mut author = author.clone();
    // Of a user who deleted the account, the entry keeps ids and digests, but not the address.
    if change.event == EventName::UserDeleted && by_themself {
        author.ip = None;
    }
    Some(AuditEntry { at, change, author })
}

/// Returns the form of an identifier that entries keep: HMAC-SHA-256 of its normal form in base64url.
#[must_use]
pub fn identifier_digest(key: &[u8; 32], normalized: &str) -> String {
    // No purpose of a flow is named "audit", and no text for another digest begins with it, so no other digest under
    // the key is equal.
    to_base64url(&hmac_sha256(key, format!("audit|{normalized}").as_bytes()))
}
