//! Implements the store port. Each of its methods calls the method of the same name of [`SqlStore`].

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;

use crate::audit::AuditEntry;
use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::Store;
use crate::store::executor::{Connections, Executor};
use crate::store::model::{
    ChangeLimits, ConfirmedChange, ConfirmedRegistration, Credential, Expected, Factor, FactorAsker, FactorAttempt,
    FactorBudget, FactorChange, Factors, Flow, Identifier, IdentifierChange, IdentifierUpdate, NewUser, OpenedSession,
    Rotation, Session, SessionState, Spending, Spent, StoredKey, UserPage, UserWithIdentifiers,
};
use crate::store::sql::SqlStore;

#[async_trait]
impl<E: Executor> Store for SqlStore<E> {
    async fn migrate(&self, now: Millis) -> Result<(), StoreError> {
        self.migrate(now).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.check().await
    }

    fn connections(&self) -> Option<Connections> {
        self.executor.connections()
    }

    async fn close(&self) {
        self.executor.close().await;
    }

    async fn create_user(&self, user: &NewUser) -> Result<bool, StoreError> {
        self.create_user(user).await
    }

    async fn find_credential(
        &self,
        normalized: &str,
        exact: &str,
        others: &[String],
    ) -> Result<Option<Credential>, StoreError> {
        self.find_credential(normalized, exact, others).await
    }

    async fn holders_of(&self, normalized: &[String]) -> Result<Vec<String>, StoreError> {
        self.holders_of(normalized).await
    }

    async fn credential_of(&self, user_id: &str) -> Result<Option<Credential>, StoreError> {
        self.credential_of(user_id).await
    }

    async fn find_user(&self, user_id: &str) -> Result<Option<UserWithIdentifiers>, StoreError> {
        self.find_user(user_id).await
    }

    async fn list_users(&self, limit: u32, after: Option<&str>, prefixes: &[String]) -> Result<UserPage, StoreError> {
        self.list_users(limit, after, prefixes).await
    }

    async fn delete_user(&self, user_id: &str, remembered_until: Millis) -> Result<bool, StoreError> {
        self.delete_user(user_id, remembered_until).await
    }

    async fn purge_deleted_users(&self, now: Millis) -> Result<(), StoreError> {
        self.purge_deleted_users(now).await
    }

    async fn set_roles(&self, user_id: &str, roles: &[String], now: Millis) -> Result<bool, StoreError> {
        self.set_roles(user_id, roles, now).await
    }

    async fn rehash(&self, user_id: &str, old_hash: &str, new_hash: &str, now: Millis) -> Result<bool, StoreError> {
        self.rehash(user_id, old_hash, new_hash, now).await
    }

    async fn change_password(
        &self,
        user_id: &str,
        expected: Option<&str>,
        new_hash: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        self.change_password(user_id, expected, new_hash, now).await
    }

    async fn create_session(
        &self,
        session: &Session,
        expected: Expected<'_>,
        most: u32,
    ) -> Result<Option<OpenedSession>, StoreError> {
        self.create_session(session, expected, most).await
    }

    async fn find_session(&self, session_id: &str) -> Result<Option<SessionState>, StoreError> {
        self.find_session(session_id).await
    }

    async fn rotate(
        &self,
        session_id: &str,
        expected: i64,
        expires_at: Millis,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        self.rotate(session_id, expected, expires_at, now).await
    }

    async fn reauthenticate(
        &self,
        session: &Session,
        expected: Expected<'_>,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        self.reauthenticate(session, expected, now).await
    }

    async fn touch_session(&self, session_id: &str, generation: i64, now: Millis) -> Result<(), StoreError> {
        self.touch_session(session_id, generation, now).await
    }

    async fn page_sessions(
        &self,
        user_id: &str,
        limit: u32,
        after: Option<(Millis, &str)>,
        now: Millis,
    ) -> Result<Vec<Session>, StoreError> {
        self.page_sessions(user_id, limit, after, now).await
    }

    async fn revoke_surplus(
        &self,
        user_id: &str,
        newest: &str,
        most: u32,
        now: Millis,
    ) -> Result<Vec<String>, StoreError> {
        self.revoke_surplus(user_id, newest, most, now).await
    }

    async fn revoke_session(&self, session_id: &str, user_id: Option<&str>, now: Millis) -> Result<bool, StoreError> {
        self.revoke_session(session_id, user_id, now).await
    }

    async fn revoke_sessions(&self, user_id: &str, now: Millis) -> Result<Vec<String>, StoreError> {
        self.revoke_sessions(user_id, now).await
    }

    async fn update_identifiers(
        &self,
        user_id: &str,
        updates: &[IdentifierUpdate],
        inserts: &[Identifier],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.update_identifiers(user_id, updates, inserts, limits, now).await
    }

    async fn delete_identifiers(
        &self,
        user_id: &str,
        ids: &[String],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.delete_identifiers(user_id, ids, limits, now).await
    }

    async fn list_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.list_keys().await
    }

    async fn add_key(&self, key: &StoredKey, newest: Option<&str>) -> Result<bool, StoreError> {
        self.add_key(key, newest).await
    }

    async fn delete_keys(&self, before: Millis) -> Result<u64, StoreError> {
        self.delete_keys(before).await
    }

    async fn purge_sessions(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.purge_sessions(before, limit).await
    }

    async fn put_flow(&self, flow: &Flow, most: u32) -> Result<bool, StoreError> {
        self.put_flow(flow, most).await
    }

    async fn find_flow(&self, token_digest: &str, now: Millis) -> Result<Option<Flow>, StoreError> {
        self.find_flow(token_digest, now).await
    }

    async fn attempt_code(&self, flow_id: &str, since: Millis, now: Millis) -> Result<Option<Flow>, StoreError> {
        self.attempt_code(flow_id, since, now).await
    }

    async fn spend_flow(&self, spending: &Spending<'_>, now: Millis) -> Result<bool, StoreError> {
        self.spend_flow(spending, now).await
    }

    async fn begin_mfa(&self, flow: &Flow, expected: Expected<'_>) -> Result<bool, StoreError> {
        self.begin_mfa(flow, expected).await
    }

    async fn factors_of(&self, user_id: &str) -> Result<Factors, StoreError> {
        self.factors_of(user_id).await
    }

    async fn put_factor(&self, factor: &Factor, session_id: Option<&str>) -> Result<bool, StoreError> {
        self.put_factor(factor, session_id).await
    }

    async fn change_factors(&self, change: &FactorChange<'_>, now: Millis) -> Result<bool, StoreError> {
        self.change_factors(change, now).await
    }

    async fn remove_factors(&self, user_id: &str, now: Millis) -> Result<bool, StoreError> {
        self.remove_factors(user_id, now).await
    }

    async fn attempt_factor(
        &self,
        asker: FactorAsker<'_>,
        budget: &FactorBudget,
        now: Millis,
    ) -> Result<FactorAttempt, StoreError> {
        self.attempt_factor(asker, budget, now).await
    }

    async fn spend_change(&self, change: &ConfirmedChange<'_>, now: Millis) -> Result<Spent, StoreError> {
        self.spend_change(change, now).await
    }

    async fn spend_registration(
        &self,
        registration: &ConfirmedRegistration<'_>,
        now: Millis,
    ) -> Result<Spent, StoreError> {
        self.spend_registration(registration, now).await
    }

    async fn invite_user(&self, user: &NewUser, flow: &Flow) -> Result<bool, StoreError> {
        self.invite_user(user, flow).await
    }

    async fn purge_flows(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.purge_flows(before, limit).await
    }

    fn within(&self, transaction: u32) -> Option<Arc<dyn Store>> {
        let executor = Arc::new(self.executor.within(transaction)?);
        // A race that is lost in the transaction is lost for everything in it, so only the transaction's owner can run
        // it again.
        let clustered = AtomicBool::new(self.is_clustered());
        Some(Arc::new(Self { executor, normalize: self.normalize, retries: 0, clustered, entries: Vec::new() }))
    }

    fn noting(&self, entries: Vec<AuditEntry>) -> Option<Arc<dyn Store>> {
        Some(Arc::new(self.with_entries(entries)))
    }

    fn find_session_now(&self, session_id: &str) -> Option<Result<Option<SessionState>, StoreError>> {
        self.find_session_now(session_id)
    }
}
