//! The disabling of users.

use crate::clock::Millis;

/// The decision of an admin or of the host that a user may not log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabling {
    /// The time at which the disabling began. A later change of reason or end keeps it.
    pub at: Millis,
    /// The time at which the disabling runs out; `None` if it has no end.
    pub until: Option<Millis>,
    /// The reason, for admins.
    pub reason: Option<String>,
}

impl Disabling {
    /// Whether the user is disabled at `now`.
    #[must_use]
    pub fn holds(&self, now: Millis) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// The standing of a user whom a token without a session names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The user may act. The id may belong to no row.
    Good,
    /// The user was deleted a short time ago.
    Deleted,
    /// The user is disabled.
    Disabled,
}
