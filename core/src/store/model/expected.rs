//! The state of a user on which a write depends.

use super::{Spending, Unspent};

/// The state of a user on which a write depends, which is the state in which a proof was judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The password hash; `None` for any. An empty hash matches no user.
    pub hash: Option<&'a str>,
    /// The [`super::Credential::auth_epoch`]; `None` for any.
    pub auth_epoch: Option<i64>,
    /// An unused code, which the write spends.
    pub unspent: Option<Unspent<'a>>,
}

impl<'a> Expected<'a> {
    /// Expects a hash, under any epoch.
    #[must_use]
    pub const fn hash(hash: &'a str) -> Self {
        Self { hash: Some(hash), auth_epoch: None, unspent: None }
    }

    /// Whether no user can match. An empty hash stands for a user without a password, so no password proves it.
    #[must_use]
    pub fn is_impossible(self) -> bool {
        self.hash == Some("")
    }

    /// Returns the state after `unspent` is spent, which may change the credentials.
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
