//! The state of a user on which a write depends.

use super::{Spending, Unspent};

/// The state of a user on which a write depends: the state at which a proof was judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The password hash; an empty hash matches no user. `None`: any.
    pub hash: Option<&'a str>,
    /// [`super::Credential::auth_epoch`]. `None`: any.
    pub auth_epoch: Option<i64>,
    /// An unused code, which is spent with the write.
    pub unspent: Option<Unspent<'a>>,
}

impl<'a> Expected<'a> {
    /// This hash, under any epoch.
    #[must_use]
    pub const fn hash(hash: &'a str) -> Self {
        Self { hash: Some(hash), auth_epoch: None, unspent: None }
    }

    /// Whether no user can be in this state: the empty hash is how a user without a password is kept.
    #[must_use]
    pub fn is_impossible(self) -> bool {
        self.hash == Some("")
    }

    /// The same user after `unspent` is spent, which may have changed the credentials.
    #[must_use]
    pub fn once_spent(self) -> Self {
        match self.unspent {
            Some(Unspent::Sent(Spending { new_hash: Some(_), .. })) => {
                Self { hash: None, auth_epoch: self.auth_epoch.map(|epoch| epoch + 1), unspent: None }
            }
            _ => Self { unspent: None, ..self },
        }
    }
}
