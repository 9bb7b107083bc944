//! Galera clusters of MariaDB and MySQL: every node takes writes, and its locks end at itself. Of two transactions on
//! two nodes that changed the same row, the first to commit wins; the other is refused at its COMMIT as a lost race.
//! Rows that a transaction has only read or locked are not compared, so it writes the rows that it must own.

use crate::store::executor::{Statement, Value};
use crate::store::model::Expected;
use crate::store::sql::id;
use crate::store::sql::mark::{IS_HASH, both};

/// The most times that an operation that lost a race is run again: there is no queue that would let each in once.
pub(super) const RETRIES: u32 = 40;

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
