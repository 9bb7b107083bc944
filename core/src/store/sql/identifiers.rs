//! Identifiers. Every change locks the user's row first, so that changes of a user's identifiers are serial.

use std::collections::BTreeSet;

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::ADOPTED_MARKER;
use crate::store::executor::{Batch, Executor, Outcome, Statement, Value};
use crate::store::model::{ChangeLimits, Identifier, IdentifierChange, IdentifierUpdate};
use crate::store::sql::SqlStore;
use crate::store::sql::flows::end_flows;

/// Returns an INSERT for each identifier. They are sorted by the unique column, so that two registrations of the same
/// values can't wait for each other in a circle.
pub(super) fn inserts(user_id: &str, identifiers: &[Identifier], now: Millis) -> Vec<Statement> {
    let mut sorted: Vec<&Identifier> = identifiers.iter().collect();
    sorted.sort_by(|a, b| a.normalized.cmp(&b.normalized));
    let insert = |identifier: &Identifier| {
        Statement::write(
            "INSERT INTO sentri_identifiers (id, user_id, type, value, created_at, value_normalized) \
             VALUES (?, ?, ?, ?, ?, ?)",
            [
                identifier.id.as_str().into(),
                user_id.into(),
                identifier.kind.as_str().into(),
                identifier.value.as_str().into(),
                Value::Time(now),
                identifier.normalized.as_str().into(),
            ],
        )
    };
    sorted.into_iter().map(insert).collect()
}

/// Returns the types, values and normal forms of the addresses among identifiers.
pub(super) fn addresses(identifiers: &[Identifier]) -> impl Iterator<Item = [&str; 3]> {
    identifiers.iter().map(|one| [one.kind.as_str(), &one.value, &one.normalized]).filter(is_address)
}

fn addresses_of(updates: &[IdentifierUpdate]) -> impl Iterator<Item = [&str; 3]> {
    updates.iter().map(|one| [one.kind.as_str(), &one.value, &one.normalized]).filter(is_address)
}

fn is_address([kind, ..]: &[&str; 3]) -> bool {
    matches!(*kind, "email" | "phone")
}

/// Misses its expectation if the user would have more than `most` identifiers. It counts under the lock of the user's
/// row, so that two concurrent additions can't both take the last place.
fn room(user_id: &str, most: u32, added: usize) -> Statement {
    let left = i64::from(most) - i64::try_from(added).unwrap_or(i64::MAX);
    let sql = "SELECT id FROM sentri_users WHERE id = ? \
               AND (SELECT COUNT(*) FROM sentri_identifiers WHERE user_id = ?) <= ?";
    Statement::read(sql, [user_id.into(), user_id.into(), Value::Int(left)]).expect(1)
}

/// Misses its expectation if a user has verified identifiers and all of them match `gone`, a condition with `params`.
fn stays_verified(user_id: &str, gone: &str, params: impl IntoIterator<Item = Value>) -> Statement {
    let verified = "EXISTS (SELECT 1 FROM sentri_identifiers WHERE user_id = ? AND verified_at IS NOT NULL";
    let sql = format!("SELECT id FROM sentri_users WHERE id = ? AND (NOT {verified}) OR {verified} AND NOT ({gone})))");
    let mut all = vec![Value::from(user_id); 3];
    all.extend(params);
    Statement::read(sql, all).once().expect(1)
}

/// [`stays_verified`] for an update, in which an identifier with another type or value counts as gone.
fn update_stays_verified(user_id: &str, updates: &[IdentifierUpdate]) -> Statement {
    let gone = vec!["(id == ? AND NOT (type = ? AND value == ?))"; updates.len()].join(" OR ");
    let texts = updates.iter().flat_map(|update| [&update.id, &update.kind, &update.value]);
    stays_verified(user_id, &gone, texts.map(|text| Value::from(text.as_str())))
}

pub(super) fn touch_user(user_id: &str, now: Millis) -> Statement {
    Statement::write("UPDATE sentri_users SET updated_at = ? WHERE id = ?", [Value::Time(now), user_id.into()])
}

impl<E: Executor> SqlStore<E> {
    pub(super) async fn update_identifiers(
        &self,
        user_id: &str,
        updates: &[IdentifierUpdate],
        added: &[Identifier],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        let guards = self.guard_claims(user_id, &limits.claims, now);
        let mut batch = vec![self.lock_user(user_id)];
        batch.extend(limits.most.filter(|_| !added.is_empty()).map(|most| room(user_id, most, added.len())));
        let displaced = addresses_of(updates).chain(addresses(added)).filter(|_| limits.displaces);
        batch.extend(self.displace(user_id, displaced));
        let claimed = batch.len()..batch.len() + guards.waits.len() + guards.checks.len();
        batch.extend(guards.waits);
        batch.extend(guards.checks);
        let verified = limits.keeps_verified && !updates.is_empty();
        batch.extend(verified.then(|| update_stays_verified(user_id, updates)));
        // First each old value is replaced by a text that nobody can register, then the new values are written. So
        // values may be swapped, and the column is unique after every statement.
        for update in updates {
            let parked = format!("{ADOPTED_MARKER}{ADOPTED_MARKER}{}", update.id);
            batch.push(
                // The user proved control over the old value, so the mark stays only if the value stays.
                Statement::write(
                    "UPDATE sentri_identifiers SET verified_at = CASE WHEN type = ? AND value == ? THEN verified_at \
                     ELSE NULL END, value_normalized = ? WHERE id == ? AND user_id = ?",
                    [
                        update.kind.as_str().into(),
                        update.value.as_str().into(),
                        parked.into(),
                        update.id.as_str().into(),
                        user_id.into(),
                    ],
                )
                .expect(1),
            );
        }
        let mut sorted: Vec<&IdentifierUpdate> = updates.iter().collect();
        sorted.sort_by(|a, b| a.normalized.cmp(&b.normalized));
        for update in sorted {
            batch.push(
                Statement::write(
                    "UPDATE sentri_identifiers SET type = ?, value = ?, value_normalized = ? \
                     WHERE id == ? AND user_id = ?",
                    [
                        update.kind.as_str().into(),
                        update.value.as_str().into(),
                        update.normalized.as_str().into(),
                        update.id.as_str().into(),
                        user_id.into(),
                    ],
                )
                .expect(1),
            );
        }
        batch.extend(inserts(user_id, added, now));
        batch.extend(guards.ends);
        if !updates.is_empty() {
            batch.push(end_flows(user_id, now));
        }
        batch.push(touch_user(user_id, now));
        self.change(batch, |index| match index {
            index if claimed.contains(&index) => IdentifierChange::Taken,
            index if index < claimed.start => IdentifierChange::TooMany,
            index if verified && index == claimed.end => IdentifierChange::LastVerified,
            _ => IdentifierChange::NotFound,
        })
        .await
    }

    pub(super) async fn delete_identifiers(
        &self,
        user_id: &str,
        ids: &[String],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let count = ids.len() as u64;
        let mut batch = vec![self.lock_user(user_id)];
        if count > 0 {
            let marks = vec!["?"; ids.len()].join(", ");
            let exact = vec!["id == ?"; ids.len()].join(" OR ");
            let mut params = vec![Value::from(user_id)];
            params.extend(ids.into_iter().map(Value::from));
            let gone = || stays_verified(user_id, &exact, params.iter().skip(1).cloned());
            let keeps = limits.keeps_verified.then(gone);
            let select = "SELECT id FROM sentri_identifiers WHERE user_id = ? AND";
            let delete = "DELETE FROM sentri_identifiers WHERE user_id = ? AND id";
            batch.extend([
                Statement::read(format!("{select} ({exact})"), params.clone()).once().expect(count),
                Statement::read(format!("{select} id NOT IN ({marks}) LIMIT 1"), params.clone()).once().expect(1),
            ]);
            batch.extend(keeps);
            batch.extend([
                Statement::write(format!("{delete} IN ({marks})"), params).once().expect(count),
                end_flows(user_id, now),
                touch_user(user_id, now),
            ]);
        }
        let missed = |index| match index {
            2 => IdentifierChange::LastOne,
            3 if limits.keeps_verified => IdentifierChange::LastVerified,
            _ => IdentifierChange::NotFound,
        };
        self.change(batch, missed).await
    }

    /// Runs a batch that begins with [`SqlStore::lock_user`]. `missed` returns the meaning of other missed
    /// expectations.
    async fn change(
        &self,
        batch: Vec<Statement>,
        missed: impl FnOnce(usize) -> IdentifierChange + Send,
    ) -> Result<IdentifierChange, StoreError> {
        match self.run(Batch::of(batch)).await {
            Ok(Outcome::Done(_)) => Ok(IdentifierChange::Done),
            Ok(Outcome::Unmet(0)) => Ok(IdentifierChange::NoUser),
            Ok(Outcome::Unmet(index)) => Ok(missed(index)),
            Err(StoreError::Unique(_)) => Ok(IdentifierChange::Taken),
            Err(error) => Err(error),
        }
    }
}
