//! A store in memory, written without SQL: what every other store is compared with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use sentri_core::audit::AuditEntry;
use sentri_core::clock::Millis;
use sentri_core::crypto::{Secret, make_id};
use sentri_core::factor::FactorMethod;
use sentri_core::failure::StoreError;
use sentri_core::identifier::Claim;
use sentri_core::store::account::{Account as StoredAccount, AccountDeletion, AccountStore, Deleted, PastFlow};
use sentri_core::store::audit::{AuditStore, EntryQuery, StoredEntry};
use sentri_core::store::import::{ImportStore, Imported, NewImport};
use sentri_core::store::model::{
    ChangeLimits, ConfirmedChange, ConfirmedRegistration, Credential, Disabling, Expected, Factor, FactorAsker,
    FactorAttempt, FactorBudget, FactorChange, FactorChangeKind, Factors, Flow, Identifier, IdentifierChange,
    IdentifierUpdate, NewUser, OpenedSession, Rotation, Session, SessionState, Spending, Spent, Standing, StoredKey,
    Unspent, UsedCode, UsedFactor, User, UserPage, UserWithIdentifiers,
};
use sentri_core::store::setup::{FirstAdmin, SetupStore, SetupToken};
use sentri_core::store::{ADOPTED_MARKER, SURPLUS, Store, WRONG_CODES, rivals_of};

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
    flows: Vec<KeptFlow>,
    factors: Vec<Factor>,
    /// Users and digests.
    recovery_codes: Vec<(String, String)>,
    factor_attempts: Vec<KeptAttempt>,
    /// The open set-up token.
    setup: Option<SetupToken>,
}

/// An attempt at the code of a factor.
#[derive(Debug)]
struct KeptAttempt {
    id: String,
    user_id: String,
    method: FactorMethod,
    at: Millis,
    is_past: bool,
}

#[derive(Debug)]
struct KeptFlow {
    flow: Flow,
    auth_epoch: i64,
    consumed: bool,
}

impl KeptFlow {
    fn is_open(&self, now: Millis) -> bool {
        !self.consumed && self.flow.expires_at > now
    }
}

#[derive(Debug, Clone)]
struct Account {
    user: User,
    password_hash: Option<Secret<String>>,
    /// Oldest first.
    identifiers: Vec<Identifier>,
    auth_epoch: i64,
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
            auth_epoch: self.auth_epoch,
            kind: identifier.map(|one| one.kind.clone()),
            disabled: self.user.disabled.clone(),
        }
    }

    fn view(&self) -> UserWithIdentifiers {
        UserWithIdentifiers { user: self.user.clone(), identifiers: self.identifiers.clone() }
    }

    fn is(&self, expected: Expected<'_>) -> bool {
        expected.hash.is_none_or(|hash| self.has_hash(hash))
            && expected.auth_epoch.is_none_or(|epoch| self.auth_epoch == epoch)
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

    fn create(&mut self, user: &NewUser) -> bool {
        let before = (self.users.clone(), self.owners.clone());
        if user.displaces {
            let values = user.identifiers.iter().map(|one| [one.kind.as_str(), &one.value, &one.normalized]);
            self.displace_all(&user.id, values);
        }
        let is_made = self.insert(user);
        if !is_made {
            (self.users, self.owners) = before;
        }
        is_made
    }

    fn insert(&mut self, user: &NewUser) -> bool {
        if self.users.contains_key(&user.id)
            || self.is_claimed(&user.id, &user.claims)
            || !self.claim(&user.id, user.identifiers.iter().map(|one| one.normalized.as_str()))
        {
            return false;
        }
        let account = Account {
            user: User { id: user.id.clone(), roles: user.roles.clone(), created_at: user.now, disabled: None },
            password_hash: user.password_hash.clone(),
            identifiers: in_order(user.identifiers.clone()),
            auth_epoch: 0,
        };
        self.users.insert(user.id.clone(), account);
        true
    }

    fn import(&mut self, one: &NewImport, writes: bool) -> Imported {
        let user = &one.user;
        if let Some(there) = self.users.get(&user.id) {
            let is_theirs = |mine: &Identifier| there.identifiers.iter().any(|one| one.normalized == mine.normalized);
            return if user.identifiers.iter().any(is_theirs) { Imported::Present } else { Imported::OtherUser };
        }
        if self.deleted.contains_key(&user.id) {
            return Imported::Deleted;
        }
        let before = (self.users.clone(), self.owners.clone());
        if !self.insert(user) {
            (self.users, self.owners) = before;
            return Imported::Taken;
        }
        if writes {
            self.factors.extend(one.factors.iter().cloned());
        } else {
            (self.users, self.owners) = before;
        }
        Imported::Written
    }

    /// The other user who gives a value up that nobody verified.
    fn displaced(&self, user_id: &str, normalized: &str) -> Option<String> {
        let owner = self.owners.get(normalized).filter(|owner| *owner != user_id)?;
        let identifiers = &self.users.get(owner)?.identifiers;
        let gives_way = |one: &Identifier| {
            one.normalized == normalized && one.verified_at.is_none() && matches!(one.kind.as_str(), "email" | "phone")
        };
        let is_settled = identifiers.iter().any(|one| one.verified_at.is_some());
        (is_settled && identifiers.iter().any(gives_way)).then(|| owner.clone())
    }

    fn displace_all<'a>(&mut self, user_id: &str, values: impl Iterator<Item = [&'a str; 3]>) {
        let addresses = values.filter(|[kind, ..]| matches!(*kind, "email" | "phone"));
        for value in addresses.flat_map(|[kind, value, normalized]| rivals_of(kind, value, normalized)) {
            self.displace(self.displaced(user_id, &value), &value);
        }
    }

    fn displace(&mut self, owner: Option<String>, normalized: &str) {
        if let Some(account) = owner.and_then(|owner| self.users.get_mut(&owner)) {
            account.identifiers.retain(|one| one.normalized != normalized);
            self.owners.remove(normalized);
        }
    }

    fn change_identifiers(
        &mut self,
        account: &Account,
        updates: &[IdentifierUpdate],
        inserts: &[Identifier],
        limits: &ChangeLimits,
    ) -> IdentifierChange {
        let user_id = account.user.id.as_str();
        if self.is_claimed(user_id, &limits.claims) {
            return IdentifierChange::Taken;
        }
        let mut changed = account.identifiers.clone();
        for update in updates {
            let Some(identifier) = changed.iter_mut().find(|one| one.id == update.id) else {
                return IdentifierChange::NotFound;
            };
            if (&identifier.kind, &identifier.value) != (&update.kind, &update.value) {
                identifier.verified_at = None;
            }
            identifier.kind.clone_from(&update.kind);
            identifier.value.clone_from(&update.value);
            identifier.normalized.clone_from(&update.normalized);
        }
        let is_verified = |all: &[Identifier]| all.iter().any(|one| one.verified_at.is_some());
        if limits.keeps_verified && is_verified(&account.identifiers) && !is_verified(&changed) {
            return IdentifierChange::LastVerified;
        }
        changed.extend(in_order(inserts.to_vec()));
        let held: Vec<String> = account.identifiers.iter().map(|one| one.normalized.clone()).collect();
        for value in &held {
            self.owners.remove(value);
        }
        if !self.claim(user_id, changed.iter().map(|one| one.normalized.as_str())) {
            self.owners.extend(held.into_iter().map(|value| (value, user_id.to_owned())));
            return IdentifierChange::Taken;
        }
        if let Some(account) = self.users.get_mut(user_id) {
            account.identifiers = changed;
        }
        if !updates.is_empty() {
            self.end_flows(user_id);
        }
        IdentifierChange::Done
    }

    fn any_has_role(&self, roles: &[String]) -> bool {
        self.users.values().any(|account| account.user.roles.iter().any(|role| roles.contains(role)))
    }

    fn end_flows(&mut self, user_id: &str) {
        for kept in &mut self.flows {
            kept.consumed |= kept.flow.user_id.as_deref() == Some(user_id);
        }
    }

    fn end_flows_about(&mut self, user_id: &str, identifier_id: &str) {
        for kept in self.flows.iter_mut().filter(|kept| kept.flow.user_id.as_deref() == Some(user_id)) {
            let is_of_another =
                matches!(&*kept.flow.purpose, "change" | "verify") && kept.flow.subject != identifier_id;
            kept.consumed |= !is_of_another;
        }
    }

    /// Whether a session of the user is open, or none is named.
    fn is_open(&self, session_id: Option<&str>, user_id: &str, now: Millis) -> bool {
        let is_live = |one: &Session| one.user_id == user_id && one.revoked_at.is_none() && one.expires_at > now;
        session_id.is_none_or(|id| self.sessions.get(id).is_some_and(is_live))
    }

    fn erase(&mut self, user_id: &str, remembered_until: Millis) -> bool {
        if self.users.remove(user_id).is_none() {
            return false;
        }
        self.sessions.retain(|_, session| session.user_id != user_id);
        self.owners.retain(|_, owner| owner != user_id);
        self.flows.retain(|kept| kept.flow.user_id.as_deref() != Some(user_id));
        self.delete_factors(user_id);
        self.deleted.insert(user_id.to_owned(), remembered_until);
        true
    }

    fn delete_factors(&mut self, user_id: &str) {
        self.factors.retain(|factor| factor.user_id != user_id);
        self.recovery_codes.retain(|(owner, _)| owner != user_id);
        self.factor_attempts.retain(|attempt| attempt.user_id != user_id);
    }

    /// Spends what is good once, with its effect, or nothing.
    fn spend(&mut self, user_id: &str, unspent: Option<Unspent<'_>>, now: Millis) -> bool {
        match unspent {
            None => true,
            Some(Unspent::Factor(used)) => self.spend_factor(user_id, used, now),
            Some(Unspent::Sent(spending)) => {
                spending.flow.user_id.as_deref() == Some(user_id) && self.spend_flow(&spending, now)
            }
        }
    }

    fn spend_flow(&mut self, spending: &Spending<'_>, now: Millis) -> bool {
        let Spending { flow, by_code, proves, new_hash, takes_over } = *spending;
        if proves.map_or("", |identifier| &identifier.id) != flow.identifier_id {
            return false;
        }
        let Some(user_id) = flow.user_id.as_deref() else { return false };
        let Self { users, owners, flows, .. } = &mut *self;
        let Some(account) = users.get_mut(user_id) else { return false };
        let kept = flows.iter_mut().find(|kept| kept.flow.id == flow.id && kept.is_open(now));
        let Some(kept) = kept.filter(|kept| kept.auth_epoch == account.auth_epoch) else { return false };
        let is_verified = |one: &Identifier| one.verified_at.is_some();
        let is_eligible = if takes_over {
            !account.identifiers.iter().any(is_verified)
        } else {
            (new_hash.is_none() && flow.purpose != "login-code")
                || account.identifiers.iter().any(|one| one.id == flow.identifier_id && is_verified(one))
        };
        if !is_eligible {
            return false;
        }
        if let Some(Identifier { id, kind, value, .. }) = proves {
            let mut all = account.identifiers.iter_mut();
            let Some(proved) = all.find(|one| (&one.id, &one.kind, &one.value) == (id, kind, value)) else {
                return false;
            };
            proved.verified_at.get_or_insert(now);
        }
        kept.consumed = true;
        kept.flow.attempts -= i64::from(by_code);
        if takes_over && flow.purpose != "invite" {
            let goes = |one: &Identifier| one.verified_at.is_none() && one.kind != "username";
            account.identifiers.iter().filter(|one| goes(one)).for_each(|one| drop(owners.remove(&one.normalized)));
            account.identifiers.retain(|one| !goes(one));
        }
        if let Some(new_hash) = new_hash {
            account.password_hash = (!new_hash.is_empty()).then(|| Secret::new(new_hash.to_owned()));
            account.auth_epoch += 1;
        }
        if takes_over {
            self.delete_factors(user_id);
        }
        if new_hash.is_some() || takes_over {
            self.end_flows(user_id);
            self.revoke(now, |session| session.user_id == user_id);
        } else {
            for kept in &mut self.flows {
                kept.consumed |= kept.flow.user_id == flow.user_id
                    && (&kept.flow.purpose, &kept.flow.subject) == (&flow.purpose, &flow.subject);
            }
        }
        true
    }

    /// Spends a code and its flow, or neither.
    fn spend_factor(&mut self, user_id: &str, used: UsedFactor<'_>, now: Millis) -> bool {
        let epoch = self.users.get(user_id).map(|account| account.auth_epoch);
        let of_user = |kept: &KeptFlow| kept.flow.user_id.as_deref() == Some(user_id) && kept.flow.purpose == "mfa";
        let is_open = used.flow_id.is_none_or(|id| {
            let mut flows = self.flows.iter().filter(|kept| of_user(kept) && kept.is_open(now));
            flows.any(|kept| kept.flow.id == id && Some(kept.auth_epoch) == epoch)
        });
        if !is_open {
            return false;
        }
        match used.code {
            UsedCode::Totp { factor_id, step } => {
                let mut mine = self.factors.iter_mut().filter(|one| one.user_id == user_id && one.id == factor_id);
                let Some(factor) = mine.find(|one| one.confirmed_at.is_some() && one.last_step < step) else {
                    return false;
                };
                factor.last_step = step;
                factor.last_used_at = Some(now);
            }
            UsedCode::Recovery(digest) => {
                let code = (user_id.to_owned(), digest.to_owned());
                let Some(at) = self.recovery_codes.iter().position(|one| *one == code) else { return false };
                self.recovery_codes.remove(at);
            }
        }
        for kept in self.flows.iter_mut().filter(|kept| used.flow_id.is_some() && of_user(kept)) {
            kept.consumed = true;
        }
        self.factor_attempts.retain(|attempt| attempt.id != used.attempt_id || attempt.user_id != user_id);
        self.factor_attempts.iter_mut().filter(|one| one.user_id == user_id).for_each(|one| one.is_past = true);
        true
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
impl SetupStore for MemoryStore {
    async fn any_has_role(&self, roles: &[String]) -> Result<bool, StoreError> {
        self.with(|tables| tables.any_has_role(roles))
    }

    async fn put_setup(&self, token: &SetupToken, replaces: bool, now: Millis) -> Result<bool, StoreError> {
        self.with(|tables| {
            if !replaces && tables.setup.as_ref().is_some_and(|open| open.expires_at > now) {
                return false;
            }
            tables.setup = Some(token.clone());
            true
        })
    }

    async fn find_setup(&self, now: Millis) -> Result<Option<SetupToken>, StoreError> {
        self.with(|tables| tables.setup.clone().filter(|open| open.expires_at > now))
    }

    async fn create_first_admin(
        &self,
        user: &NewUser,
        digest: &str,
        admin_roles: &[String],
    ) -> Result<FirstAdmin, StoreError> {
        self.with(|tables| {
            let is_open = tables.setup.as_ref().is_some_and(|open| open.digest == digest && open.expires_at > user.now);
            if !is_open || tables.any_has_role(admin_roles) {
                return FirstAdmin::Gone;
            }
            if !tables.create(user) {
                return FirstAdmin::Taken;
            }
            tables.setup = None;
            FirstAdmin::Created
        })
    }
}

#[async_trait]
impl ImportStore for MemoryStore {
    async fn import_users(&self, users: &[NewImport], _now: Millis, writes: bool) -> Result<Vec<Imported>, StoreError> {
        self.with(|tables| users.iter().map(|one| tables.import(one, writes)).collect())
    }
}

#[async_trait]
impl AccountStore for MemoryStore {
    /// Without the times that it does not keep: those of changes are the user's own.
    async fn read_account(&self, user_id: &str) -> Result<Option<StoredAccount>, StoreError> {
        self.with(|tables| {
            let account = tables.users.get(user_id)?;
            let mut sessions: Vec<Session> =
                tables.sessions.values().filter(|one| one.user_id == user_id).cloned().collect();
            sessions.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
            let codes = tables.recovery_codes.iter().filter(|(owner, _)| owner == user_id).count();
            let mine = tables.flows.iter().rev().filter(|kept| kept.flow.user_id.as_deref() == Some(user_id));
            let flows = mine.map(|KeptFlow { flow, consumed, .. }| PastFlow {
                purpose: flow.purpose.clone(),
                payload: if *consumed { String::new() } else { flow.payload.expose().clone() },
                identifier_id: if *consumed { String::new() } else { flow.identifier_id.clone() },
                created_at: flow.created_at,
                expires_at: flow.expires_at,
                consumed_at: consumed.then_some(flow.created_at),
            });
            Some(StoredAccount {
                user: account.user.clone(),
                updated_at: None,
                identifiers: account.identifiers.iter().map(|one| (one.clone(), account.user.created_at)).collect(),
                sessions,
                factors: Factors {
                    factors: tables.factors.iter().filter(|one| one.user_id == user_id).cloned().collect(),
                    recovery_codes: u32::try_from(codes).unwrap(),
                },
                flows: flows.collect(),
            })
        })
    }

    async fn delete_account(&self, deletion: &AccountDeletion<'_>, now: Millis) -> Result<Deleted, StoreError> {
        let AccountDeletion { user_id, session_id, expected, kept_roles, remembered_until } = *deletion;
        self.with(|tables| {
            let Some(account) = tables.users.get(user_id).filter(|account| account.is(expected)) else {
                return Deleted::Changed;
            };
            let is_kept = account.user.roles.iter().any(|role| kept_roles.contains(role));
            if expected.is_impossible() {
                return Deleted::Changed;
            }
            if !tables.is_open(Some(session_id), user_id, now) {
                return Deleted::Ended;
            }
            if is_kept {
                return Deleted::Kept;
            }
            if !tables.spend(user_id, expected.unspent, now) {
                return Deleted::Spent;
            }
            tables.erase(user_id, remembered_until);
            Deleted::Done
        })
    }

    async fn disable_user(&self, user_id: &str, disabling: &Disabling) -> Result<bool, StoreError> {
        self.with(|tables| {
            let Some(account) = tables.users.get_mut(user_id) else { return false };
            let before = account.user.disabled.take().filter(|before| before.holds(disabling.at));
            let at = before.map_or(disabling.at, |before| before.at);
            account.user.disabled = Some(Disabling { at, ..disabling.clone() });
            account.auth_epoch += 1;
            tables.end_flows(user_id);
            tables.sessions.retain(|_, session| session.user_id != user_id);
            true
        })
    }

    async fn enable_user(&self, user_id: &str, _now: Millis) -> Result<bool, StoreError> {
        self.with(|tables| tables.users.get_mut(user_id).is_some_and(|account| account.user.disabled.take().is_some()))
    }

    async fn standing(&self, user_id: &str, now: Millis) -> Result<Standing, StoreError> {
        self.with(|tables| match tables.users.get(user_id) {
            _ if tables.deleted.contains_key(user_id) => Standing::Deleted,
            Some(account) if account.user.is_disabled(now) => Standing::Disabled,
            _ => Standing::Good,
        })
    }
}

/// The audit is the executors' alone: see `audit`.
#[async_trait]
impl AuditStore for MemoryStore {
    async fn list_entries(&self, _query: &EntryQuery<'_>) -> Result<Vec<StoredEntry>, StoreError> {
        self.with(|_| Vec::new())
    }

    async fn purge_entries(&self, _before: Millis, _limit: u32) -> Result<u64, StoreError> {
        self.with(|_| 0)
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

    fn noting(&self, _entries: Vec<AuditEntry>) -> Option<Arc<dyn Store>> {
        None
    }

    async fn close(&self) {
        *self.0.lock() = Tables { closed: true, ..Tables::default() };
    }

    async fn create_user(&self, user: &NewUser) -> Result<bool, StoreError> {
        self.with(|tables| tables.create(user))
    }

    async fn find_credential(
        &self,
        normalized: &str,
        exact: &str,
        others: &[String],
    ) -> Result<Option<Credential>, StoreError> {
        self.with(|tables| {
            let marked = format!("{ADOPTED_MARKER}{exact}");
            let others = others.iter().map(String::as_str);
            let wanted = [marked.as_str(), exact, normalized].into_iter().chain(others);
            let (value, owner) = wanted.into_iter().find_map(|value| Some((value, tables.owners.get(value)?)))?;
            tables.users.get(owner).map(|account| account.credential(Some(value)))
        })
    }

    async fn holders_of(&self, normalized: &[String]) -> Result<Vec<String>, StoreError> {
        self.with(|tables| {
            let holders: BTreeSet<String> =
                normalized.iter().filter_map(|one| tables.owners.get(one)).cloned().collect();
            holders.into_iter().collect()
        })
    }

    async fn credential_of(&self, user_id: &str) -> Result<Option<Credential>, StoreError> {
        self.with(|tables| tables.users.get(user_id).map(|account| account.credential(None)))
    }

    async fn find_user(&self, user_id: &str) -> Result<Option<UserWithIdentifiers>, StoreError> {
        self.with(|tables| tables.users.get(user_id).map(Account::view))
    }

    async fn list_users(&self, limit: u32, after: Option<&str>, prefixes: &[String]) -> Result<UserPage, StoreError> {
        self.with(|tables| {
            let begins = |one: &Identifier| prefixes.iter().any(|prefix| one.normalized.starts_with(prefix));
            let wanted = |account: &&Account| {
                after.is_none_or(|after| account.user.id.as_str() > after)
                    && (prefixes.is_empty() || account.identifiers.iter().any(begins))
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
        self.with(|tables| tables.erase(user_id, remembered_until))
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
            account.auth_epoch += 1;
            tables.end_flows(user_id);
            tables.revoke(now, |session| session.user_id == user_id);
            true
        })
    }

    async fn create_session(
        &self,
        session: &Session,
        expected: Expected<'_>,
        most: u32,
    ) -> Result<Option<OpenedSession>, StoreError> {
        self.with(|tables| {
            let account = tables.users.get(&session.user_id)?;
            if !account.is(expected) || account.user.is_disabled(session.created_at) {
                return None;
            }
            let roles = account.user.roles.clone();
            if !tables.spend(&session.user_id, expected.unspent, session.created_at) {
                return None;
            }
            tables.sessions.insert(session.id.clone(), session.clone());
            let is_surplus = tables.live(&session.user_id, session.created_at).len() > most as usize;
            Some(OpenedSession { roles, is_surplus })
        })
    }

    async fn reauthenticate(
        &self,
        session: &Session,
        expected: Expected<'_>,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        if expected.is_impossible() {
            return Ok(Rotation::Gone);
        }
        self.with(|tables| {
            let account = tables.users.get(&session.user_id);
            let as_expected = account.is_some_and(|account| account.is(expected) && !account.user.is_disabled(now));
            let is_open = |held: &Session| {
                held.generation == session.generation && held.revoked_at.is_none() && held.expires_at > now
            };
            let renewed = as_expected && tables.sessions.get(&session.id).is_some_and(is_open);
            let spends = expected.unspent.filter(|_| as_expected);
            if let Some(used) = spends
                && (renewed || tables.sessions.contains_key(&session.id))
            {
                // What a step that is missed has spent is taken back, so it is tried on a copy.
                let before = (tables.factors.clone(), tables.recovery_codes.clone());
                if !tables.spend(&session.user_id, Some(used), now) {
                    return Rotation::Spent;
                }
                if !renewed {
                    (tables.factors, tables.recovery_codes) = before;
                }
            }
            if let Some(held) = tables.sessions.get_mut(&session.id)
                && renewed
            {
                held.generation += 2;
                held.rotated_at = Some(now);
                held.last_used_at = Some(now);
                held.expires_at = session.expires_at;
                held.assurance.clone_from(&session.assurance);
            }
            let wrap = if renewed { Rotation::Rotated } else { Rotation::Behind };
            tables.state(&session.id).map_or(Rotation::Gone, wrap)
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
            let before = (tables.users.clone(), tables.owners.clone());
            let account = account.clone();
            if limits.displaces {
                let values = updates.iter().map(|one| [one.kind.as_str(), &one.value, &one.normalized]);
                let added = inserts.iter().map(|one| [one.kind.as_str(), &one.value, &one.normalized]);
                tables.displace_all(user_id, values.chain(added));
            }
            let change = tables.change_identifiers(&account, updates, inserts, limits);
            if change != IdentifierChange::Done {
                (tables.users, tables.owners) = before;
            }
            change
        })
    }

    async fn delete_identifiers(
        &self,
        user_id: &str,
        ids: &[String],
        limits: &ChangeLimits,
        _now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.with(|tables| {
            let Tables { users, owners, .. } = &mut *tables;
            let Some(account) = users.get_mut(user_id) else { return IdentifierChange::NoUser };
            if !ids.iter().all(|id| account.identifiers.iter().any(|one| one.id == *id)) {
                return IdentifierChange::NotFound;
            }
            if !ids.is_empty() && account.identifiers.iter().all(|one| ids.contains(&one.id)) {
                return IdentifierChange::LastOne;
            }
            let verified = |one: &&Identifier| one.verified_at.is_some();
            let mut held = account.identifiers.iter().filter(verified).peekable();
            if limits.keeps_verified && held.peek().is_some() && held.all(|one| ids.contains(&one.id)) {
                return IdentifierChange::LastVerified;
            }
            account.identifiers.retain(|one| {
                let stays = !ids.contains(&one.id);
                if !stays {
                    owners.remove(&one.normalized);
                }
                stays
            });
            if !ids.is_empty() {
                tables.end_flows(user_id);
            }
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

    async fn put_flow(&self, flow: &Flow, most: u32) -> Result<bool, StoreError> {
        self.with(|tables| {
            let same = |kept: &&KeptFlow| {
                (&kept.flow.subject, &kept.flow.purpose) == (&flow.subject, &flow.purpose)
                    && kept.is_open(flow.created_at)
            };
            let auth_epoch = match &flow.user_id {
                Some(user_id) => match tables.users.get(user_id) {
                    Some(account) => account.auth_epoch,
                    None => return false,
                },
                None => 0,
            };
            let is_put = tables.flows.iter().filter(same).count() < most as usize;
            if is_put {
                tables.flows.push(KeptFlow { flow: flow.clone(), auth_epoch, consumed: false });
            }
            is_put
        })
    }

    async fn find_flow(&self, token_digest: &str, now: Millis) -> Result<Option<Flow>, StoreError> {
        self.with(|tables| {
            let mut open = tables.flows.iter().filter(|kept| kept.is_open(now));
            open.find(|kept| kept.flow.token_digest == token_digest).map(|kept| kept.flow.clone())
        })
    }

    async fn attempt_code(&self, flow_id: &str, since: Millis, now: Millis) -> Result<Option<Flow>, StoreError> {
        self.with(|tables| {
            let at = tables.flows.iter().position(|kept| kept.flow.id == flow_id)?;
            let flow = tables.flows[at].flow.clone();
            let of_same = |other: &Flow| match &flow.user_id {
                Some(user_id) => other.user_id.as_ref() == Some(user_id),
                None => other.subject == flow.subject,
            };
            let counts = |one: &&Flow| of_same(one) && one.purpose != "mfa" && one.created_at > since;
            let recent = tables.flows.iter().map(|kept| &kept.flow).filter(counts);
            let wrong: i64 = recent.map(|one| one.attempts).sum();
            let is_good = flow.code.as_ref().is_some_and(|code| code.expires_at > now);
            if !(tables.flows[at].is_open(now) && is_good && flow.attempts < flow.max_attempts)
                || wrong >= i64::from(WRONG_CODES)
            {
                return None;
            }
            tables.flows[at].flow.attempts += 1;
            Some(flow)
        })
    }

    async fn spend_flow(&self, spending: &Spending<'_>, now: Millis) -> Result<bool, StoreError> {
        self.with(|tables| tables.spend_flow(spending, now))
    }

    async fn begin_mfa(&self, flow: &Flow, expected: Expected<'_>) -> Result<bool, StoreError> {
        self.with(|tables| {
            let Some(account) = flow.user_id.as_deref().and_then(|id| tables.users.get(id)) else { return false };
            if expected.is_impossible() || !account.is(expected) {
                return false;
            }
            let (auth_epoch, user_id) = (account.auth_epoch, account.user.id.clone());
            if !tables.spend(&user_id, expected.unspent, flow.created_at) {
                return false;
            }
            tables.flows.push(KeptFlow { flow: flow.clone(), auth_epoch, consumed: false });
            let mut open: Vec<&mut KeptFlow> = tables.flows.iter_mut().collect();
            open.retain(|kept| {
                kept.flow.user_id == flow.user_id && kept.flow.purpose == flow.purpose && !kept.consumed
            });
            let surplus = open.len().saturating_sub(20);
            open.sort_by_key(|kept| kept.flow.created_at);
            open.into_iter().take(surplus).for_each(|kept| kept.consumed = true);
            true
        })
    }

    async fn factors_of(&self, user_id: &str) -> Result<Factors, StoreError> {
        self.with(|tables| Factors {
            factors: tables.factors.iter().filter(|one| one.user_id == user_id).cloned().collect(),
            recovery_codes: u32::try_from(tables.recovery_codes.iter().filter(|(owner, _)| owner == user_id).count())
                .unwrap_or_default(),
        })
    }

    async fn put_factor(&self, factor: &Factor, session_id: Option<&str>) -> Result<bool, StoreError> {
        self.with(|tables| {
            let is_open = tables.is_open(session_id, &factor.user_id, factor.created_at);
            if !is_open || !tables.users.contains_key(&factor.user_id) {
                return false;
            }
            tables.factors.retain(|one| {
                (&one.user_id, &one.kind) != (&factor.user_id, &factor.kind) || one.confirmed_at.is_some()
            });
            tables.factors.push(factor.clone());
            true
        })
    }

    async fn change_factors(&self, change: &FactorChange<'_>, now: Millis) -> Result<bool, StoreError> {
        self.with(|tables| {
            let user_id = change.user_id;
            if !tables.is_open(change.kept_session, user_id, now) {
                return false;
            }
            let Some(account) = tables.users.get_mut(user_id) else { return false };
            let mut mine = tables.factors.iter_mut().filter(|one| one.user_id == user_id);
            let found = match change.kind {
                FactorChangeKind::Confirm { id, step } => {
                    mine.find(|one| one.id == id && one.confirmed_at.is_none() && one.last_step < step)
                }
                FactorChangeKind::Remove { id } => mine.find(|one| one.id == id),
                FactorChangeKind::Codes => None,
            };
            let is_there = found.is_some() || matches!(change.kind, FactorChangeKind::Codes);
            if account.auth_epoch != change.auth_epoch || !is_there {
                return false;
            }
            account.auth_epoch += 1;
            match (change.kind, found) {
                (FactorChangeKind::Confirm { step, id }, Some(factor)) => {
                    (factor.confirmed_at, factor.last_used_at, factor.last_step) = (Some(now), Some(now), step);
                    let mut others = tables.factors.iter().filter(|one| one.user_id == user_id && one.id != id);
                    if others.all(|one| one.confirmed_at.is_none()) {
                        tables.factor_attempts.retain(|one| one.user_id != user_id);
                    }
                }
                (FactorChangeKind::Remove { id }, _) => tables.factors.retain(|one| one.id != id),
                _ => {}
            }
            if let Some(digests) = change.recovery_codes {
                tables.recovery_codes.retain(|(owner, _)| owner != user_id);
                let codes = digests.iter().map(|digest| (user_id.to_owned(), digest.clone()));
                tables.recovery_codes.extend(codes);
            }
            tables.end_flows(user_id);
            if change.ends_sessions {
                tables.revoke(now, |one| one.user_id == user_id && Some(one.id.as_str()) != change.kept_session);
            }
            true
        })
    }

    async fn remove_factors(&self, user_id: &str, now: Millis) -> Result<bool, StoreError> {
        self.with(|tables| {
            let Some(account) = tables.users.get_mut(user_id) else { return false };
            account.auth_epoch += 1;
            tables.delete_factors(user_id);
            tables.end_flows(user_id);
            tables.revoke(now, |session| session.user_id == user_id);
            true
        })
    }

    async fn attempt_factor(
        &self,
        asker: FactorAsker<'_>,
        budget: &FactorBudget,
        now: Millis,
    ) -> Result<FactorAttempt, StoreError> {
        self.with(|tables| {
            let (at, user_id) = match asker {
                FactorAsker::User(user_id) => (None, user_id.to_owned()),
                FactorAsker::Flow(flow_id) => {
                    let at = tables.flows.iter().position(|kept| {
                        let epoch = kept.flow.user_id.as_ref().and_then(|id| tables.users.get(id));
                        kept.flow.id == flow_id
                            && kept.flow.purpose == "mfa"
                            && kept.is_open(now)
                            && kept.flow.attempts < kept.flow.max_attempts
                            && epoch.is_some_and(|account| account.auth_epoch == kept.auth_epoch)
                    });
                    let Some(at) = at else { return FactorAttempt::Refused };
                    (Some(at), tables.flows[at].flow.user_id.clone().unwrap_or_default())
                }
            };
            let has_factor =
                |id: &str| tables.factors.iter().any(|one| one.user_id == id && one.confirmed_at.is_some());
            if !tables.users.contains_key(&user_id) || (at.is_none() && !has_factor(&user_id)) {
                return FactorAttempt::Refused;
            }
            let mine =
                || tables.factor_attempts.iter().filter(|one| one.user_id == user_id && one.method == budget.method);
            let is_spent = budget
                .since
                .iter()
                .any(|(most, since)| mine().filter(|attempt| attempt.at > *since).count() >= *most as usize);
            let in_a_row = mine().filter(|attempt| !attempt.is_past).count();
            if is_spent || budget.in_a_row.is_some_and(|most| in_a_row >= most as usize) {
                return FactorAttempt::Exceeded;
            }
            if let Some(at) = at {
                tables.flows[at].flow.attempts += 1;
            }
            let (id, method) = (make_id(), budget.method);
            let kept = KeptAttempt { id: id.clone(), user_id: user_id.clone(), method, at: now, is_past: false };
            tables.factor_attempts.push(kept);
            let flow_id = at.map(|at| tables.flows[at].flow.id.clone());
            let begun_by = at.map_or_else(String::new, |at| tables.flows[at].flow.payload.expose().clone());
            FactorAttempt::Counted { id, user_id, flow_id, begun_by }
        })
    }

    async fn spend_change(&self, change: &ConfirmedChange<'_>, now: Millis) -> Result<Spent, StoreError> {
        self.with(|tables| {
            let ConfirmedChange { flow, by_code, from, to, claims, displaces } = *change;
            let Some(user_id) = flow.user_id.as_deref() else { return Spent::Gone };
            let Some(account) = tables.users.get(user_id) else { return Spent::Gone };
            let as_it_was = |one: &Identifier| (&one.id, &one.kind, &one.value) == (&from.id, &from.kind, &from.value);
            let Some(at) = account.identifiers.iter().position(as_it_was) else { return Spent::Gone };
            let kept = tables.flows.iter().position(|kept| kept.flow.id == flow.id && kept.is_open(now));
            let Some(kept) = kept.filter(|kept| tables.flows[*kept].auth_epoch == account.auth_epoch) else {
                return Spent::Gone;
            };
            if flow.identifier_id != from.id || to.id != from.id {
                return Spent::Gone;
            }
            let before = account.identifiers[at].normalized.clone();
            let all = (tables.users.clone(), tables.owners.clone());
            if displaces {
                tables.displace_all(user_id, [[to.kind.as_str(), &to.value, &to.normalized]].into_iter());
            }
            let owner = tables.owners.get(&to.normalized);
            let is_free = owner.is_none_or(|owner| owner == user_id && before == to.normalized);
            if !is_free || tables.is_claimed(user_id, claims) {
                (tables.users, tables.owners) = all;
                return Spent::Taken;
            }
            tables.owners.remove(&before);
            tables.owners.insert(to.normalized.clone(), user_id.to_owned());
            if let Some(account) = tables.users.get_mut(user_id) {
                account.identifiers[at] = Identifier {
                    id: to.id.clone(),
                    kind: to.kind.clone(),
                    value: to.value.clone(),
                    normalized: to.normalized.clone(),
                    verified_at: Some(now),
                };
            }
            tables.flows[kept].flow.attempts -= i64::from(by_code);
            tables.end_flows_about(user_id, &from.id);
            Spent::Done
        })
    }

    async fn spend_registration(
        &self,
        registration: &ConfirmedRegistration<'_>,
        now: Millis,
    ) -> Result<Spent, StoreError> {
        self.with(|tables| {
            let ConfirmedRegistration { flow, by_code, user, proved } = *registration;
            let open = |kept: &KeptFlow| kept.flow.id == flow.id && kept.flow.user_id.is_none() && kept.is_open(now);
            let Some(kept) = tables.flows.iter().position(open) else { return Spent::Gone };
            if !tables.create(user) {
                return Spent::Taken;
            }
            if let Some(account) = tables.users.get_mut(&user.id) {
                let mut proofs = account.identifiers.iter_mut().filter(|one| one.id == proved.id);
                proofs.next().expect("it is one of the user's").verified_at = Some(now);
            }
            tables.flows[kept].flow.attempts -= i64::from(by_code);
            for kept in &mut tables.flows {
                kept.consumed |= kept.flow.user_id.is_none()
                    && (&kept.flow.purpose, &kept.flow.subject) == (&flow.purpose, &flow.subject);
            }
            Spent::Done
        })
    }

    async fn invite_user(&self, user: &NewUser, flow: &Flow) -> Result<bool, StoreError> {
        self.with(|tables| {
            let is_made = tables.create(user);
            if is_made {
                tables.flows.push(KeptFlow { flow: flow.clone(), auth_epoch: 0, consumed: false });
            }
            is_made
        })
    }

    async fn purge_flows(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.with(|tables| {
            let mut gone = 0;
            tables.flows.retain(|kept| {
                let goes = gone < u64::from(limit) && kept.flow.expires_at < before;
                gone += u64::from(goes);
                !goes
            });
            gone
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
