//! Users who are disabled.

use crate::clock::Millis;

/// The decision of an admin or of the host that a user may not log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabling {
    /// The time at which it was said first.
    pub at: Millis,
    /// From when on the user is enabled again by itself. `None`: never.
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

/// The standing of a user named by a token without a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In good standing; the id may have no row.
    Good,
    /// The user was deleted, and is remembered.
    Deleted,
    /// The user is disabled.
    Disabled,
}
