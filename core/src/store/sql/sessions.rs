//! Sessions: one row each, whose generation is stepped by compare-and-set.

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::SURPLUS;
use crate::store::executor::{Answer, Batch, Executor, Outcome, Statement, Value};
use crate::store::model::{Opened, Rotation, Session, SessionState};
use crate::store::sql::{Row, SqlStore, cluster, id, only_answer, roles_from, row_of};

/// Longest address that the column of sentri 5 holds.
const MAX_ADDRESS: usize = 45;

macro_rules! session_columns {
    () => {
        "id, user_id, expires_at, created_at, generation, rotated_at, last_used_at, revoked_at, ip_address, user_agent"
    };
}

/// The same in a list of results.
macro_rules! session_results {
    () => {
        "id, user_id, [expires_at], [created_at], generation, [rotated_at], [last_used_at], [revoked_at], ip_address, \
         user_agent"
    };
}

/// A session's columns and its user's roles; good after SELECT and after RETURNING.
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
const LIVE: &str = "user_id == ? AND revoked_at IS NULL AND expires_at > ?";
/// A live session of a user beside a new one and as many others as are allowed beside it; NULL: there is none. By the
/// order the database takes the index of live sessions.
const BEYOND: &str = "SELECT live.id FROM sentri_sessions AS live WHERE live.user_id == ? AND live.revoked_at IS NULL \
                      AND live.expires_at > ? AND live.id <> ? ORDER BY live.created_at DESC LIMIT 1 OFFSET ?";

impl<E: Executor> SqlStore<E> {
    pub(super) async fn insert_session(
        &self,
        session: &Session,
        expected_hash: Option<&str>,
        most: u32,
    ) -> Result<Option<Opened>, StoreError> {
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
            id(&session.user_id),
        ];
        let mut condition = "";
        if let Some(hash) = expected_hash {
            if hash.is_empty() {
                return Ok(None); // How a user without a password is kept: not a hash that anybody verified.
            }
            condition = " AND password_hash = ?";
            params.push(hash.into());
        }
        // The share lock makes this wait for a password change in flight, which then has changed the hash.
        let dialect = self.executor.dialect();
        let sql = format!(
            "INSERT INTO sentri_sessions ({}) SELECT ?, id, ?, ?, ?, ?, ?, ?, ?, ? FROM sentri_users \
             WHERE id == ?{condition}{}",
            session_columns!(),
            dialect.for_share
        );
        let others = [
            id(&session.user_id),
            Value::Time(session.created_at),
            session.id.as_str().into(),
            Value::Int(i64::from(most.saturating_sub(1))),
        ];
        let rows = if dialect.returning {
            params.extend(others);
            self.rows(Statement::returning(format!("{sql} RETURNING ({ROLES}), ({BEYOND})"), params)).await?
        } else {
            let select = format!("SELECT ({BEYOND}), roles FROM sentri_users WHERE id == ?");
            let whose = others.into_iter().chain([id(&session.user_id)]).collect::<Vec<_>>();
            let mark = cluster::mark_user(&session.user_id, expected_hash);
            let (insert, select) = (Statement::write(sql, params), Statement::read(select, whose));
            let mut rows = self.insert_then_select(mark, insert, select).await?;
            rows.iter_mut().for_each(|row| row.reverse());
            rows
        };
        let opened = |row| {
            let [roles, beyond] = row_of(row)?;
            Ok(Opened { roles: roles_from(roles)?, is_surplus: beyond != Value::Null })
        };
        rows.into_iter().next().map(opened).transpose()
    }

    /// The rows of `select` when `insert` has made one. On a cluster no node knows of a lock on another, so `mark` takes
    /// the user's row before that.
    async fn insert_then_select(
        &self,
        mark: Statement,
        insert: Statement,
        select: Statement,
    ) -> Result<Vec<Row>, StoreError> {
        if !self.is_clustered() {
            let is_made = self.count(insert).await? == 1;
            return if is_made { self.rows(select).await } else { Ok(Vec::new()) };
        }
        match self.run(Batch::of([mark, insert.expect(1), select])).await? {
            Outcome::Done(mut answers) => Ok(answers.pop().unwrap_or_default().rows),
            Outcome::Unmet(_) => Ok(Vec::new()),
        }
    }

    pub(super) async fn select_session(&self, session_id: &str) -> Result<Option<SessionState>, StoreError> {
        if let Some(found) = self.select_session_now(session_id) {
            return found;
        }
        let mut rows = self.rows(Statement::read(FIND, [id(session_id)])).await?;
        rows.pop().map_or(Ok(None), state_from)
    }

    pub(super) fn select_session_now(&self, session_id: &str) -> Option<Result<Option<SessionState>, StoreError>> {
        let outcome = self.executor.run_now(&Statement::read(FIND, [id(session_id)]).into())?;
        Some(outcome.and_then(only_answer).and_then(|mut answer| answer.rows.pop().map_or(Ok(None), state_from)))
    }

    pub(super) async fn step_generation(
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
        Ok(self.select_session(session_id).await?.map_or(Rotation::Gone, Rotation::Behind))
    }

    pub(super) async fn note_use(&self, session_id: &str, generation: i64, now: Millis) -> Result<(), StoreError> {
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
        // Used in the very millisecond of the rotation, or by a clock behind the one that rotated. `rotated_at` of a
        // generation never changes, so reading it first loses no race.
        let Some(state) = self.select_session(session_id).await? else { return Ok(()) };
        if let (true, Some(rotated_at)) = (state.session.generation == generation, state.session.rotated_at) {
            self.count(touch(rotated_at.max(now) + 1)).await?;
        }
        Ok(())
    }

    pub(super) async fn select_sessions(
        &self,
        user_id: &str,
        limit: u32,
        after: Option<(Millis, &str)>,
        now: Millis,
    ) -> Result<Vec<Session>, StoreError> {
        let mut params = vec![id(user_id), Value::Time(now)];
        let mut condition = "";
        if let Some((created_at, after)) = after {
            // Instants of other versions are finer than milliseconds, so "the same instant" is the whole millisecond.
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

    pub(super) async fn revoke_oldest(
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
        let condition = match dialect.skip_locked {
            // Writers are serial, so nobody has ended them since. With that condition SQLite looks at the live sessions of all.
            "" if dialect.for_update.is_empty() => format!("id IN ({oldest})"),
            "" => format!("revoked_at IS NULL AND id IN ({oldest})"),
            // Other processes may be ending the same ones: nobody waits for them, so nobody waits in a circle.
            skip_locked => format!(
                "id IN (SELECT id FROM sentri_sessions WHERE revoked_at IS NULL AND id IN ({oldest}){skip_locked})"
            ),
        };
        let kept = Value::Int(i64::from(most.saturating_sub(1)));
        self.revoke_where(&condition, vec![id(user_id), Value::Time(now), id(newest), kept], now).await
    }

    pub(super) async fn revoke_one(
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

    pub(super) async fn revoke_all(&self, user_id: &str, now: Millis) -> Result<Vec<String>, StoreError> {
        self.revoke_where(LIVE, vec![id(user_id), Value::Time(now)], now).await
    }

    /// Revokes the sessions that a condition chooses; their ids.
    async fn revoke_where(&self, condition: &str, chosen: Vec<Value>, now: Millis) -> Result<Vec<String>, StoreError> {
        let mut params = vec![Value::Time(now)];
        params.extend(chosen.iter().cloned());
        let update = format!("UPDATE sentri_sessions SET revoked_at = ? WHERE {condition}");
        let dialect = self.executor.dialect();
        let Answer { rows, .. } = if dialect.returning {
            self.run_one(Statement::returning(format!("{update} RETURNING id"), params)).await?
        } else {
            let select = format!("SELECT id FROM sentri_sessions WHERE {condition}{}", dialect.for_update);
            let batch = [Statement::read(select, chosen), Statement::write(update, params)];
            match self.run(Batch::of(batch)).await? {
                Outcome::Done(answers) => answers.into_iter().next().unwrap_or_default(),
                Outcome::Unmet(_) => Answer::default(),
            }
        };
        rows.into_iter().map(|row| row_of(row).and_then(|[id]: [Value; 1]| id.into_text())).collect()
    }

    pub(super) async fn remove_dead_sessions(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        // The inner table has a name of its own because MySQL takes no LIMIT directly inside IN.
        let sql = "DELETE FROM sentri_sessions WHERE id IN (SELECT id FROM (SELECT id FROM sentri_sessions \
                   WHERE expires_at < ? OR revoked_at < ? LIMIT ?) AS dead)";
        let params = [Value::Time(before), Value::Time(before), Value::Int(i64::from(limit))];
        self.count(Statement::write(sql, params)).await
    }
}

fn time(at: Option<Millis>) -> Value {
    at.map_or(Value::Null, Value::Time)
}

fn session_from(row: Row) -> Result<Session, StoreError> {
    let [id, user_id, expires_at, created_at, generation, rotated_at, last_used_at, revoked_at, ip_address, user_agent] =
        row_of(row)?;
    Ok(Session {
        id: id.into_text()?,
        user_id: user_id.into_text()?,
        expires_at: expires_at.into_time()?,
        created_at: created_at.into_time()?,
        generation: generation.into_int()?,
        rotated_at: rotated_at.into_optional_time()?,
        last_used_at: last_used_at.into_optional_time()?,
        revoked_at: revoked_at.into_optional_time()?,
        ip_address: ip_address.into_optional_text()?,
        user_agent: user_agent.into_optional_text()?,
    })
}

/// `None`: a session that its user left behind, possible in adopted tables without foreign keys.
fn state_from(mut row: Row) -> Result<Option<SessionState>, StoreError> {
    match row.pop() {
        None | Some(Value::Null) => Ok(None),
        Some(roles) => Ok(Some(SessionState { session: session_from(row)?, roles: roles_from(roles)? })),
    }
}
