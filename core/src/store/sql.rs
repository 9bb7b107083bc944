//! The store in SQL, for every database. Each operation is a [`Batch`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::audit::AuditEntry;
use crate::clock::Millis;
use crate::crypto::make_random;
use crate::failure::StoreError;
use crate::store::Normalizer;
use crate::store::executor::{Answer, Batch, Executor, Expect, Outcome, Statement, StatementKind, Value};
use crate::store::model::Expected;

mod account;
mod audit;
mod claims;
mod cluster;
mod disabling;
mod entries;
mod factor_rows;
mod factors;
mod flows;
mod identifiers;
mod import;
mod import_rows;
mod keys;
mod mark;
mod pending;
mod port;
mod prefix;
mod revocation;
mod row;
mod session_row;
mod sessions;
mod setup;
mod users;

use row::{Row, id, roles_from, roles_to_text, row_of};

/// The most times that an operation that lost a race is run again, unless it is inside a transaction of the host.
const RETRIES: u32 = 5;
/// The number of the attempt from which pauses no longer grow.
const LONGEST_PAUSE: u32 = 4;
/// The time after which a lost race is reported instead of run again.
const RETRY_WINDOW: Duration = Duration::from_secs(2);

/// A [`Store`] over a database that an [`Executor`] accesses.
#[derive(Debug)]
pub struct SqlStore<E> {
    pub(super) executor: Arc<E>,
    pub(super) normalize: Normalizer,
    /// The most times that an operation that lost a race is run again.
    retries: u32,
    /// Whether other servers take writes at the same time, which the locks of this server can't stop; see
    /// `sql::cluster`.
    clustered: AtomicBool,
    /// Entries of the audit for the next writes; see [`entries`].
    entries: Vec<AuditEntry>,
}

impl<E: Executor> SqlStore<E> {
    /// Makes a store over `executor`. `normalize` returns the normal form of identifiers that sentri 5 wrote without
    /// one.
    pub fn new(executor: E, normalize: Normalizer) -> Self {
        let (executor, clustered) = (Arc::new(executor), AtomicBool::new(false));
        Self { executor, normalize, retries: RETRIES, clustered, entries: Vec::new() }
    }

    /// Runs a batch. After a lost race it runs the batch again, after a random pause that grows.
    pub(super) async fn run(&self, batch: impl Into<Batch> + Send) -> Result<Outcome, StoreError> {
        self.run_noting(batch.into(), &self.entries).await
    }

    /// [`Self::run`] with audit entries. The outcome has no answers for their statements.
    async fn run_noting(&self, mut batch: Batch, entries: &[AuditEntry]) -> Result<Outcome, StoreError> {
        let asked = batch.statements.len();
        entries::note(&mut batch, entries);
        let mut outcome = self.run_again(&batch).await?;
        if let Outcome::Done(answers) = &mut outcome {
            answers.truncate(asked);
        }
        Ok(outcome)
    }

    async fn run_again(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            let began = Instant::now();
            match self.executor.run(batch).await {
                // Another attempt that takes equally long must end in time too, since SQLite waits for a lock before it
                // gives up.
                Err(StoreError::Conflict(_))
                    if attempt < self.retries() && started.elapsed() + began.elapsed() < RETRY_WINDOW =>
                {
                    tokio::time::sleep(backoff(attempt.min(LONGEST_PAUSE))).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Runs a statement without an expectation. If audit entries go with it, statement and entries are written only if
    /// it touches exactly one row.
    async fn run_one(&self, statement: Statement) -> Result<Answer, StoreError> {
        if self.is_noting() && statement.kind != StatementKind::Read && statement.expect == Expect::Any {
            return match self.run(statement.expect(1)).await? {
                Outcome::Unmet(_) => Ok(Answer::default()),
                outcome => only_answer(outcome),
            };
        }
        only_answer(self.run(statement).await?)
    }

    pub(super) async fn rows(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Ok(self.run_one(statement).await?.rows)
    }

    async fn count(&self, statement: Statement) -> Result<u64, StoreError> {
        Ok(self.run_one(statement).await?.count)
    }

    /// Runs a batch, and returns `false` if an expectation was missed, so that the operation does not apply.
    async fn applies(&self, batch: Batch) -> Result<bool, StoreError> {
        Ok(matches!(self.run(batch).await?, Outcome::Done(_)))
    }

    /// Deletes at most `limit` rows whose instant in `column` is before `before`, the oldest first. They go in the
    /// order of an index, since PostgreSQL would otherwise scan the dead rows of earlier batches.
    async fn purge(&self, table: &str, column: &str, before: Millis, limit: u32) -> Result<u64, StoreError> {
        let oldest = format!("FROM {table} WHERE {column} < ? ORDER BY {column} LIMIT ?");
        let sql = if self.executor.dialect().limits_deletes {
            format!("DELETE {oldest}")
        } else {
            format!("DELETE FROM {table} WHERE id IN (SELECT id {oldest})")
        };
        self.count(Statement::write(sql, [Value::Time(before), Value::Int(i64::from(limit))])).await
    }

    fn is_clustered(&self) -> bool {
        self.clustered.load(Ordering::Relaxed)
    }

    fn retries(&self) -> u32 {
        if self.is_clustered() && self.retries > 0 { cluster::RETRIES } else { self.retries }
    }

    /// Finds out whether the server is a node of a cluster.
    pub(in crate::store) async fn look_for_cluster(&self) -> Result<(), StoreError> {
        let Some(sql) = self.executor.dialect().cluster else { return Ok(()) };
        let rows = match self.rows(Statement::read(sql, []).once()).await {
            // A product with this protocol that does not know the query is no such cluster.
            Err(StoreError::Other(_)) => Vec::new(),
            rows => rows?,
        };
        let is_on = |row: &Vec<Value>| matches!(row.get(1), Some(Value::Text(value)) if value == "ON");
        self.clustered.store(rows.iter().any(is_on), Ordering::Relaxed);
        Ok(())
    }

    fn lock_user(&self, user_id: &str) -> Statement {
        self.lock_user_as(user_id, Expected::default())
    }

    /// Locks the row of a user, if the user is in the `expected` state.
    fn lock_user_as(&self, user_id: &str, expected: Expected<'_>) -> Statement {
        if self.is_clustered() {
            return cluster::mark_user(user_id, expected);
        }
        let (condition, conditions) = cluster::condition(expected);
        let sql = format!("SELECT id FROM sentri_users WHERE id == ?{condition}{}", self.executor.dialect().for_update);
        let params: Vec<Value> = [id(user_id)].into_iter().chain(conditions).collect();
        Statement::read(sql, params).expect(1)
    }
}

pub(super) fn only_answer(outcome: Outcome) -> Result<Answer, StoreError> {
    match outcome {
        Outcome::Done(answers) => {
            answers.into_iter().next_back().ok_or_else(|| StoreError::Other("the driver gave no answer".into()))
        }
        Outcome::Unmet(_) => Err(StoreError::Other("the driver missed an expectation that was not there".into())),
    }
}

/// Returns a pause of 2, 4, 8 and so on milliseconds, up to twice as long at random, so that losers of a race do not
/// meet again.
pub(super) fn backoff(attempt: u32) -> Duration {
    let [random] = make_random::<1>();
    let base = 2_000 << attempt.min(8);
    Duration::from_micros(base + base * u64::from(random) / 256)
}
