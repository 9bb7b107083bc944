//! The rows of the store, and the inputs and results of its writes. Instants are [`Millis`].

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
    /// A UUID of 36 characters.
    pub id: String,
    /// The names of the roles, from the option `validRoles`, in the order given.
    pub roles: Vec<String>,
    /// The time of the registration.
    pub created_at: Millis,
    /// The last disabling of the user, which may have run out.
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
    /// A UUID of 36 characters.
    pub id: String,
    /// `email`, `username`, `phone` or a type of the application's own.
    pub kind: String,
    /// The value as the user typed it.
    pub value: String,
    /// The form that is unique over all types and that a login looks up.
    pub normalized: String,
    /// The time at which the user proved control over the identifier; `None` before that.
    pub verified_at: Option<Millis>,
}

/// A user with the user's identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserWithIdentifiers {
    /// The user.
    pub user: User,
    /// The identifiers, oldest first.
    pub identifiers: Vec<Identifier>,
}

/// The rows of a new user, which are written all or not at all.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The id of the user, a UUID.
    pub id: String,
    /// The encoded hash; `None` for a user without a password.
    pub password_hash: Option<Secret<String>>,
    /// The roles of the user.
    pub roles: Vec<String>,
    /// The identifiers, at least one.
    pub identifiers: Vec<Identifier>,
    /// Claims of the identifiers on names to sign in by, which must not lead to another user.
    pub claims: Vec<Claim>,
    /// Whether unverified addresses of other users give way, if those users have a verified address.
    pub displaces: bool,
    /// The present time, which becomes the time of the registration.
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
    /// The counter of changes of credentials, status and factors.
    pub auth_epoch: i64,
    /// The type of the identifier that was looked up; `None` if a user's id was looked up.
    pub kind: Option<String>,
    /// The last disabling of the user, which may have run out.
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
    /// A UUID of 36 characters.
    pub id: String,
    /// The id of the session's user.
    pub user_id: String,
    /// The end by the idle limit. Every rotation moves it forward, but never past the absolute limit.
    pub expires_at: Millis,
    /// The time of the login.
    pub created_at: Millis,
    /// The number of rotations.
    pub generation: i64,
    /// The time at which `generation` last changed.
    pub rotated_at: Option<Millis>,
    /// The last use of a token of the present generation. If it is later than `rotated_at`, that token was used.
    pub last_used_at: Option<Millis>,
    /// The time of the revocation. Rows of revoked sessions stay for a while, so that a reused token can be
    /// distinguished from an unknown one.
    pub revoked_at: Option<Millis>,
    /// The client's address at the login.
    pub ip_address: Option<String>,
    /// The user agent at the login, at most 512 characters.
    pub user_agent: Option<String>,
    /// The strength and the age of the authentication; `None` if they were not stored when the session began.
    pub assurance: Option<Assurance>,
}

/// A session with the present roles of its user, as a refresh or a session check needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// The session, revoked or not.
    pub session: Session,
    /// The user's present roles.
    pub roles: Vec<String>,
}

/// A session that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedSession {
    /// The present roles of its user.
    pub roles: Vec<String>,
    /// Whether the user has more live sessions than the number that the call named.
    pub is_surplus: bool,
}

/// The result of a compare-and-set on a session's generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The generation was as expected, and is higher by one now. Holds the state after the step.
    Rotated(SessionState),
    /// Another request was first, or the session is revoked. Holds the present state.
    Behind(SessionState),
    /// There is no such session.
    Gone,
    /// The code or the flow that the step would spend is spent already. Nothing was written.
    Spent,
}

/// A row of `sentri_keys`.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// The id of the key, its thumbprint (RFC 7638).
    pub kid: String,
    /// The JWS algorithm (RFC 7518, 3), for example `RS256`.
    pub algorithm: String,
    /// The private key as PKCS#8 in PEM, or its encrypted form if the option `encryptionKey` is set.
    pub private_key: Secret<String>,
    /// The time at which the key was made.
    pub created_at: Millis,
    /// The time from which the key signs.
    pub active_from: Millis,
    /// The time at which the next key begins to sign; `None` for the newest key.
    pub retired_at: Option<Millis>,
}

/// A change of an identifier of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifierUpdate {
    /// The id of the identifier.
    pub id: String,
    /// The new type.
    pub kind: String,
    /// The new value as the user typed it.
    pub value: String,
    /// The new normal form.
    pub normalized: String,
}

/// The conditions for a change of a user's identifiers, beside the uniqueness of normal forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeLimits {
    /// Claims of the identifiers on names to sign in by, which must not lead to another user.
    pub claims: Vec<Claim>,
    /// The most identifiers that a user may have after adding some; `None` for any number.
    pub most: Option<u32>,
    /// Whether a user with a verified identifier must keep a verified identifier.
    pub keeps_verified: bool,
    /// Whether unverified addresses of other users give way, if those users have a verified address.
    pub displaces: bool,
}

/// The result of a change of identifiers, which is made in full or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentifierChange {
    /// The change was made.
    Done,
    /// There is no such user.
    NoUser,
    /// An identifier of the change does not belong to the user.
    NotFound,
    /// A value of the change is taken.
    Taken,
    /// The user would have no identifier left.
    LastOne,
    /// The user would have no verified identifier left; see [`ChangeLimits::keeps_verified`].
    LastVerified,
    /// The user would have more identifiers than [`ChangeLimits::most`].
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
