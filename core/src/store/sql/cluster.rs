//! Galera clusters of MariaDB and MySQL: every node takes writes, and its locks end at itself. Of two transactions on
//! two nodes the one that commits first wins if both changed one row; the other is refused at its COMMIT as a lost race.
//! What a transaction has only read or locked counts for nothing there, so it writes what it must have for itself.

use std::sync::atomic::Ordering;

use crate::failure::StoreError;
use crate::store::executor::{Executor, Statement, Value};
use crate::store::sql::{SqlStore, id};

/// The most times that an operation that lost a race is run again: there is no queue that would let each in once.
const RETRIES: u32 = 40;

/// Changes the row of a user by what nobody sees: an UPDATE to the values that a row has already counts for nothing.
const MARK: &str =
    "UPDATE sentri_users SET updated_at = COALESCE(updated_at, created_at) + INTERVAL 1 MICROSECOND WHERE id == ?";
const MARK_BY_HASH: &str = "UPDATE sentri_users \
                            SET updated_at = COALESCE(updated_at, created_at) + INTERVAL 1 MICROSECOND \
                            WHERE id == ? AND password_hash = ?";

/// Takes the row of a user, before all other nodes, if its password hash is `expected` where that is given.
pub(super) fn mark_user(user_id: &str, expected: Option<&str>) -> Statement {
    match expected {
        None => Statement::write(MARK, [id(user_id)]),
        Some(hash) => Statement::write(MARK_BY_HASH, [id(user_id), hash.into()]),
    }
    .expect(1)
}

impl<E: Executor> SqlStore<E> {
    pub(super) fn is_clustered(&self) -> bool {
        self.clustered.load(Ordering::Relaxed)
    }

    pub(super) fn retries(&self) -> u32 {
        if self.is_clustered() && self.retries > 0 { RETRIES } else { self.retries }
    }

    /// Finds out whether the server is a node of a cluster.
    pub(in crate::store) async fn look_for_cluster(&self) -> Result<(), StoreError> {
        if self.executor.dialect().name != "mysql" {
            return Ok(());
        }
        let rows = match self.rows(Statement::read("SHOW VARIABLES LIKE 'wsrep_on'", []).once()).await {
            // What speaks the protocol and does not know the question is no such cluster.
            Err(StoreError::Other(_)) => Vec::new(),
            rows => rows?,
        };
        let is_on = |row: &Vec<Value>| matches!(row.get(1), Some(Value::Text(value)) if value == "ON");
        self.clustered.store(rows.iter().any(is_on), Ordering::Relaxed);
        Ok(())
    }
}
