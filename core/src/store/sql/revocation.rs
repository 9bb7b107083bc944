//! Revokes sessions.

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::SURPLUS;
use crate::store::executor::{Answer, Batch, Executor, Outcome, Statement};
use crate::store::sql::sessions::LIVE;
use crate::store::sql::{SqlStore, id, row_of};
use crate::store::value::Value;

impl<E: Executor> SqlStore<E> {
    pub(super) async fn revoke_surplus(
        &self,
        user_id: &str,
        newest: &str,
        most: u32,
        now: Millis,
    ) -> Result<Vec<String>, StoreError> {
        // The inner table has a name of its own because MySQL takes no LIMIT directly inside IN.
        let oldest = format!(
            "SELECT id FROM (SELECT id FROM sentri_sessions WHERE {LIVE} AND id <> ? \
             ORDER BY created_at DESC, id DESC LIMIT {SURPLUS} OFFSET ?) AS surplus"
        );
        let dialect = self.executor.dialect();
        let kept = Value::Int(i64::from(most.saturating_sub(1)));
        let mut chosen = vec![id(user_id), Value::Time(now), id(newest), kept];
        let condition = match dialect.skip_locked {
            // Writers are serial, so nobody else ended the sessions meanwhile. With a condition on `revoked_at` SQLite
            // would read the live sessions of all users.
            "" if dialect.for_update.is_empty() => format!("id IN ({oldest})"),
            // The user is named twice, since MariaDB would otherwise read all sessions.
            "" => {
                chosen.insert(0, id(user_id));
                format!("user_id == ? AND revoked_at IS NULL AND id IN ({oldest})")
            }
            // Other processes may be ending the same sessions. Locked rows are skipped, so that nobody waits in a
            // circle. The user is named twice, since PostgreSQL might otherwise read the live sessions of all users.
            skip_locked => {
                chosen.insert(0, id(user_id));
                format!(
                    "id IN (SELECT id FROM sentri_sessions WHERE user_id == ? AND revoked_at IS NULL \
                     AND id IN ({oldest}){skip_locked})"
                )
            }
        };
        self.revoke_where(user_id, &condition, chosen, now).await
    }

    pub(super) async fn revoke_session(
        &self,
        session_id: &str,
        user_id: Option<&str>,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let mut sql =
            "UPDATE sentri_sessions SET revoked_at = ? WHERE id == ? AND revoked_at IS NULL AND expires_at > ?";
        let mut params = vec![Value::Time(now), id(session_id), Value::Time(now)];
        if let Some(user_id) = user_id {
            sql = "UPDATE sentri_sessions SET revoked_at = ? WHERE id == ? AND revoked_at IS NULL AND expires_at > ? \
                   AND user_id == ?";
            params.push(id(user_id));
        }
        Ok(self.count(Statement::write(sql, params)).await? == 1)
    }

    pub(super) async fn revoke_sessions(&self, user_id: &str, now: Millis) -> Result<Vec<String>, StoreError> {
        self.revoke_where(user_id, LIVE, vec![id(user_id), Value::Time(now)], now).await
    }

    /// Revokes the sessions of a user that a condition chooses, and returns their ids.
    async fn revoke_where(
        &self,
        user_id: &str,
        condition: &str,
        chosen: Vec<Value>,
        now: Millis,
    ) -> Result<Vec<String>, StoreError> {
        let mut params = vec![Value::Time(now)];
        params.extend(chosen.iter().cloned());
        let update = format!("UPDATE sentri_sessions SET revoked_at = ? WHERE {condition}");
        let dialect = self.executor.dialect();
        let Answer { rows, .. } = if dialect.returning && !self.is_noting() {
            self.run_one(Statement::returning(format!("{update} RETURNING id"), params)).await?
        } else {
            let select = format!("SELECT id FROM sentri_sessions WHERE {condition}{}", dialect.for_update);
            // The user's row is locked, so that a session that is opened meanwhile waits. Otherwise it might be revoked
            // without being in the result.
            let mut batch = vec![self.lock_user(user_id), Statement::read(select, chosen.clone())];
            if self.is_noting() {
                let sql = format!("SELECT id FROM sentri_sessions WHERE {condition} LIMIT 1{}", dialect.for_update);
                batch.push(Statement::read(sql, chosen).expect(1));
            }
            batch.push(Statement::write(update, params));
            match self.run(Batch::of(batch)).await? {
                Outcome::Done(answers) => answers.into_iter().nth(1).unwrap_or_default(),
                Outcome::Unmet(_) => Answer::default(),
            }
        };
        rows.into_iter().map(|row| row_of(row).and_then(|[id]: [Value; 1]| id.into_text())).collect()
    }
}
