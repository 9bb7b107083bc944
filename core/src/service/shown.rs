//! Users, their roles and their identifiers, as responses show them.

use serde::Serialize;
use serde_json::Value;

use crate::clock::{Iso, Millis};
use crate::store::model::{Disabling, Identifier, UserWithIdentifiers};

/// A user as responses show it: `{id, roles, identifiers}`, and `disabled` if disabled.
#[derive(Debug, Serialize)]
pub struct ShownUser {
    /// The user's id.
    pub id: String,
    /// The roles of the user.
    pub roles: Vec<String>,
    /// The identifiers, oldest first.
    pub identifiers: Vec<ShownIdentifier>,
    /// The disabling, if the user is disabled now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<ShownDisabling>,
}

impl ShownUser {
    /// Returns a user as of `now`.
    #[must_use]
    pub fn at(now: Millis, UserWithIdentifiers { user, identifiers }: UserWithIdentifiers) -> Self {
        Self {
            id: user.id,
            roles: user.roles,
            identifiers: identifiers.into_iter().map(ShownIdentifier::from).collect(),
            disabled: user.disabled.filter(|disabling| disabling.holds(now)).map(ShownDisabling::from),
        }
    }
}

/// The roles of a user, as responses show them: `{id, roles}`.
#[derive(Debug, Serialize)]
pub struct UserRoles {
    /// The user's id.
    pub id: String,
    /// The roles.
    pub roles: Vec<String>,
}

impl UserRoles {
    /// Reads the member `user` of an override's result, or returns `None` if it has another shape.
    pub(super) fn read(user: &Value) -> Option<Self> {
        let roles = user.get("roles")?.as_array()?.iter().map(|role| role.as_str().map(str::to_owned));
        Some(Self { id: user.get("id")?.as_str()?.to_owned(), roles: roles.collect::<Option<_>>()? })
    }
}

/// An identifier as responses show it: `{id, type, value}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownIdentifier {
    /// The identifier's id.
    pub id: String,
    /// `email`, `phone`, `username` or a type of the application's own.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value as it is stored.
    pub value: String,
}

impl From<Identifier> for ShownIdentifier {
    fn from(Identifier { id, kind, value, .. }: Identifier) -> Self {
        Self { id, kind, value }
    }
}

impl From<&Identifier> for ShownIdentifier {
    fn from(Identifier { id, kind, value, .. }: &Identifier) -> Self {
        Self { id: id.clone(), kind: kind.clone(), value: value.clone() }
    }
}

/// A disabling as responses show it: `{at, until?, reason?}`.
#[derive(Debug, Serialize)]
pub struct ShownDisabling {
    /// The time from which the user can't sign in.
    pub at: Iso,
    /// The time until which the user is disabled, if it is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Iso>,
    /// The reason that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<Disabling> for ShownDisabling {
    fn from(Disabling { at, until, reason }: Disabling) -> Self {
        Self { at: Iso(at), until: until.map(Iso), reason }
    }
}
