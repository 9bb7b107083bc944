//! Galera clusters of MariaDB and MySQL: every node takes writes, and its locks end at itself. Of two transactions on
//! two nodes that changed the same row, the first to commit wins; the other is refused at its COMMIT as a lost race.
//! Rows that a transaction has only read or locked are not compared, so it writes the rows that it must own.

use std::sync::atomic::Ordering;

use crate::failure::StoreError;
use crate::store::executor::{Executor, Statement, Value};
use crate::store::model::Expected;
use crate::store::sql::mark::{IS_HASH, both};
use crate::store::sql::{SqlStore, id};

/// The most times that an operation that lost a race is run again: there is no queue that would let each in once.
const RETRIES: u32 = 40;

/// Adds a microsecond to `updated_at`, since an UPDATE to equal values locks nothing in the cluster.
const MARK: &str =
    "UPDATE sentri_users SET updated_at = COALESCE(updated_at, created_at) + INTERVAL 1 MICROSECOND WHERE id == ?";

/// Takes the row of a user, before all other nodes, if the user is as `expected`.
pub(super) fn mark_user(user_id: &str, expected: Expected<'_>) -> Statement {
    let (condition, params) = condition(expected);
    let params: Vec<Value> = [id(user_id)].into_iter().chain(params).collect();
    Statement::write(format!("{MARK}{condition}"), params).expect(1)
}

/// Takes the row of the user with an identifier, before all other nodes, if there is such a user.
pub(super) fn mark_holder(normalized: &str) -> Statement {
    // Not by IN, for which MariaDB before 11.1 goes through all users. What is looked for is unique.
    let sql = "UPDATE sentri_users SET updated_at = COALESCE(updated_at, created_at) + INTERVAL 1 MICROSECOND \
               WHERE id = (SELECT user_id FROM sentri_identifiers WHERE value_normalized = ?)";
    Statement::write(sql, [Value::from(normalized)])
}

/// The condition that a user is as `expected`, to follow another one.
pub(super) fn condition(expected: Expected<'_>) -> (String, Vec<Value>) {
    let Expected { hash, auth_epoch, .. } = expected;
    let (mut condition, mut params) = (String::new(), Vec::new());
    if let Some(hash) = hash {
        condition += " AND ";
        condition += IS_HASH;
        params.extend(both(hash));
    }
    if let Some(epoch) = auth_epoch {
        condition += " AND auth_epoch = ?";
        params.push(Value::Int(epoch));
    }
    (condition, params)
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
        let Some(sql) = self.executor.dialect().cluster else { return Ok(()) };
        let rows = match self.rows(Statement::read(sql, []).once()).await {
            // What speaks the protocol and does not know the question is no such cluster.
            Err(StoreError::Other(_)) => Vec::new(),
            rows => rows?,
        };
        let is_on = |row: &Vec<Value>| matches!(row.get(1), Some(Value::Text(value)) if value == "ON");
        self.clustered.store(rows.iter().any(is_on), Ordering::Relaxed);
        Ok(())
    }
}
