//! The audit: stores that write audit entries in the transaction of the change that they record.

use std::slice;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Realm, Trail};
use crate::audit::{self, Actor, AuditLevel, Author, Change};
use crate::authentication::{Authenticated, Proven};
use crate::error::Error;
use crate::event::EventName;
use crate::failure::Failure;
use crate::store::Store;
use crate::store::model::{Identifier, NewUser, Session, Spending, Unspent, UsedCode};

mod listing;

pub(super) use listing::of_user;
pub use listing::{EntryList, EntryPage, OwnEntry, ShownEntry, list};

impl Realm {
    /// The level of the audit.
    pub(crate) fn audit_level(&self) -> AuditLevel {
        self.command_line.audit_level(self.config.audit)
    }

    /// Looks for audit entries in the database if a command line works with this realm: see [`super::command_line`].
    ///
    /// # Errors
    /// The store's failures.
    pub(crate) async fn look_for_audit(&self) -> Result<(), Failure> {
        Ok(self.command_line.look_for_audit(self.store.as_ref()).await?)
    }

    /// Returns a store that adds the audit entries of `changes` to the transaction of its write. It adds no entries if
    /// the option `audit` keeps none of `changes`.
    pub(crate) fn noting<C: IntoIterator<Item = Change>>(
        &self,
        author: &Author,
        changes: impl FnOnce() -> Result<C, Failure>,
    ) -> Result<Arc<dyn Store>, Failure> {
        self.noting_on(&self.store, author, changes)
    }

    /// [`Realm::noting`] over another store than the realm's own.
    ///
    /// # Errors
    /// Those of `changes`.
    pub(crate) fn noting_on<C: IntoIterator<Item = Change>>(
        &self,
        store: &Arc<dyn Store>,
        author: &Author,
        changes: impl FnOnce() -> Result<C, Failure>,
    ) -> Result<Arc<dyn Store>, Failure> {
        let level = self.audit_level();
        if level == AuditLevel::Off {
            return Ok(Arc::clone(store));
        }
        let now = self.now();
        let entries: Vec<_> =
            changes()?.into_iter().filter_map(|change| audit::entry(level, change, author, now)).collect();
        if entries.is_empty() {
            return Ok(Arc::clone(store));
        }
        store.noting(entries).ok_or_else(|| Failure::Internal("the store keeps no audit".to_owned()))
    }

    /// Adds digests of identifiers, which are types and normal forms, to a change, with the id of the digests' key.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` while the signing keys are not loaded.
    pub(crate) fn with_digests<'a>(
        &self,
        change: Change,
        identifiers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Change, Failure> {
        if self.command_line.is_here() {
            // Other processes may not know the key of a command line, so only the types are noted.
            let types = identifiers.into_iter().map(|(kind, _)| json!({ "type": kind }));
            return Ok(change.with("identifiers", types.collect::<Value>()));
        }
        let ring = self.keys.require()?;
        let keys = ring.audit_digests(self.now()).map_err(Error::from)?;
        let digest = |(kind, normalized)| json!({ "type": kind, "digest": keys.digest(normalized) });
        let digests: Value = identifiers.into_iter().map(digest).collect();
        let change = change.with("identifiers", digests);
        Ok(if keys.kid().is_empty() { change } else { change.with("kid", keys.kid()) })
    }

    /// Returns the store that writes a new session. Its audit entries tell of the login, of a recovery code that it
    /// spends, and of a take-over with the factors that it ends.
    ///
    /// # Errors
    /// The store's failures.
    pub(crate) async fn opening(
        &self,
        session: &Session,
        user: &Authenticated,
        trail: &Trail,
    ) -> Result<Arc<dyn Store>, Failure> {
        if self.audit_level() == AuditLevel::Off {
            return Ok(Arc::clone(&self.store));
        }
        let (user_id, mut author) = (session.user_id.as_str(), trail.author.clone());
        author.session = Some(session.id.clone());
        if author.actor == Actor::Nobody {
            author.actor = Actor::User(user_id.to_owned());
        }
        let drops_factors = user.takes_over() && self.store.factors_of(user_id).await?.are_asked_for();
        self.noting(&author, || {
            let mut changes = vec![Change::of(EventName::LoginSuccess, user_id)];
            changes.extend(spent_with(user));
            if let Some(Unspent::Sent(Spending { takes_over: true, proves: Some(proved), .. })) =
                user.expected().unspent
            {
                let change = Change::of(EventName::IdentifierVerified, user_id).with("takesOver", true);
                changes.push(self.with_digests(change, kinds_and_forms(slice::from_ref(proved)))?);
            }
            changes.extend(drops_factors.then(|| Change::of(EventName::MfaRemoved, user_id)));
            Ok(changes)
        })
    }

    /// Returns the identifiers of a user who is about to be deleted, for the audit; none if the audit is off.
    ///
    /// # Errors
    /// The store's failures.
    pub(crate) async fn audited_identifiers(&self, user_id: &str) -> Result<Vec<Identifier>, Failure> {
        if self.audit_level() == AuditLevel::Off {
            return Ok(Vec::new());
        }
        Ok(self.store.find_user(user_id).await?.map_or_else(Vec::new, |user| user.identifiers))
    }

    /// Returns the audit change of the deletion of a user who has `identifiers`.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` while the signing keys are not loaded.
    pub(crate) fn deletion_of(&self, user_id: &str, identifiers: &[Identifier]) -> Result<[Change; 1], Failure> {
        Ok([self.with_digests(Change::of(EventName::UserDeleted, user_id), kinds_and_forms(identifiers))?])
    }
}

/// Returns the audit change of a recovery code, if the user was proved by one.
pub(super) fn spent_with(user: &Proven) -> Option<Change> {
    let Some(Unspent::Factor(used)) = user.expected().unspent else { return None };
    matches!(used.code, UsedCode::Recovery(_)).then(|| Change::of(EventName::RecoveryUsed, user.user_id()))
}

/// Returns the audit change of a new user.
///
/// # Errors
/// `SERVICE_UNAVAILABLE` while the signing keys are not loaded.
pub(super) fn made(realm: &Realm, event: EventName, user: &NewUser) -> Result<[Change; 1], Failure> {
    let change = Change::of(event, &user.id).with("roles", user.roles.clone());
    Ok([realm.with_digests(change, kinds_and_forms(&user.identifiers))?])
}

/// Returns the types and normal forms of identifiers.
pub(crate) fn kinds_and_forms(identifiers: &[Identifier]) -> impl Iterator<Item = (&str, &str)> {
    identifiers.iter().map(|one| (one.kind.as_str(), one.normalized.as_str()))
}
