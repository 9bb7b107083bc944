//! Galera clusters of MariaDB and MySQL. Every node takes writes, and its locks hold on that node alone. If
//! transactions on two nodes change the same row, the first to commit wins, and the COMMIT of the other is refused as a
//! lost race. The cluster does not compare rows that a transaction has only read or locked, so a transaction writes the
//! rows that it must own.

use crate::store::executor::{Statement, Value};
use crate::store::model::Expected;
use crate::store::sql::id;
use crate::store::sql::mark::{IS_HASH, both};

/// The most times that an operation that lost a race is run again. It is high, since there is no queue of locks that
/// would serve each operation in turn.
pub(super) const RETRIES: u32 = 40;

/// Adds a microsecond to `updated_at`, since an UPDATE to equal values does not count as a change in the cluster.
const MARK: &str =
    "UPDATE sentri_users SET updated_at = COALESCE(updated_at, created_at) + INTERVAL 1 MICROSECOND WHERE id == ?";

/// Makes the transaction own the row of a user against all other nodes, if the user is as `expected`.
pub(super) fn mark_user(user_id: &str, expected: Expected<'_>) -> Statement {
    let (condition, params) = condition(expected);
    let params: Vec<Value> = [id(user_id)].into_iter().chain(params).collect();
    Statement::write(format!("{MARK}{condition}"), params).expect(1)
}

/// Makes the transaction own the row of the user who has an identifier against all other nodes, if there is such a
/// user.
pub(super) fn mark_holder(normalized: &str) -> Statement {
    // This uses no IN, for which MariaDB before 11.1 reads all users. The value is unique, so `=` does.
    let sql = "UPDATE sentri_users SET updated_at = COALESCE(updated_at, created_at) + INTERVAL 1 MICROSECOND \
               WHERE id = (SELECT user_id FROM sentri_identifiers WHERE value_normalized = ?)";
    Statement::write(sql, [Value::from(normalized)])
}

/// Returns the condition that a user is as `expected`, to be appended to another condition.
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
