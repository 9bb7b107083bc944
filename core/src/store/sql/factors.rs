//! Second factors. A code is spent once, and an attempt is counted before its code is compared. Every change locks the
//! user's row first, so that changes of a user's factors are serial.

use crate::clock::Millis;
use crate::crypto::make_id;
use crate::failure::StoreError;
use crate::store::executor::{Batch, Executor, Outcome, Statement, Value};
use crate::store::model::{
    Expected, Factor, FactorAsker, FactorAttempt, FactorBudget, FactorChange, FactorChangeKind, Factors, Flow, Unspent,
    UsedCode, UsedFactor,
};
use crate::store::sql::factor_rows::{delete_factors, factor_from};
use crate::store::sql::flows::{self, MFA, OPEN, end_flows, insert_flow, payload_of};
use crate::store::sql::mark::remark;
use crate::store::sql::session_row::time;
use crate::store::sql::{SqlStore, id, row_of};

/// The most open flows of the purpose `mfa` of a user. The oldest ends for a new one. Each began with a right first
/// proof, so the limits of that proof bound the flows too.
const MOST_FLOWS: i64 = 20;

impl<E: Executor> SqlStore<E> {
    pub(super) async fn begin_mfa(&self, flow: &Flow, expected: Expected<'_>) -> Result<bool, StoreError> {
        let Some(user_id) = flow.user_id.as_deref().filter(|_| !expected.is_impossible()) else { return Ok(false) };
        // The inner table has a name of its own because MySQL takes no LIMIT directly inside IN.
        let sql = "UPDATE sentri_flows SET consumed_at = ? WHERE user_id = ? AND purpose = ? AND consumed_at IS NULL \
                   AND id NOT IN (SELECT id FROM (SELECT id FROM sentri_flows WHERE user_id = ? AND purpose = ? \
                   AND consumed_at IS NULL ORDER BY created_at DESC, id DESC LIMIT ?) AS newest)";
        let (at, mfa) = (Value::Time(flow.created_at), || Value::from(MFA));
        let params = [at, id(user_id), mfa(), id(user_id), mfa(), Value::Int(MOST_FLOWS - 1)];
        let Some(spent) = spend(user_id, expected.unspent, flow.created_at) else { return Ok(false) };
        let mut batch = vec![self.lock_user_as(user_id, expected)];
        batch.extend(spent);
        batch.extend([Statement::write(sql, params), insert_flow(flow, u32::MAX).expect(1)]);
        self.applies(Batch::of(batch)).await
    }

    pub(super) async fn factors_of(&self, user_id: &str) -> Result<Factors, StoreError> {
        let factors = "SELECT id, user_id, kind, label, secret, last_step, [created_at], [confirmed_at], \
                       [last_used_at] FROM sentri_factors WHERE user_id = ? ORDER BY created_at, id";
        let codes = "SELECT COUNT(*) AS codes FROM sentri_recovery_codes WHERE user_id = ?";
        let batch = [Statement::read(factors, [id(user_id)]), Statement::read(codes, [id(user_id)])];
        let Outcome::Done(answers) = self.run(Batch::of(batch)).await? else {
            return Err(StoreError::Other("the driver missed an expectation that was not there".into()));
        };
        let mut rows = answers.into_iter().map(|answer| answer.rows);
        let factors = rows.next().unwrap_or_default().into_iter().map(factor_from).collect::<Result<_, _>>()?;
        let [codes] = row_of(rows.next().and_then(|mut rows| rows.pop()).unwrap_or_default())?;
        Ok(Factors { factors, recovery_codes: u32::try_from(codes.into_int()?).unwrap_or(u32::MAX) })
    }

    pub(super) async fn put_factor(&self, factor: &Factor, session_id: Option<&str>) -> Result<bool, StoreError> {
        let pending = "DELETE FROM sentri_factors WHERE user_id = ? AND kind = ? AND confirmed_at IS NULL";
        let insert = "INSERT INTO sentri_factors (id, user_id, kind, label, secret, last_step, created_at, \
                      confirmed_at, last_used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let kind = || Value::from(factor.kind.as_str());
        let params = [
            factor.id.as_str().into(),
            id(&factor.user_id),
            kind(),
            factor.label.as_deref().into(),
            factor.secret.expose().as_str().into(),
            Value::Int(factor.last_step),
            Value::Time(factor.created_at),
            time(factor.confirmed_at),
            time(factor.last_used_at),
        ];
        let mut batch = vec![self.lock_user(&factor.user_id)];
        batch.extend(session_id.map(|session| open_session(session, &factor.user_id, factor.created_at)));
        batch.push(Statement::write(pending, [id(&factor.user_id), kind()]));
        batch.push(Statement::write(insert, params));
        self.applies(Batch::of(batch)).await
    }

    pub(super) async fn change_factors(&self, change: &FactorChange<'_>, now: Millis) -> Result<bool, StoreError> {
        let user_id = change.user_id;
        let (user, at) = (|| id(user_id), || Value::Time(now));
        let seen = Expected { auth_epoch: Some(change.auth_epoch), ..Expected::default() };
        let mut batch = vec![self.lock_user_as(user_id, seen)];
        batch.extend(change.kept_session.map(|session| open_session(session, user_id, now)));
        if matches!(change.kind, FactorChangeKind::Confirm { .. }) {
            // Attempts before the first factor is confirmed were at no code of it.
            let sql = "DELETE FROM sentri_factor_attempts WHERE user_id = ? AND NOT EXISTS \
                       (SELECT 1 FROM sentri_factors WHERE user_id = ? AND confirmed_at IS NOT NULL)";
            batch.push(Statement::write(sql, [user(), user()]));
        }
        batch.extend(match change.kind {
            FactorChangeKind::Confirm { id: factor, step } => {
                let sql = "UPDATE sentri_factors SET confirmed_at = ?, last_used_at = ?, last_step = ? \
                           WHERE id = ? AND user_id = ? AND confirmed_at IS NULL AND last_step < ?";
                let step = || Value::Int(step);
                Some(Statement::write(sql, [at(), at(), step(), id(factor), user(), step()]).expect(1))
            }
            FactorChangeKind::Remove { id: factor } => {
                let sql = "DELETE FROM sentri_factors WHERE id = ? AND user_id = ?";
                Some(Statement::write(sql, [id(factor), user()]).expect(1))
            }
            FactorChangeKind::Codes => None,
        });
        if let Some(digests) = change.recovery_codes {
            batch.push(Statement::write("DELETE FROM sentri_recovery_codes WHERE user_id = ?", [user()]));
            let sql = "INSERT INTO sentri_recovery_codes (user_id, digest, created_at) VALUES (?, ?, ?)";
            batch.extend(digests.iter().map(|digest| Statement::write(sql, [user(), digest.as_str().into(), at()])));
        }
        let epoch = "UPDATE sentri_users SET auth_epoch = auth_epoch + 1, updated_at = ? WHERE id == ?";
        batch.extend([Statement::write(epoch, [at(), user()]).expect(1), remark(user_id), end_flows(user_id, now)]);
        if change.ends_sessions {
            let mut sql =
                "UPDATE sentri_sessions SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL".to_owned();
            let mut params = vec![at(), user()];
            if let Some(kept) = change.kept_session {
                sql += " AND id <> ?";
                params.push(kept.into());
            }
            batch.push(Statement::write(sql, params));
        }
        self.applies(Batch::of(batch)).await
    }

    pub(super) async fn remove_factors(&self, user_id: &str, now: Millis) -> Result<bool, StoreError> {
        let mut batch = vec![self.lock_user(user_id)];
        batch.extend(delete_factors(user_id));
        let epoch = "UPDATE sentri_users SET auth_epoch = auth_epoch + 1, updated_at = ? WHERE id == ?";
        batch.push(Statement::write(epoch, [Value::Time(now), id(user_id)]).expect(1));
        batch.extend([remark(user_id), end_flows(user_id, now)]);
        let sql = "UPDATE sentri_sessions SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL";
        batch.push(Statement::write(sql, [Value::Time(now), id(user_id)]));
        self.applies(Batch::of(batch)).await
    }

    pub(super) async fn attempt_factor(
        &self,
        asker: FactorAsker<'_>,
        budget: &FactorBudget,
        now: Millis,
    ) -> Result<FactorAttempt, StoreError> {
        let (mut batch, mut begun_by) = (Vec::new(), String::new());
        let user_id = match asker {
            FactorAsker::User(user_id) => {
                let sql = "SELECT user_id FROM sentri_factors WHERE user_id = ? AND confirmed_at IS NOT NULL LIMIT 1";
                batch.push(Statement::read(sql, [id(user_id)]).expect(1));
                user_id.to_owned()
            }
            FactorAsker::Flow(flow_id) => {
                let sql =
                    "SELECT user_id, context FROM sentri_flows WHERE id = ? AND purpose = ? AND user_id IS NOT NULL";
                let mut rows = self.rows(Statement::read(sql, [id(flow_id), MFA.into()])).await?;
                let Some(row) = rows.pop() else { return Ok(FactorAttempt::Refused) };
                let [owner, context] = row_of(row)?;
                let owner = owner.into_text()?;
                payload_of(&context.into_text()?).1.clone_into(&mut begun_by);
                let sql = format!(
                    "UPDATE sentri_flows SET attempts = attempts + 1 WHERE id = ? AND purpose = ? AND {OPEN} \
                     AND attempts < max_attempts \
                     AND auth_epoch = (SELECT auth_epoch FROM sentri_users WHERE id == ?)"
                );
                let params = [id(flow_id), MFA.into(), Value::Time(now), id(&owner)];
                batch.push(Statement::write(sql, params).expect(1));
                owner
            }
        };
        batch.insert(0, self.lock_user(&user_id));
        batch.push(old_attempts(&user_id, budget));
        let (attempt_id, limited) = (make_id(), batch.len());
        batch.push(attempt(&attempt_id, &user_id, budget, now).expect(1));
        Ok(match self.run(Batch::of(batch)).await? {
            Outcome::Done(_) => {
                let flow_id = match asker {
                    FactorAsker::Flow(id) => Some(id.to_owned()),
                    FactorAsker::User(_) => None,
                };
                FactorAttempt::Counted { id: attempt_id, user_id, flow_id, begun_by }
            }
            Outcome::Unmet(at) if at == limited => FactorAttempt::Exceeded,
            Outcome::Unmet(_) => FactorAttempt::Refused,
        })
    }
}

/// Misses its expectation if a session of the user has ended, perhaps by another process a moment ago.
pub(super) fn open_session(session_id: &str, user_id: &str, now: Millis) -> Statement {
    let sql = "SELECT id FROM sentri_sessions WHERE id == ? AND user_id = ? AND revoked_at IS NULL AND expires_at > ?";
    Statement::read(sql, [id(session_id), id(user_id), Value::Time(now)]).expect(1)
}

/// Deletes attempts that no limit counts any more.
fn old_attempts(user_id: &str, budget: &FactorBudget) -> Statement {
    let [_, (_, oldest)] = budget.since;
    let sql = if budget.in_a_row.is_some() {
        "DELETE FROM sentri_factor_attempts WHERE user_id = ? AND kind = ? AND created_at < ? AND is_past = 1"
    } else {
        "DELETE FROM sentri_factor_attempts WHERE user_id = ? AND kind = ? AND created_at < ?"
    };
    Statement::write(sql, [id(user_id), budget.method.as_str().into(), Value::Time(oldest)])
}

/// Counts an attempt, if the budget has room for it.
fn attempt(attempt_id: &str, user_id: &str, budget: &FactorBudget, now: Millis) -> Statement {
    // A derived table is used, since MySQL takes no WHERE without a table, and PostgreSQL knows no DUAL.
    let sql = "INSERT INTO sentri_factor_attempts (id, user_id, kind, created_at, is_past) SELECT ?, ?, ?, ?, 0 \
               FROM (SELECT COALESCE(SUM(CASE WHEN created_at > ? THEN 1 ELSE 0 END), 0) AS lately, \
               COALESCE(SUM(CASE WHEN created_at > ? THEN 1 ELSE 0 END), 0) AS today, \
               COALESCE(SUM(CASE WHEN is_past = 0 THEN 1 ELSE 0 END), 0) AS in_a_row \
               FROM sentri_factor_attempts WHERE user_id = ? AND kind = ?) AS past \
               WHERE past.lately < ? AND past.today < ? AND past.in_a_row < ?";
    let [(lately, since), (today, since_yesterday)] = budget.since;
    let (kind, most) = (|| Value::from(budget.method.as_str()), |most: u32| Value::Int(i64::from(most)));
    let params = [
        attempt_id.into(),
        id(user_id),
        kind(),
        Value::Time(now),
        Value::Time(since),
        Value::Time(since_yesterday),
        id(user_id),
        kind(),
        most(lately),
        most(today),
        most(budget.in_a_row.unwrap_or(u32::MAX)),
    ];
    Statement::write(sql, params)
}

/// Returns the statements that spend a one-time code. One of them misses its expectation if another use was first.
/// Returns `None` if the code belongs to another user.
pub(super) fn spend(user_id: &str, unspent: Option<Unspent<'_>>, now: Millis) -> Option<Vec<Statement>> {
    match unspent {
        None => Some(Vec::new()),
        Some(Unspent::Factor(used)) => Some(spend_factor(user_id, used, now)),
        Some(Unspent::Sent(spending)) => {
            flows::spend(&spending, now).filter(|_| spending.flow.user_id.as_deref() == Some(user_id))
        }
    }
}

/// Returns the statements that spend the code of a factor, and its flow.
fn spend_factor(user_id: &str, used: UsedFactor<'_>, now: Millis) -> Vec<Statement> {
    let (user, at) = (|| id(user_id), || Value::Time(now));
    let mut batch = Vec::new();
    if let Some(flow_id) = used.flow_id {
        let sql = format!(
            "UPDATE sentri_flows SET consumed_at = ?, attempts = attempts - 1 WHERE id = ? AND user_id = ? \
             AND purpose = ? AND {OPEN} AND auth_epoch = (SELECT auth_epoch FROM sentri_users WHERE id == ?)"
        );
        let params = [at(), id(flow_id), user(), MFA.into(), at(), user()];
        batch.push(Statement::write(sql, params).expect(1));
        let sql = "UPDATE sentri_flows SET consumed_at = ? WHERE user_id = ? AND purpose = ? AND consumed_at IS NULL";
        batch.push(Statement::write(sql, [at(), user(), MFA.into()]));
    }
    batch.push(match used.code {
        UsedCode::Totp { factor_id, step } => {
            let sql = "UPDATE sentri_factors SET last_step = ?, last_used_at = ? WHERE id = ? AND user_id = ? \
                       AND confirmed_at IS NOT NULL AND last_step < ?";
            Statement::write(sql, [Value::Int(step), at(), id(factor_id), user(), Value::Int(step)]).expect(1)
        }
        UsedCode::Recovery(digest) => {
            let sql = "DELETE FROM sentri_recovery_codes WHERE user_id = ? AND digest = ?";
            Statement::write(sql, [user(), id(digest)]).expect(1)
        }
    });
    let sql = "DELETE FROM sentri_factor_attempts WHERE id = ? AND user_id = ?";
    batch.push(Statement::write(sql, [id(used.attempt_id), user()]));
    let sql = "UPDATE sentri_factor_attempts SET is_past = 1 WHERE user_id = ?";
    batch.push(Statement::write(sql, [user()]));
    batch
}
