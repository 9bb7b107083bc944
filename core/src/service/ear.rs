//! Word of revocations from other processes.

use std::sync::Weak;

use super::Realm;
use crate::cache::{Listener, Revocation};

/// Hears for a realm what other processes revoke, as long as there is a realm.
pub(crate) struct Ear(pub Weak<Realm>);

impl Listener for Ear {
    fn heard(&self, revocation: &Revocation) {
        if let Some(realm) = self.0.upgrade() {
            realm.forget(revocation);
        }
    }

    fn missed(&self) {
        if let Some(realm) = self.0.upgrade() {
            realm.freshness.forget_all();
        }
    }

    fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }
}
