//! A store in the memory of the process, for tests of applications.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::clock::Millis;
use crate::crypto::Secret;
use crate::failure::StoreError;
use crate::identifier::Claim;
use crate::store::model::{
    ChangeLimits, Credential, Identifier, IdentifierChange, IdentifierUpdate, NewUser, Opened, Rotation, Session,
    SessionState, StoredKey, User, UserPage, UserWithIdentifiers,
};
use crate::store::{ADOPTED_MARKER, SURPLUS, Store};

/// Users, sessions and keys that end with the process. Every operation holds one lock, so all of them are serial.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    closed: bool,
    /// By id, so by age.
    users: BTreeMap<String, Account>,
    sessions: BTreeMap<String, Session>,
    /// Normalised value to user id.
    owners: BTreeMap<String, String>,
    /// Until when the ids of deleted users are remembered.
    deleted: BTreeMap<String, Millis>,
    /// Newest last.
    keys: Vec<StoredKey>,
}

#[derive(Debug)]
struct Account {
    user: User,
    password_hash: Option<Secret<String>>,
    /// Oldest first.
    identifiers: Vec<Identifier>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Tables) -> T) -> Result<T, StoreError> {
        let mut tables = self.0.lock();
        if tables.closed {
            return Err(StoreError::Unavailable("the store is closed: close() was called".into()));
        }
        Ok(work(&mut tables))
    }
}

impl Account {
    /// `found`: the normal form that was looked for, if it was not the id.
    fn credential(&self, found: Option<&str>) -> Credential {
        let identifier = self.identifiers.iter().find(|one| Some(one.normalized.as_str()) == found);
        Credential {
            user_id: self.user.id.clone(),
            password_hash: self.password_hash.clone(),
            roles: self.user.roles.clone(),
            kind: identifier.map(|one| one.kind.clone()),
        }
    }

    fn view(&self) -> UserWithIdentifiers {
        UserWithIdentifiers { user: self.user.clone(), identifiers: self.identifiers.clone() }
    }

    fn has_hash(&self, hash: &str) -> bool {
        self.password_hash.as_ref().is_some_and(|held| held.expose() == hash)
    }
}

impl Tables {
    /// A user's live sessions, newest first.
    fn live(&self, user_id: &str, now: Millis) -> Vec<Session> {
        let mine = self.sessions.values().filter(|one| one.user_id == user_id && is_live(one, now));
        let mut live: Vec<Session> = mine.cloned().collect();
        live.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        live
    }

    fn state(&self, session_id: &str) -> Option<SessionState> {
        let session = self.sessions.get(session_id)?.clone();
        let roles = self.users.get(&session.user_id)?.user.roles.clone();
        Some(SessionState { session, roles })
    }

    /// Takes all of `values` for a user, or none of them.
    fn claim<'a>(&mut self, user_id: &str, values: impl Iterator<Item = &'a str> + Clone) -> bool {
        let mut seen = Vec::new();
        for value in values.clone() {
            if self.owners.contains_key(value) || seen.contains(&value) {
                return false;
            }
            seen.push(value);
        }
        self.owners.extend(values.map(|value| (value.to_owned(), user_id.to_owned())));
        true
    }

    /// Whether a sign-in that `user_id` claims leads to somebody else.
    fn is_claimed(&self, user_id: &str, claims: &[Claim]) -> bool {
        let leads_elsewhere = |claim: &Claim, value: &str| {
            let Some(owner) = self.owners.get(value).filter(|owner| *owner != user_id) else { return false };
            let found = self.users.get(owner).and_then(|account| account.credential(Some(value)).kind);
            claim.kinds.is_none_or(|kinds| found.is_some_and(|kind| kinds.contains(&kind.as_str())))
        };
        claims.iter().any(|claim| {
            claim.spellings.iter().any(|spelling| {
                leads_elsewhere(claim, spelling) || leads_elsewhere(claim, &format!("{ADOPTED_MARKER}{spelling}"))
            })
        })
    }

    /// Revokes what `choose` picks among the sessions that are not yet revoked; answers their ids.
    fn revoke(&mut self, now: Millis, choose: impl Fn(&Session) -> bool) -> Vec<String> {
        let picked = self.sessions.values_mut().filter(|session| session.revoked_at.is_none() && choose(session));
        picked
            .map(|session| {
                session.revoked_at = Some(now);
                session.id.clone()
            })
            .collect()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn migrate(&self, _now: Millis) -> Result<(), StoreError> {
        self.with(|_| ())
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.with(|_| ())
    }

    async fn close(&self) {
        *self.0.lock() = Tables { closed: true, ..Tables::default() };
    }

    async fn create_user(&self, user: &NewUser) -> Result<bool, StoreError> {
        self.with(|tables| {
            if tables.users.contains_key(&user.id)
                || tables.is_claimed(&user.id, &user.claims)
                || !tables.claim(&user.id, user.identifiers.iter().map(|one| one.normalized.as_str()))
            {
                return false;
            }
            let account = Account {
                user: User { id: user.id.clone(), roles: user.roles.clone(), created_at: user.now },
                password_hash: user.password_hash.clone(),
                identifiers: in_order(user.identifiers.clone()),
            };
            tables.users.insert(user.id.clone(), account);
            true
        })
    }

    async fn find_credential(&self, normalized: &str, exact: &str) -> Result<Option<Credential>, StoreError> {
        self.with(|tables| {
            let marked = format!("{ADOPTED_MARKER}{exact}");
            let wanted = [marked.as_str(), exact, normalized].into_iter();
            let (value, owner) = wanted.into_iter().find_map(|value| Some((value, tables.owners.get(value)?)))?;
            tables.users.get(owner).map(|account| account.credential(Some(value)))
        })
    }

    async fn credential_of(&self, user_id: &str) -> Result<Option<Credential>, StoreError> {
        self.with(|tables| tables.users.get(user_id).map(|account| account.credential(None)))
    }

    async fn find_user(&self, user_id: &str) -> Result<Option<UserWithIdentifiers>, StoreError> {
        self.with(|tables| tables.users.get(user_id).map(Account::view))
    }

    async fn list_users(
        &self,
        limit: u32,
        after: Option<&str>,
        normalized: Option<&str>,
    ) -> Result<UserPage, StoreError> {
        self.with(|tables| {
            let owner = normalized.map(|value| tables.owners.get(value));
            let wanted = |account: &&Account| {
                after.is_none_or(|after| account.user.id.as_str() > after)
                    && owner.is_none_or(|owner| owner == Some(&account.user.id))
            };
            let limit = limit as usize;
            let mut users: Vec<_> = tables.users.values().filter(wanted).take(limit + 1).map(Account::view).collect();
            let more = users.len() > limit;
            users.truncate(limit);
            let next = if more { users.last().map(|last| last.user.id.clone()) } else { None };
            UserPage { users, next }
        })
    }

    async fn delete_user(&self, user_id: &str, remembered_until: Millis) -> Result<bool, StoreError> {
        self.with(|tables| {
            if tables.users.remove(user_id).is_none() {
                return false;
            }
            tables.sessions.retain(|_, session| session.user_id != user_id);
            tables.owners.retain(|_, owner| owner != user_id);
            tables.deleted.insert(user_id.to_owned(), remembered_until);
            true
        })
    }

    async fn is_deleted(&self, user_id: &str) -> Result<bool, StoreError> {
        self.with(|tables| tables.deleted.contains_key(user_id))
    }

    async fn purge_deleted_users(&self, now: Millis) -> Result<(), StoreError> {
        self.with(|tables| tables.deleted.retain(|_, until| *until >= now))
    }

    async fn set_roles(&self, user_id: &str, roles: &[String], _now: Millis) -> Result<bool, StoreError> {
        self.with(|tables| {
            let account = tables.users.get_mut(user_id);
            account.map(|account| account.user.roles = roles.to_vec()).is_some()
        })
    }

    async fn rehash(&self, user_id: &str, old_hash: &str, new_hash: &str, _now: Millis) -> Result<bool, StoreError> {
        self.with(|tables| {
            let account = tables.users.get_mut(user_id).filter(|account| account.has_hash(old_hash));
            account.map(|account| account.password_hash = Some(Secret::new(new_hash.to_owned()))).is_some()
        })
    }

    async fn change_password(
        &self,
        user_id: &str,
        expected: Option<&str>,
        new_hash: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        self.with(|tables| {
            let Some(account) = tables.users.get_mut(user_id) else { return false };
            if expected.is_some_and(|expected| !account.has_hash(expected)) {
                return false;
            }
            account.password_hash = Some(Secret::new(new_hash.to_owned()));
            tables.revoke(now, |session| session.user_id == user_id);
            true
        })
    }

    async fn create_session(
        &self,
        session: &Session,
        expected_hash: Option<&str>,
        most: u32,
    ) -> Result<Option<Opened>, StoreError> {
        self.with(|tables| {
            let account = tables.users.get(&session.user_id)?;
            if expected_hash.is_some_and(|hash| !account.has_hash(hash)) {
                return None;
            }
            let roles = account.user.roles.clone();
            tables.sessions.insert(session.id.clone(), session.clone());
            let is_surplus = tables.live(&session.user_id, session.created_at).len() > most as usize;
            Some(Opened { roles, is_surplus })
        })
    }

    async fn find_session(&self, session_id: &str) -> Result<Option<SessionState>, StoreError> {
        self.with(|tables| tables.state(session_id))
    }

    async fn rotate(
        &self,
        session_id: &str,
        expected: i64,
        expires_at: Millis,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        self.with(|tables| {
            let mut rotated = false;
            if let Some(session) = tables.sessions.get_mut(session_id) {
                rotated = session.generation == expected && session.revoked_at.is_none() && session.expires_at > now;
                if rotated {
                    session.generation += 1;
                    session.rotated_at = Some(now);
                    session.last_used_at = Some(now);
                    session.expires_at = expires_at;
                }
            }
            let wrap = if rotated { Rotation::Rotated } else { Rotation::Behind };
            tables.state(session_id).map_or(Rotation::Gone, wrap)
        })
    }

    async fn touch_session(&self, session_id: &str, generation: i64, now: Millis) -> Result<(), StoreError> {
        self.with(|tables| {
            let session = tables.sessions.get_mut(session_id).filter(|session| session.generation == generation);
            if let Some(session) = session {
                session.last_used_at = Some(session.rotated_at.map_or(now, |rotated| now.max(rotated + 1)));
            }
        })
    }

    async fn page_sessions(
        &self,
        user_id: &str,
        limit: u32,
        after: Option<(Millis, &str)>,
        now: Millis,
    ) -> Result<Vec<Session>, StoreError> {
        self.with(|tables| {
            let mut live = tables.live(user_id, now);
            live.retain(|one| after.is_none_or(|after| (one.created_at, one.id.as_str()) < after));
            live.truncate(limit as usize);
            live
        })
    }

    async fn revoke_surplus(
        &self,
        user_id: &str,
        newest: &str,
        most: u32,
        now: Millis,
    ) -> Result<Vec<String>, StoreError> {
        self.with(|tables| {
            let others = tables.live(user_id, now).into_iter().map(|session| session.id).filter(|id| id != newest);
            let oldest: Vec<String> = others.skip(most.saturating_sub(1) as usize).take(SURPLUS as usize).collect();
            tables.revoke(now, |session| oldest.contains(&session.id))
        })
    }

    async fn revoke_session(&self, session_id: &str, user_id: Option<&str>, now: Millis) -> Result<bool, StoreError> {
        self.with(|tables| {
            let chosen = |session: &Session| {
                session.id == session_id
                    && user_id.is_none_or(|user_id| session.user_id == user_id)
                    && is_live(session, now)
            };
            !tables.revoke(now, chosen).is_empty()
        })
    }

    async fn revoke_sessions(&self, user_id: &str, now: Millis) -> Result<Vec<String>, StoreError> {
        self.with(|tables| tables.revoke(now, |session| session.user_id == user_id && is_live(session, now)))
    }

    async fn add_identifiers(
        &self,
        user_id: &str,
        identifiers: &[Identifier],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.update_identifiers(user_id, &[], identifiers, limits, now).await
    }

    async fn update_identifiers(
        &self,
        user_id: &str,
        updates: &[IdentifierUpdate],
        inserts: &[Identifier],
        limits: &ChangeLimits,
        _now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.with(|tables| {
            let Some(account) = tables.users.get(user_id) else { return IdentifierChange::NoUser };
            let count = account.identifiers.len() + inserts.len();
            if !inserts.is_empty() && limits.most.is_some_and(|most| count > most as usize) {
                return IdentifierChange::TooMany;
            }
            if tables.is_claimed(user_id, &limits.claims) {
                return IdentifierChange::Taken;
            }
            let mut changed = account.identifiers.clone();
            for update in updates {
                let Some(identifier) = changed.iter_mut().find(|one| one.id == update.id) else {
                    return IdentifierChange::NotFound;
                };
                identifier.kind.clone_from(&update.kind);
                identifier.value.clone_from(&update.value);
                identifier.normalized.clone_from(&update.normalized);
            }
            changed.extend(in_order(inserts.to_vec()));
            let held: Vec<String> = account.identifiers.iter().map(|one| one.normalized.clone()).collect();
            for value in &held {
                tables.owners.remove(value);
            }
            if !tables.claim(user_id, changed.iter().map(|one| one.normalized.as_str())) {
                tables.owners.extend(held.into_iter().map(|value| (value, user_id.to_owned())));
                return IdentifierChange::Taken;
            }
            if let Some(account) = tables.users.get_mut(user_id) {
                account.identifiers = changed;
            }
            IdentifierChange::Done
        })
    }

    async fn delete_identifiers(
        &self,
        user_id: &str,
        ids: &[String],
        _now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.with(|tables| {
            let Tables { users, owners, .. } = tables;
            let Some(account) = users.get_mut(user_id) else { return IdentifierChange::NoUser };
            if !ids.iter().all(|id| account.identifiers.iter().any(|one| one.id == *id)) {
                return IdentifierChange::NotFound;
            }
            if !ids.is_empty() && account.identifiers.iter().all(|one| ids.contains(&one.id)) {
                return IdentifierChange::LastOne;
            }
            account.identifiers.retain(|one| {
                let stays = !ids.contains(&one.id);
                if !stays {
                    owners.remove(&one.normalized);
                }
                stays
            });
            IdentifierChange::Done
        })
    }

    async fn list_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.with(|tables| tables.keys.iter().rev().cloned().collect())
    }

    async fn add_key(&self, key: &StoredKey, newest: Option<&str>) -> Result<bool, StoreError> {
        self.with(|tables| {
            let present = tables.keys.last().map(|last| last.kid.as_str());
            if present != newest || tables.keys.iter().any(|held| held.kid == key.kid) {
                return false;
            }
            if let Some(last) = tables.keys.last_mut() {
                last.retired_at = Some(key.active_from);
            }
            tables.keys.push(StoredKey { retired_at: None, ..key.clone() });
            true
        })
    }

    async fn delete_keys(&self, before: Millis) -> Result<u64, StoreError> {
        self.with(|tables| {
            let held = tables.keys.len();
            tables.keys.retain(|key| key.retired_at.is_none_or(|retired| retired >= before));
            (held - tables.keys.len()) as u64
        })
    }

    async fn purge_sessions(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.with(|tables| {
            let dead = |session: &&Session| {
                session.expires_at < before || session.revoked_at.is_some_and(|revoked| revoked < before)
            };
            let dead: Vec<String> =
                tables.sessions.values().filter(dead).take(limit as usize).map(|one| one.id.clone()).collect();
            for id in &dead {
                tables.sessions.remove(id);
            }
            dead.len() as u64
        })
    }

    fn find_session_now(&self, session_id: &str) -> Option<Result<Option<SessionState>, StoreError>> {
        Some(self.with(|tables| tables.state(session_id)))
    }
}

const fn is_live(session: &Session, now: Millis) -> bool {
    session.revoked_at.is_none() && session.expires_at > now
}

fn in_order(mut identifiers: Vec<Identifier>) -> Vec<Identifier> {
    identifiers.sort_by(|a, b| a.id.cmp(&b.id));
    identifiers
}
