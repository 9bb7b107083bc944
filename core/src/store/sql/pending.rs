//! The writes of changes and registrations that were pending until an address was proved. Each is a batch that also
//! spends the flow.

use std::collections::BTreeSet;

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::executor::{Batch, Executor, Outcome, Statement, Value};
use crate::store::model::{ConfirmedChange, ConfirmedRegistration, Flow, NewUser, Spent};
use crate::store::rivals_of;
use crate::store::sql::flows::{OPEN, end_flows_about, insert_flow};
use crate::store::sql::identifiers::touch_user;
use crate::store::sql::{SqlStore, cluster, id};

/// Marks a flow as spent if it is open and meets `condition`, which has `params`. Deletes its payload.
fn consume(
    flow: &Flow,
    by_code: bool,
    now: Millis,
    condition: &str,
    params: impl IntoIterator<Item = Value>,
) -> Statement {
    let sql = format!(
        "UPDATE sentri_flows SET consumed_at = ?, attempts = attempts - ?, context = '' WHERE id = ? AND {OPEN} \
         AND {condition}"
    );
    let (at, refunded) = (Value::Time(now), Value::Int(i64::from(by_code)));
    let mut all = vec![at.clone(), refunded, flow.id.as_str().into(), at];
    all.extend(params);
    Statement::write(sql, all).expect(1)
}

impl<E: Executor> SqlStore<E> {
    pub(super) async fn spend_change(&self, change: &ConfirmedChange<'_>, now: Millis) -> Result<Spent, StoreError> {
        let ConfirmedChange { flow, by_code, from, to, claims, displaces } = *change;
        let Some(user_id) = flow.user_id.as_deref() else { return Ok(Spent::Gone) };
        if flow.identifier_id != from.id || from.id != to.id {
            return Ok(Spent::Gone);
        }
        let epoch = "auth_epoch = (SELECT auth_epoch FROM sentri_users WHERE id == ?)";
        let mut batch = vec![self.lock_user(user_id), consume(flow, by_code, now, epoch, [id(user_id)])];
        if displaces {
            batch.extend(self.displace(user_id, [[to.kind.as_str(), &to.value, &to.normalized]].into_iter()));
        }
        let guards = self.guard_claims(user_id, claims, now);
        batch.extend(guards.waits);
        batch.extend(guards.checks);
        let update = batch.len();
        let sql = "UPDATE sentri_identifiers SET type = ?, value = ?, value_normalized = ?, verified_at = ? \
                   WHERE id == ? AND user_id = ? AND type = ? AND value == ?";
        let params = [
            to.kind.as_str().into(),
            to.value.as_str().into(),
            to.normalized.as_str().into(),
            Value::Time(now),
            id(&from.id),
            id(user_id),
            from.kind.as_str().into(),
            from.value.as_str().into(),
        ];
        batch.push(Statement::write(sql, params).expect(1));
        batch.extend(guards.ends);
        batch.extend([end_flows_about(user_id, &from.id, now), touch_user(user_id, now)]);
        self.spends(batch, |index| index < 2 || index == update).await
    }

    pub(super) async fn spend_registration(
        &self,
        registration: &ConfirmedRegistration<'_>,
        now: Millis,
    ) -> Result<Spent, StoreError> {
        let ConfirmedRegistration { flow, by_code, user, proved } = *registration;
        // All flows that end together are locked in the order of their ids, so that two proofs of the same address
        // can't wait for each other in a circle.
        let subject = || [Value::from(flow.purpose.as_str()), flow.subject.as_str().into()];
        let for_update = self.executor.dialect().for_update;
        let lock = format!("SELECT id FROM sentri_flows WHERE purpose = ? AND subject = ? ORDER BY id{for_update}");
        let mut batch = vec![Statement::read(lock, subject()), consume(flow, by_code, now, "user_id IS NULL", [])];
        batch.extend(self.creation(user));
        let sql = "UPDATE sentri_identifiers SET verified_at = ? WHERE id == ? AND user_id = ?";
        batch.push(Statement::write(sql, [Value::Time(now), id(&proved.id), id(&user.id)]).expect(1));
        let sql = "UPDATE sentri_flows SET consumed_at = ?, context = '' WHERE purpose = ? AND subject = ? \
                   AND user_id IS NULL AND consumed_at IS NULL";
        batch.push(Statement::write(sql, [vec![Value::Time(now)], subject().into()].concat()));
        self.spends(batch, |index| index == 1).await
    }

    pub(super) async fn invite_user(&self, user: &NewUser, flow: &Flow) -> Result<bool, StoreError> {
        let mut batch = self.creation(user);
        batch.push(insert_flow(flow, u32::MAX).expect(1));
        self.creates(batch).await
    }

    /// Takes unverified addresses from other users. A user without a verified address keeps theirs, since it may be the
    /// only way to log in, and the owner of the address can take over that account. Each address is given as its type,
    /// its value and its normal form.
    pub(super) fn displace<'a>(&self, user_id: &str, addresses: impl Iterator<Item = [&'a str; 3]>) -> Vec<Statement> {
        // The addresses are sorted, so that two transactions can't wait for each other in a circle.
        let rivals = addresses.flat_map(|[kind, value, normalized]| rivals_of(kind, value, normalized));
        let sorted: BTreeSet<String> = rivals.collect();
        sorted.iter().flat_map(|address| self.displace_one(user_id, address)).collect()
    }

    fn displace_one(&self, user_id: &str, normalized: &str) -> [Statement; 2] {
        let lock = if self.is_clustered() {
            cluster::mark_holder(normalized)
        } else {
            let sql = "SELECT id FROM sentri_users \
                       WHERE id IN (SELECT user_id FROM sentri_identifiers WHERE value_normalized = ?)";
            Statement::read(format!("{sql}{}", self.executor.dialect().for_update), [Value::from(normalized)])
        };
        // The condition reads a derived table, because MySQL can't read the table that it changes.
        let sql = "DELETE FROM sentri_identifiers WHERE value_normalized = ? AND user_id <> ? AND verified_at IS NULL \
                   AND type IN ('email', 'phone') AND user_id IN (SELECT user_id FROM \
                   (SELECT held.user_id FROM sentri_identifiers AS held \
                   JOIN sentri_identifiers AS proved ON proved.user_id = held.user_id \
                   WHERE held.value_normalized = ? AND proved.verified_at IS NOT NULL) AS settled)";
        let value = || Value::from(normalized);
        [lock, Statement::write(sql, [value(), user_id.into(), value()])]
    }

    /// Runs a batch that spends a flow. `is_gone` chooses the statements that miss their expectation if the flow can't
    /// be spent.
    async fn spends(&self, batch: Vec<Statement>, is_gone: impl Fn(usize) -> bool + Send) -> Result<Spent, StoreError> {
        match self.run(Batch::of(batch)).await {
            Ok(Outcome::Done(_)) => Ok(Spent::Done),
            Ok(Outcome::Unmet(index)) if is_gone(index) => Ok(Spent::Gone),
            Ok(Outcome::Unmet(_)) | Err(StoreError::Unique(_)) => Ok(Spent::Taken),
            Err(error) => Err(error),
        }
    }
}
