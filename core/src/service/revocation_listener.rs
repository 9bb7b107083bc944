//! Applies revocations that other processes announce.

use std::sync::Weak;

use super::Realm;
use crate::cache::{Listener, Revocation};

/// Makes a realm forget the sessions that other processes revoke, for as long as the realm exists.
pub(crate) struct RevocationListener(pub Weak<Realm>);

impl Listener for RevocationListener {
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
