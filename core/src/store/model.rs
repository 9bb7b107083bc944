//! The rows of the store, as the rest of the core sees them. Instants are [`Millis`].

use crate::assurance::Assurance;
use crate::clock::Millis;
use crate::crypto::Secret;
use crate::identifier::Claim;

mod confirmed;
mod disabling;
mod expected;
mod factor;
mod flow;

pub use confirmed::*;
pub use disabling::*;
pub use expected::*;
pub use factor::*;
pub use flow::*;

/// A row of `sentri_users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// UUID, 36 characters.
    pub id: String,
    /// Names out of `validRoles`, in the order given.
    pub roles: Vec<String>,
    /// The time of the registration.
    pub created_at: Millis,
    /// The last word that it signs in no more, which may have run out.
    pub disabled: Option<Disabling>,
}

impl User {
    /// Whether the user is disabled at `now`.
    #[must_use]
    pub fn is_disabled(&self, now: Millis) -> bool {
        self.disabled.as_ref().is_some_and(|disabling| disabling.holds(now))
    }
}

/// A row of `sentri_identifiers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// UUID, 36 characters.
    pub id: String,
    /// `email`, `username`, `phone` or a type of the application's own.
    pub kind: String,
    /// As the user gave it.
    pub value: String,
    /// The form that is unique over all types and that a login looks up.
    pub normalized: String,
    /// The time at which its owner proved control over it.
    pub verified_at: Option<Millis>,
}

/// A user with everything that belongs to it but sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserWithIdentifiers {
    /// The user.
    pub user: User,
    /// Oldest first.
    pub identifiers: Vec<Identifier>,
}

/// The rows that a registration writes, all or nothing.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// UUID of the user.
    pub id: String,
    /// The encoded hash; `None` for a user that can't log in by password.
    pub password_hash: Option<Secret<String>>,
    /// Roles to give.
    pub roles: Vec<String>,
    /// At least one.
    pub identifiers: Vec<Identifier>,
    /// Sign-ins that must not lead to another user.
    pub claims: Vec<Claim>,
    /// Whether unverified addresses of other users give way, if those users have a verified address.
    pub displaces: bool,
    /// Now.
    pub now: Millis,
}

/// The part of a user that a login needs.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The user's id.
    pub user_id: String,
    /// The encoded hash; `None` for a user without a password.
    pub password_hash: Option<Secret<String>>,
    /// The user's roles.
    pub roles: Vec<String>,
    /// Counts changes of credentials, status and factors.
    pub auth_epoch: i64,
    /// The type of the identifier that was looked for; `None` when it was a user's id.
    pub kind: Option<String>,
    /// The last word that the user signs in no more, which may have run out.
    pub disabled: Option<Disabling>,
}

impl Credential {
    /// Whether the user is disabled at `now`.
    #[must_use]
    pub fn is_disabled(&self, now: Millis) -> bool {
        self.disabled.as_ref().is_some_and(|disabling| disabling.holds(now))
    }
}

/// A row of `sentri_sessions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// UUID, 36 characters.
    pub id: String,
    /// The id of its user.
    pub user_id: String,
    /// Idle limit: moved forward by every rotation, never past the absolute limit.
    pub expires_at: Millis,
    /// The login.
    pub created_at: Millis,
    /// Counts rotations, from 0.
    pub generation: i64,
    /// The time at which `generation` last changed.
    pub rotated_at: Option<Millis>,
    /// The last use of a token of the current generation. Later than `rotated_at` means: its successor was used.
    pub last_used_at: Option<Millis>,
    /// The time of its revocation; revoked sessions stay for a while so that reuse is distinguished from unknown
    /// tokens.
    pub revoked_at: Option<Millis>,
    /// Address of the login.
    pub ip_address: Option<String>,
    /// User agent of the login, at most 512 characters.
    pub user_agent: Option<String>,
    /// The strength and the age of the authentication; `None`: the session is older than their storage.
    pub assurance: Option<Assurance>,
}

/// A session together with its user's present roles: the input of a refresh or a session check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// The session, revoked or not.
    pub session: Session,
    /// The user's roles now.
    pub roles: Vec<String>,
}

/// A session that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedSession {
    /// The present roles of its user.
    pub roles: Vec<String>,
    /// Whether its user has more live sessions than were asked about.
    pub is_surplus: bool,
}

/// The result of a compare-and-set on a session's generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The generation was the expected one and is now one higher. Holds the state after the step.
    Rotated(SessionState),
    /// Another request was first, or the session is revoked: the present state.
    Behind(SessionState),
    /// There is no such session.
    Gone,
    /// The code that was to be spent with the step is spent, or its flow; nothing was written.
    Spent,
}

/// A row of `sentri_keys`.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// JWS algorithm, e.g. `RS256`.
    pub algorithm: String,
    /// PKCS#8 PEM, or its wrapped form when `encryptionKey` is set.
    pub private_key: Secret<String>,
    /// The time at which it was made.
    pub created_at: Millis,
    /// From when on it signs.
    pub active_from: Millis,
    /// The time at which its successor began to sign; `None` for the newest.
    pub retired_at: Option<Millis>,
}

/// One change of a user's identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierUpdate {
    /// Which identifier.
    pub id: String,
    /// Its new type.
    pub kind: String,
    /// Its new value as given.
    pub value: String,
    /// Its new normalised value.
    pub normalized: String,
}

/// The bounds of a change of a user's identifiers beside the uniqueness of normal forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeLimits {
    /// Sign-ins that must not lead to another user.
    pub claims: Vec<Claim>,
    /// The most identifiers that a user who adds some may have then; `None`: any number.
    pub most: Option<u32>,
    /// Whether a user with a verified identifier must keep a verified identifier.
    pub keeps_verified: bool,
    /// Whether unverified addresses of other users give way, if those users have a verified address.
    pub displaces: bool,
}

/// The result of an all-or-nothing change of identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentifierChange {
    /// Done.
    Done,
    /// There is no such user.
    NoUser,
    /// One of the ids is not this user's.
    NotFound,
    /// One of the values is taken.
    Taken,
    /// Nothing would be left.
    LastOne,
    /// Nothing verified would be left: see [`ChangeLimits::keeps_verified`].
    LastVerified,
    /// The user would have more than [`ChangeLimits::most`].
    TooMany,
}

/// A page of users, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPage {
    /// The users of this page.
    pub users: Vec<UserWithIdentifiers>,
    /// The id to pass as `after` for the next page; `None` at the end.
    pub next: Option<String>,
}
