//! Sessions. Each is a row, whose generation advances by compare-and-set.

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::executor::{Batch, Executor, Outcome, Statement, Value};
use crate::store::model::{Expected, OpenedSession, Rotation, Session, SessionState};
use crate::store::sql::disabling::ENABLED;
use crate::store::sql::session_row::{auth_time, methods, session_from, state_from, time};
use crate::store::sql::{Row, SqlStore, cluster, factors, id, only_answer, roles_from, row_of};

/// The longest address that the column of sentri 5 holds.
const MAX_ADDRESS: usize = 45;

macro_rules! session_columns {
    () => {
        "id, user_id, expires_at, created_at, generation, rotated_at, last_used_at, revoked_at, ip_address, \
         user_agent, amr, auth_time"
    };
}

/// The columns of a session in a list of results.
macro_rules! session_results {
    () => {
        "id, user_id, [expires_at], [created_at], generation, [rotated_at], [last_used_at], [revoked_at], ip_address, \
         user_agent, amr, [auth_time]"
    };
}

/// The columns of a session and the roles of its user, for SELECT and RETURNING.
macro_rules! state_columns {
    () => {
        concat!(
            session_results!(),
            ", (SELECT sentri_users.roles FROM sentri_users WHERE sentri_users.id = sentri_sessions.user_id)"
        )
    };
}
/// The roles of a session's user, as a part of a statement about sessions.
const ROLES: &str = "SELECT sentri_users.roles FROM sentri_users WHERE sentri_users.id = sentri_sessions.user_id";
const FIND: &str = concat!("SELECT ", state_columns!(), " FROM sentri_sessions WHERE id == ?");
const STEP: &str = "UPDATE sentri_sessions SET generation = generation + 1, rotated_at = ?, last_used_at = ?, \
                    expires_at = ? WHERE id == ? AND generation = ? AND revoked_at IS NULL AND expires_at > ?";
const STEP_RETURNING: &str = concat!(
    "UPDATE sentri_sessions SET generation = generation + 1, rotated_at = ?, last_used_at = ?, ",
    "expires_at = ? WHERE id == ? AND generation = ? AND revoked_at IS NULL AND expires_at > ? RETURNING ",
    state_columns!()
);
/// Selects the sessions of a user, also ended ones, newest first.
pub(super) const ALL_OF_USER: &str = concat!(
    "SELECT ",
    session_results!(),
    " FROM sentri_sessions WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT ?"
);
pub(super) const LIVE: &str = "user_id == ? AND revoked_at IS NULL AND expires_at > ?";
/// Selects a live session of a user beyond a new one and the number of others that are allowed beside it; NULL if there
/// is none. The order makes the database use the index of live sessions.
const BEYOND: &str = "SELECT live.id FROM sentri_sessions AS live WHERE live.user_id == ? AND live.revoked_at IS NULL \
                      AND live.expires_at > ? AND live.id <> ? ORDER BY live.created_at DESC LIMIT 1 OFFSET ?";

impl<E: Executor> SqlStore<E> {
    pub(super) async fn create_session(
        &self,
        session: &Session,
        expected: Expected<'_>,
        most: u32,
    ) -> Result<Option<OpenedSession>, StoreError> {
        let address = session.ip_address.as_deref().map(|ip| ip.chars().take(MAX_ADDRESS).collect::<String>());
        let mut params = vec![
            session.id.as_str().into(),
            Value::Time(session.expires_at),
            Value::Time(session.created_at),
            Value::Int(session.generation),
            time(session.rotated_at),
            time(session.last_used_at),
            time(session.revoked_at),
            address.into(),
            session.user_agent.as_deref().into(),
            methods(session),
            time(auth_time(session)),
            id(&session.user_id),
        ];
        if expected.is_impossible() {
            return Ok(None);
        }
        // If a code is spent with the session, that happens before this statement.
        let (condition, conditions) = cluster::condition(expected.once_spent());
        params.extend(conditions.into_iter().chain([Value::Time(session.created_at)]));
        // The share lock makes this statement wait for a concurrent password change, and see the new hash.
        let dialect = self.executor.dialect();
        let sql = format!(
            "INSERT INTO sentri_sessions ({}) SELECT ?, id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM sentri_users \
             WHERE id == ?{condition} AND {ENABLED}{}",
            session_columns!(),
            dialect.for_share
        );
        let others = [
            id(&session.user_id),
            Value::Time(session.created_at),
            session.id.as_str().into(),
            Value::Int(i64::from(most.saturating_sub(1))),
        ];
        let rows = if dialect.returning && expected.unspent.is_none() {
            params.extend(others);
            self.rows(Statement::returning(format!("{sql} RETURNING ({ROLES}), ({BEYOND})"), params)).await?
        } else {
            let others = others.into_iter().chain([id(&session.user_id)]).collect();
            self.insert_and_look(session, expected, Statement::write(sql, params), others).await?
        };
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let [roles, beyond] = row_of(row)?;
        Ok(Some(OpenedSession { roles: roles_from(roles)?, is_surplus: beyond != Value::Null }))
    }

    /// [`Self::create_session`] for databases without INSERT with RETURNING, or if a code is spent too. `whose` holds
    /// the parameters of the SELECT.
    async fn insert_and_look(
        &self,
        session: &Session,
        expected: Expected<'_>,
        insert: Statement,
        whose: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let select = format!("SELECT ({BEYOND}), roles FROM sentri_users WHERE id == ?");
        let spent = factors::spend(&session.user_id, expected.unspent, session.created_at);
        let Some(spent) = spent else { return Ok(Vec::new()) };
        let mut before = vec![self.lock_user_as(&session.user_id, expected)];
        before.extend(spent);
        let select = Statement::read(select, whose);
        let mut rows = match self.insert_then_select(before, insert, select).await {
            // An id that the column can't hold (MariaDB's UUID) makes the INSERT fail, and belongs to no user.
            Err(StoreError::Other(_)) if self.credential_of(&session.user_id).await?.is_none() => {
                return Ok(Vec::new());
            }
            rows => rows?,
        };
        rows.iter_mut().for_each(|row| row.reverse());
        Ok(rows)
    }

    /// Returns the rows of `select` if `insert` made a row. `before` locks the user's row and spends codes. Without
    /// codes it is needed only on a cluster, whose nodes do not know each other's locks.
    async fn insert_then_select(
        &self,
        mut before: Vec<Statement>,
        insert: Statement,
        select: Statement,
    ) -> Result<Vec<Row>, StoreError> {
        if !self.is_clustered() && before.len() == 1 {
            let is_made = self.count(insert).await? == 1;
            return if is_made { self.rows(select).await } else { Ok(Vec::new()) };
        }
        before.extend([insert.expect(1), select]);
        match self.run(Batch::of(before)).await? {
            Outcome::Done(mut answers) => Ok(answers.pop().unwrap_or_default().rows),
            Outcome::Unmet(_) => Ok(Vec::new()),
        }
    }

    pub(super) async fn find_session(&self, session_id: &str) -> Result<Option<SessionState>, StoreError> {
        if let Some(found) = self.find_session_now(session_id) {
            return found;
        }
        self.rows(Statement::read(FIND, [id(session_id)])).await?.pop().map_or(Ok(None), state_from)
    }

    pub(super) fn find_session_now(&self, session_id: &str) -> Option<Result<Option<SessionState>, StoreError>> {
        let outcome = self.executor.run_now(&Statement::read(FIND, [id(session_id)]).into())?;
        Some(outcome.and_then(only_answer).and_then(|mut answer| answer.rows.pop().map_or(Ok(None), state_from)))
    }

    pub(super) async fn rotate(
        &self,
        session_id: &str,
        expected: i64,
        expires_at: Millis,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        let params = [
            Value::Time(now),
            Value::Time(now),
            Value::Time(expires_at),
            id(session_id),
            Value::Int(expected),
            Value::Time(now),
        ];
        let stepped = if self.executor.dialect().returning {
            self.rows(Statement::returning(STEP_RETURNING, params)).await?.pop()
        } else {
            let batch = [Statement::write(STEP, params).expect(1), Statement::read(FIND, [id(session_id)])];
            match self.run(Batch::of(batch)).await? {
                Outcome::Done(mut answers) => answers.pop().and_then(|mut answer| answer.rows.pop()),
                Outcome::Unmet(_) => None,
            }
        };
        if let Some(row) = stepped {
            return Ok(state_from(row)?.map_or(Rotation::Gone, Rotation::Rotated));
        }
        Ok(self.find_session(session_id).await?.map_or(Rotation::Gone, Rotation::Behind))
    }

    pub(super) async fn reauthenticate(
        &self,
        session: &Session,
        expected: Expected<'_>,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        if expected.is_impossible() {
            return Ok(Rotation::Gone);
        }
        let (condition, conditions) = cluster::condition(expected.once_spent());
        let sql = format!(
            "UPDATE sentri_sessions SET generation = generation + 2, rotated_at = ?, last_used_at = ?, expires_at = ?, \
             amr = ?, auth_time = ? WHERE id == ? AND generation = ? AND revoked_at IS NULL AND expires_at > ? AND \
             EXISTS (SELECT 1 FROM sentri_users WHERE sentri_users.id = sentri_sessions.user_id{condition} \
             AND {ENABLED})"
        );
        let mut params = vec![
            Value::Time(now),
            Value::Time(now),
            Value::Time(session.expires_at),
            methods(session),
            time(auth_time(session)),
            id(&session.id),
            Value::Int(session.generation),
            Value::Time(now),
        ];
        params.extend(conditions.into_iter().chain([Value::Time(now)]));
        let step = Statement::write(sql, params);
        let stepped = if expected.unspent.is_some() {
            let Some(spent) = factors::spend(&session.user_id, expected.unspent, now) else {
                return Ok(Rotation::Spent);
            };
            let mut batch = vec![self.lock_user_as(&session.user_id, expected)];
            batch.extend(spent);
            let last = batch.len();
            batch.push(step.expect(1));
            match self.run(Batch::of(batch)).await? {
                Outcome::Done(_) => true,
                Outcome::Unmet(at) if at > 0 && at < last => return Ok(Rotation::Spent),
                Outcome::Unmet(_) => false,
            }
        } else {
            self.count(step).await? == 1
        };
        let state = self.find_session(&session.id).await?;
        Ok(state.map_or(Rotation::Gone, if stepped { Rotation::Rotated } else { Rotation::Behind }))
    }

    pub(super) async fn touch_session(&self, session_id: &str, generation: i64, now: Millis) -> Result<(), StoreError> {
        let touch = |at: Millis| {
            Statement::write(
                "UPDATE sentri_sessions SET last_used_at = ? WHERE id == ? AND generation = ? \
                 AND (rotated_at IS NULL OR rotated_at < ?)",
                [Value::Time(at), id(session_id), Value::Int(generation), Value::Time(at)],
            )
        };
        if self.count(touch(now)).await? == 1 {
            return Ok(());
        }
        // The token was used in the millisecond of the rotation, or by a process whose clock is behind. `rotated_at` of
        // a generation never changes, so it is safe to read it first.
        let Some(state) = self.find_session(session_id).await? else { return Ok(()) };
        if let (true, Some(rotated_at)) = (state.session.generation == generation, state.session.rotated_at) {
            self.count(touch(rotated_at.max(now) + 1)).await?;
        }
        Ok(())
    }

    pub(super) async fn page_sessions(
        &self,
        user_id: &str,
        limit: u32,
        after: Option<(Millis, &str)>,
        now: Millis,
    ) -> Result<Vec<Session>, StoreError> {
        let mut params = vec![id(user_id), Value::Time(now)];
        let mut condition = "";
        if let Some((created_at, after)) = after {
            // Other versions write instants finer than milliseconds, so "the same instant" is the whole millisecond.
            condition = " AND (created_at < ? OR (created_at < ? AND id < ?))";
            params.extend([Value::Time(created_at), Value::Time(created_at.saturating_add(1)), after.into()]);
        }
        params.push(Value::Int(i64::from(limit)));
        let sql = format!(
            "SELECT {} FROM sentri_sessions WHERE {LIVE}{condition} ORDER BY created_at DESC, id DESC LIMIT ?",
            session_results!()
        );
        let rows = self.rows(Statement::read(sql, params)).await?;
        rows.into_iter().map(session_from).collect()
    }

    pub(super) async fn purge_sessions(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        let expired = self.purge("sentri_sessions", "expires_at", before, limit).await?;
        let left = limit.saturating_sub(u32::try_from(expired).unwrap_or(limit));
        if left == 0 {
            return Ok(expired);
        }
        Ok(expired + self.purge("sentri_sessions", "revoked_at", before, left).await?)
    }
}
