//! Guards names to sign in by that must lead to a single user, if the uniqueness of normal forms does not ensure it. A
//! username is found in any case of letters, but an identifier of the application's own type only in its exact case.

use std::collections::BTreeMap;

use crate::clock::Millis;
use crate::crypto::{make_id, sha256, to_base64url};
use crate::identifier::Claim;
use crate::store::executor::{Executor, Statement, Value};
use crate::store::sql::{SqlStore, id};
use crate::store::{ADOPTED_MARKER, stored_forms};

/// The longest key in bytes that fits into its column with the markers.
const LONGEST: usize = 1_000;

/// Statements around a change of identifiers.
pub(super) struct Guards {
    /// Statements that make claims on the same key wait for each other until the transaction ends.
    pub waits: Vec<Statement>,
    /// Statements that miss their expectation if a name leads to another user.
    pub checks: Vec<Statement>,
    /// Statements that delete the rows that `waits` inserted.
    pub ends: Vec<Statement>,
}

/// Returns the text that holds a claim in `value_normalized` during the transaction, which nobody can register. The
/// column is unique, so the second of two transactions with the same claim waits for the first.
pub(super) fn placeholder(key: &str) -> String {
    // A key may be longer than the column, so its digest takes its place.
    let digest = (key.len() > LONGEST).then(|| to_base64url(&sha256(key.as_bytes())));
    let key = digest.as_deref().unwrap_or(key);
    format!("{ADOPTED_MARKER}{ADOPTED_MARKER}{ADOPTED_MARKER}{key}")
}

impl<E: Executor> SqlStore<E> {
    /// Returns the guards for `claims` of `user_id`, whose row the transaction has locked or made.
    pub(super) fn guard_claims(&self, user_id: &str, claims: &[Claim], now: Millis) -> Guards {
        // The keys are sorted, so that two transactions can't wait for each other in a circle.
        let keys: BTreeMap<&str, ()> = claims.iter().map(|claim| (claim.key.as_str(), ())).collect();
        let insert = format!(
            "INSERT INTO sentri_identifiers (id, user_id, type, value, created_at, value_normalized) \
             VALUES (?, ?, ?, ?, ?, ?){}",
            self.executor.dialect().waits
        );
        let wait = |key: &&str| {
            let params =
                [make_id().into(), id(user_id), "claim".into(), "".into(), Value::Time(now), placeholder(key).into()];
            Statement::write(insert.clone(), params)
        };
        let end = |key: &&str| {
            let sql = "DELETE FROM sentri_identifiers WHERE value_normalized = ?";
            Statement::write(sql, [Value::from(placeholder(key))])
        };
        Guards {
            waits: keys.keys().map(wait).collect(),
            checks: claims.iter().map(|claim| check(user_id, claim)).collect(),
            ends: keys.keys().map(end).collect(),
        }
    }
}

fn check(user_id: &str, claim: &Claim) -> Statement {
    let mut params: Vec<Value> = stored_forms(&claim.spellings).into_iter().map(Value::from).collect();
    let marks = |count: usize| vec!["?"; count].join(", ");
    let spellings = marks(params.len());
    params.push(id(user_id));
    let kinds = claim.kinds.map_or_else(String::new, |kinds| {
        params.extend(kinds.iter().map(|kind| Value::from(*kind)));
        format!(" AND type IN ({})", marks(kinds.len()))
    });
    let sql = format!(
        "SELECT id FROM sentri_identifiers WHERE value_normalized IN ({spellings}) AND user_id <> ?{kinds} LIMIT 1"
    );
    Statement::read(sql, params).expect(0)
}
