//! Sign-ins that must lead to one user alone, where uniqueness of normal forms can't see to it: a username is found in
//! every case, an identifier of an application's own type in one.

use std::collections::BTreeMap;

use crate::clock::Millis;
use crate::crypto::{make_id, sha256, to_base64url};
use crate::identifier::Claim;
use crate::store::ADOPTED_MARKER;
use crate::store::executor::{Executor, Statement, Value};
use crate::store::sql::{SqlStore, id};

/// The longest key that its column holds with the markers, in bytes.
const LONGEST: usize = 1_000;

/// Statements around a change of identifiers.
pub(super) struct Guards {
    /// Make claims of one key wait for each other until the transaction ends.
    pub waits: Vec<Statement>,
    /// Fail where a sign-in leads to somebody else.
    pub checks: Vec<Statement>,
    /// Take away what `waits` left.
    pub ends: Vec<Statement>,
}

/// Stands in `value_normalized` for the time of the transaction, under a name that nobody can register. What is unique
/// is what makes the second of two transactions wait for the first.
pub(super) fn placeholder(key: &str) -> String {
    // A full form may be longer than what may be stored.
    let digest = (key.len() > LONGEST).then(|| to_base64url(&sha256(key.as_bytes())));
    let key = digest.as_deref().unwrap_or(key);
    format!("{ADOPTED_MARKER}{ADOPTED_MARKER}{ADOPTED_MARKER}{key}")
}

impl<E: Executor> SqlStore<E> {
    /// The guards of `claims` of `user_id`, whose row the transaction has locked or made.
    pub(super) fn guard_claims(&self, user_id: &str, claims: &[Claim], now: Millis) -> Guards {
        // In one order, so that two transactions wait for each other instead of in a circle.
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
    let adopted = claim.spellings.iter().map(|spelling| format!("{ADOPTED_MARKER}{spelling}").into());
    let mut params: Vec<Value> =
        claim.spellings.iter().map(|spelling| spelling.as_str().into()).chain(adopted).collect();
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
