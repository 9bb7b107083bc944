//! The store in SQL, written once for every database: each operation is one [`Batch`].

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::clock::Millis;
use crate::crypto::make_random;
use crate::failure::StoreError;
use crate::store::executor::{Answer, Batch, Connections, Executor, Outcome, Statement, Value};
use crate::store::model::{
    ChangeLimits, Credential, Identifier, IdentifierChange, IdentifierUpdate, NewUser, Opened, Rotation, Session,
    SessionState, StoredKey, UserPage, UserWithIdentifiers,
};
use crate::store::{Normalizer, Store};

mod claims;
mod cluster;
mod identifiers;
mod keys;
mod sessions;
mod users;

/// The most times that an operation that lost a race is run again, in a transaction of our own.
const RETRIES: u32 = 5;
/// The pause after which others don't grow.
const LONGEST_PAUSE: u32 = 4;
/// After which time a lost race is reported instead of run again.
const RETRY_WINDOW: Duration = Duration::from_secs(2);

type Row = Vec<Value>;

/// A [`Store`] over a database that an [`Executor`] speaks to.
#[derive(Debug)]
pub struct SqlStore<E> {
    pub(super) executor: E,
    pub(super) normalize: Normalizer,
    /// The most times that an operation that lost a race is run again.
    retries: u32,
    /// Whether other servers take writes at the same time, which no lock of this one stops: see `sql::cluster`.
    clustered: AtomicBool,
}

impl<E: Executor> SqlStore<E> {
    /// A store over `executor`. `normalize` gives the normal form of identifiers written by sentri 5, which kept none.
    pub const fn new(executor: E, normalize: Normalizer) -> Self {
        Self { executor, normalize, retries: RETRIES, clustered: AtomicBool::new(false) }
    }

    /// Runs a batch; a lost race is run again, after a growing and random pause.
    pub(super) async fn run(&self, batch: impl Into<Batch> + Send) -> Result<Outcome, StoreError> {
        let batch = batch.into();
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            match self.executor.run(&batch).await {
                Err(StoreError::Conflict(_)) if attempt < self.retries() && started.elapsed() < RETRY_WINDOW => {
                    tokio::time::sleep(backoff(attempt.min(LONGEST_PAUSE))).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Runs one statement that has no expectation.
    async fn run_one(&self, statement: Statement) -> Result<Answer, StoreError> {
        only_answer(self.run(statement).await?)
    }

    pub(super) async fn rows(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(self.run_one(statement).await?.rows)
    }

    async fn count(&self, statement: Statement) -> Result<u64, StoreError> {
        Ok(self.run_one(statement).await?.count)
    }

    /// Runs a batch whose expectations say whether the operation applies: `false` when one was missed.
    async fn applies(&self, batch: Batch) -> Result<bool, StoreError> {
        Ok(matches!(self.run(batch).await?, Outcome::Done(_)))
    }

    fn lock_user(&self, user_id: &str) -> Statement {
        if self.is_clustered() {
            return cluster::mark_user(user_id, None);
        }
        let sql = format!("SELECT id FROM sentri_users WHERE id == ?{}", self.executor.dialect().for_update);
        Statement::read(sql, [id(user_id)]).expect(1)
    }
}

/// The parameter to find a row by its id, in a comparison byte by byte: adopted tables may take `A` and `a` for the
/// same, and what is remembered elsewhere would stay under the other spelling. Text on MySQL compares without the spaces
/// at its end: what is asked for with one would find a row whose id nobody who compares it elsewhere would recognise. No
/// row has such an id.
fn id(id: &str) -> Value {
    if id.ends_with(' ') { Value::Null } else { id.into() }
}

fn only_answer(outcome: Outcome) -> Result<Answer, StoreError> {
    match outcome {
        Outcome::Done(answers) => {
            answers.into_iter().next_back().ok_or_else(|| StoreError::Other("the driver gave no answer".into()))
        }
        Outcome::Unmet(_) => Err(StoreError::Other("the driver missed an expectation that was not there".into())),
    }
}

/// 2, 4, 8 .. milliseconds, each up to twice as long at random, so that losers do not meet again.
pub(super) fn backoff(attempt: u32) -> Duration {
    let [random] = make_random::<1>();
    let base = 2_000 << attempt.min(8);
    Duration::from_micros(base + base * u64::from(random) / 256)
}

fn row_of<const N: usize>(row: Row) -> Result<[Value; N], StoreError> {
    row.try_into().map_err(|row: Row| StoreError::Other(format!("expected {N} columns, got {}", row.len())))
}

fn roles_to_text(roles: &[String]) -> String {
    serde_json::Value::from(roles).to_string()
}

/// Fails closed: roles that can't be read are an error, never an empty or partial set.
fn roles_from(value: Value) -> Result<Vec<String>, StoreError> {
    let text = value.into_text()?;
    serde_json::from_str(&text).map_err(|_| StoreError::Other("sentri_users.roles is not a JSON list of names".into()))
}

#[async_trait]
impl<E: Executor> Store for SqlStore<E> {
    async fn migrate(&self, now: Millis) -> Result<(), StoreError> {
        self.bring_up_to_date(now).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.check_version().await
    }

    fn connections(&self) -> Option<Connections> {
        self.executor.connections()
    }

    async fn close(&self) {
        self.executor.close().await;
    }

    async fn create_user(&self, user: &NewUser) -> Result<bool, StoreError> {
        self.insert_user(user).await
    }

    async fn find_credential(&self, normalized: &str, exact: &str) -> Result<Option<Credential>, StoreError> {
        self.select_credential(normalized, exact).await
    }

    async fn credential_of(&self, user_id: &str) -> Result<Option<Credential>, StoreError> {
        self.select_credential_of(user_id).await
    }

    async fn find_user(&self, user_id: &str) -> Result<Option<UserWithIdentifiers>, StoreError> {
        self.select_user(user_id).await
    }

    async fn list_users(
        &self,
        limit: u32,
        after: Option<&str>,
        normalized: Option<&str>,
    ) -> Result<UserPage, StoreError> {
        self.select_users(limit, after, normalized).await
    }

    async fn delete_user(&self, user_id: &str, remembered_until: Millis) -> Result<bool, StoreError> {
        self.remove_user(user_id, remembered_until).await
    }

    async fn is_deleted(&self, user_id: &str) -> Result<bool, StoreError> {
        self.has_tombstone(user_id).await
    }

    async fn purge_deleted_users(&self, now: Millis) -> Result<(), StoreError> {
        let sql = "DELETE FROM sentri_deleted_users WHERE expires_at < ?";
        self.run_one(Statement::write(sql, [Value::Time(now)])).await.map(drop)
    }

    async fn set_roles(&self, user_id: &str, roles: &[String], now: Millis) -> Result<bool, StoreError> {
        self.update_roles(user_id, roles, now).await
    }

    async fn rehash(&self, user_id: &str, old_hash: &str, new_hash: &str, now: Millis) -> Result<bool, StoreError> {
        self.swap_hash(user_id, old_hash, new_hash, now).await
    }

    async fn change_password(
        &self,
        user_id: &str,
        expected: Option<&str>,
        new_hash: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        self.update_password(user_id, expected, new_hash, now).await
    }

    async fn create_session(
        &self,
        session: &Session,
        expected_hash: Option<&str>,
        most: u32,
    ) -> Result<Option<Opened>, StoreError> {
        self.insert_session(session, expected_hash, most).await
    }

    async fn find_session(&self, session_id: &str) -> Result<Option<SessionState>, StoreError> {
        self.select_session(session_id).await
    }

    async fn rotate(
        &self,
        session_id: &str,
        expected: i64,
        expires_at: Millis,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        self.step_generation(session_id, expected, expires_at, now).await
    }

    async fn touch_session(&self, session_id: &str, generation: i64, now: Millis) -> Result<(), StoreError> {
        self.note_use(session_id, generation, now).await
    }

    async fn page_sessions(
        &self,
        user_id: &str,
        limit: u32,
        after: Option<(Millis, &str)>,
        now: Millis,
    ) -> Result<Vec<Session>, StoreError> {
        self.select_sessions(user_id, limit, after, now).await
    }

    async fn revoke_surplus(
        &self,
        user_id: &str,
        newest: &str,
        most: u32,
        now: Millis,
    ) -> Result<Vec<String>, StoreError> {
        self.revoke_oldest(user_id, newest, most, now).await
    }

    async fn revoke_session(&self, session_id: &str, user_id: Option<&str>, now: Millis) -> Result<bool, StoreError> {
        self.revoke_one(session_id, user_id, now).await
    }

    async fn revoke_sessions(&self, user_id: &str, now: Millis) -> Result<Vec<String>, StoreError> {
        self.revoke_all(user_id, now).await
    }

    async fn add_identifiers(
        &self,
        user_id: &str,
        identifiers: &[Identifier],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.replace_identifiers(user_id, &[], identifiers, limits, now).await
    }

    async fn update_identifiers(
        &self,
        user_id: &str,
        updates: &[IdentifierUpdate],
        inserts: &[Identifier],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.replace_identifiers(user_id, updates, inserts, limits, now).await
    }

    async fn delete_identifiers(
        &self,
        user_id: &str,
        ids: &[String],
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.remove_identifiers(user_id, ids, now).await
    }

    async fn list_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.select_keys().await
    }

    async fn add_key(&self, key: &StoredKey, newest: Option<&str>) -> Result<bool, StoreError> {
        self.insert_key(key, newest).await
    }

    async fn delete_keys(&self, before: Millis) -> Result<u64, StoreError> {
        self.remove_keys(before).await
    }

    async fn purge_sessions(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.remove_dead_sessions(before, limit).await
    }

    fn within(&self, transaction: u32) -> Option<Arc<dyn Store>> {
        let executor = self.executor.within(transaction)?;
        // A race lost in the transaction is lost for all that is in it: its owner alone can run it again.
        let clustered = AtomicBool::new(self.is_clustered());
        Some(Arc::new(Self { executor, normalize: self.normalize, retries: 0, clustered }))
    }

    fn find_session_now(&self, session_id: &str) -> Option<Result<Option<SessionState>, StoreError>> {
        self.select_session_now(session_id)
    }
}
