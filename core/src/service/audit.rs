//! The audit: writes that take their entries with them, and the entries as admins see them.

use std::slice;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Realm, Trail};
use crate::audit::{self, Actor, AuditLevel, Author, Change, Part};
use crate::authentication::{Authenticated, Proven};
use crate::clock::{Millis, to_iso};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::store::Store;
use crate::store::audit::{EntryQuery, StoredEntry};
use crate::store::model::{Identifier, NewUser, Session, Spending, Unspent, UsedCode};

/// The largest page.
const MAX_PAGE: u32 = 100;

impl Realm {
    /// The level of the audit.
    pub(crate) fn audit_level(&self) -> AuditLevel {
        self.command_line.audit_level(self.config.audit)
    }

    /// Looks for entries if a command line works with this realm: see [`super::command_line`].
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn look_for_audit(&self) -> Result<(), Failure> {
        Ok(self.command_line.look_for_audit(self.store.as_ref()).await?)
    }

    /// Returns a store that writes the changes and their audit entries in one transaction. Without entries if the
    /// option `audit` keeps none of `changes`.
    pub(crate) fn noting<C: IntoIterator<Item = Change>>(
        &self,
        author: &Author,
        changes: impl FnOnce() -> Result<C, Failure>,
    ) -> Result<Arc<dyn Store>, Failure> {
        self.noting_on(&self.store, author, changes)
    }

    /// [`Realm::noting`] over a store that is not this realm's own.
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

    /// Adds the digests of identifiers to a change, and the key that they are made by.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` while the keys are not there.
    pub(crate) fn with_digests<'a>(
        &self,
        change: Change,
        identifiers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Change, Failure> {
        if self.command_line.is_here() {
            // Its key may be unknown to other processes.
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

    /// The store that a session is written by, with the codes that are spent for it.
    ///
    /// # Errors
    /// The store's.
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

    /// The identifiers of a user who is about to be deleted; empty if the audit keeps no deletions.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn audited_identifiers(&self, user_id: &str) -> Result<Vec<Identifier>, Failure> {
        if self.audit_level() == AuditLevel::Off {
            return Ok(Vec::new());
        }
        Ok(self.store.find_user(user_id).await?.map_or_else(Vec::new, |user| user.identifiers))
    }

    /// The deletion of a user who has `identifiers`.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` while the keys are not there.
    pub(crate) fn deletion_of(&self, user_id: &str, identifiers: &[Identifier]) -> Result<[Change; 1], Failure> {
        Ok([self.with_digests(Change::of(EventName::UserDeleted, user_id), kinds_and_forms(identifiers))?])
    }
}

/// The change that the use of a recovery code is.
pub(super) fn spent_with(user: &Proven) -> Option<Change> {
    let Some(Unspent::Factor(used)) = user.expected().unspent else { return None };
    matches!(used.code, UsedCode::Recovery(_)).then(|| Change::of(EventName::RecoveryUsed, user.user_id()))
}

/// A user who is made, for the audit.
///
/// # Errors
/// `SERVICE_UNAVAILABLE` while the keys are not there.
pub(super) fn made(realm: &Realm, event: EventName, user: &NewUser) -> Result<[Change; 1], Failure> {
    let change = Change::of(event, &user.id).with("roles", user.roles.clone());
    Ok([realm.with_digests(change, kinds_and_forms(&user.identifiers))?])
}

/// Types and normal forms.
pub(crate) fn kinds_and_forms(identifiers: &[Identifier]) -> impl Iterator<Item = (&str, &str)> {
    identifiers.iter().map(|one| (one.kind.as_str(), one.normalized.as_str()))
}

/// Which entries to list.
#[derive(Debug, Default)]
pub struct EntryPage<'a> {
    /// 1 to 100, by default 50.
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    pub cursor: Option<&'a str>,
    /// Only those about the user of this id.
    pub user: Option<&'a str>,
    /// Only those of this event.
    pub event: Option<&'a str>,
}

/// `{entries: [{id, at, event, actor, subject, session, ip, requestId, fields}], nextCursor}`, newest first;
/// `nextCursor` is `null` on the last page.
///
/// # Errors
/// `VALIDATION_ERROR`; the store's.
pub async fn list(realm: &Realm, page: &EntryPage<'_>) -> Result<Value, Failure> {
    let EntryPage { limit, cursor, user, event } = *page;
    if realm.audit_level() == AuditLevel::Off && !realm.command_line.is_here() {
        return Err(Error::configuration("audit is off: nothing is kept that could be listed").into());
    }
    let limit = limit.unwrap_or(50);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Error::validation("limit", format!("limit must be from 1 to {MAX_PAGE}")).into());
    }
    let before = cursor.map(|cursor| read_cursor(cursor).ok_or_else(wrong_cursor)).transpose()?;
    if let Some(event) = event
        && !EventName::ALL.iter().any(|known| known.as_str() == event && Part::of(*known) != Part::None)
    {
        return Err(Error::validation("event", "event must be the name of an event that the audit keeps").into());
    }
    if user.is_some_and(|id| id.contains(char::is_control)) {
        return Err(Error::new(ErrorCode::ValidationError, "user must be the id of a user").into());
    }
    // One more than asked for tells whether there is a next page.
    let query = EntryQuery { limit: limit + 1, before, subject: user, event };
    let mut found = realm.store.list_entries(&query).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| format!("{}.{}", last.at, last.id));
    Ok(json!({ "entries": found.iter().map(describe).collect::<Value>(), "nextCursor": next }))
}

/// Reads `time.id`.
fn read_cursor(cursor: &str) -> Option<(Millis, &str)> {
    let (at, id) = cursor.split_once('.')?;
    // Within the years that every database knows.
    let at = at.parse().ok().filter(|at| (0..=253_402_300_799_000).contains(at))?;
    let is_id = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id.then_some((at, id))
}

fn wrong_cursor() -> Error {
    Error::validation("cursor", "cursor must be the nextCursor of the page before")
}

fn describe(entry: &StoredEntry) -> Value {
    json!({
        "id": entry.id,
        "at": to_iso(entry.at),
        "event": entry.event,
        "actor": entry.actor,
        "subject": entry.subject,
        "session": entry.session,
        "ip": entry.ip,
        "requestId": entry.request_id,
        "fields": entry.fields,
    })
}

/// The entries about a user as the user may see them: of others who acted no address, no session and no request, and
/// no digests. `None`: none are kept.
///
/// # Errors
/// The store's.
pub(super) async fn of_user(realm: &Realm, user_id: &str, limit: u32) -> Result<Option<Value>, Failure> {
    if realm.audit_level() == AuditLevel::Off {
        return Ok(None);
    }
    let query = EntryQuery { limit, subject: Some(user_id), ..EntryQuery::default() };
    let found = realm.store.list_entries(&query).await?;
    Ok(Some(found.iter().map(|entry| show(entry, user_id)).collect()))
}

fn show(entry: &StoredEntry, user_id: &str) -> Value {
    let actor = entry.actor.as_deref();
    let is_other = actor.is_some_and(|by| by != user_id && !Actor::WORDS.contains(&by));
    let hidden = |name: &String| matches!(name.as_str(), "identifiers" | "kid");
    let fields: Map<String, Value> = entry.fields.clone().into_iter().filter(|(name, _)| !hidden(name)).collect();
    json!({
        "at": to_iso(entry.at),
        "event": entry.event,
        "actor": if is_other { Some("admin") } else { actor },
        "ip": entry.ip.as_deref().filter(|_| actor.is_none_or(|by| by == user_id)),
        "fields": fields,
    })
}
