//! The one SQL store: every operation of [`Store`] as a batch of conditional statements, for any executor.

use std::time::Duration;

use async_trait::async_trait;

use super::Store;
use super::dialect::list_of;
use super::executor::{Executor, Outcome, Output, Row, Statement, Value, at, number};
use super::migrate::{self, Normalizer};
use super::model::{
    Credential, Identifier, IdentifierChange, IdentifierUpdate, NewUser, Rotation, Session, SessionState, StoredKey,
    User, UserPage, UserWithIdentifiers,
};
use crate::clock::Millis;
use crate::crypto::{self, Secret};
use crate::failure::StoreError;

/// How often a batch that lost a race is run again.
const ATTEMPTS: u32 = 6;

/// Stands before the exact value of an adopted identifier whose normal form an older one has. No identifier may
/// contain it.
pub const EXACT: char = '\u{1}';

const SESSION: &str =
    "id, user_id, expires_at, created_at, generation, rotated_at, last_used_at, revoked_at, ip_address, user_agent";

/// A [`Store`] over an executor.
pub struct SqlStore<E> {
    executor: E,
    normalize: Normalizer,
}

impl<E: Executor> SqlStore<E> {
    /// A store; `normalize` finds the normal form of identifiers that are adopted without one.
    pub const fn new(executor: E, normalize: Normalizer) -> Self {
        Self { executor, normalize }
    }

    /// Runs a batch, again when it lost a race.
    async fn batch(&self, batch: Vec<Statement>) -> Result<Outcome, StoreError> {
        let mut attempt = 0;
        loop {
            match self.executor.run(batch.clone()).await {
                Err(StoreError::Conflict(_)) if attempt < ATTEMPTS => {
                    attempt += 1;
                    let [jitter] = crypto::make_random::<1>();
                    let wait = 2_u64.pow(attempt) + u64::from(jitter) % 8;
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                done => return done,
            }
        }
    }

    /// Runs one statement whose number of rows is no condition.
    async fn one(&self, sql: impl Into<String>, params: Vec<Value>) -> Result<Output, StoreError> {
        match self.batch(vec![Statement::new(sql, params)]).await? {
            Outcome::Done(mut outputs) => outputs.pop().ok_or_else(|| StoreError::Other("no output".to_owned())),
            Outcome::Unmet(_) => Err(StoreError::Other("unmet without an expectation".to_owned())),
        }
    }

    async fn identifiers_of(&self, user_ids: &[String]) -> Result<Vec<(String, Identifier)>, StoreError> {
        let sql = format!(
            "SELECT user_id, id, type, value, value_normalized FROM sentri_identifiers WHERE user_id IN ({}) \
             ORDER BY created_at, id",
            list_of(user_ids.len())
        );
        let output = self.one(sql, user_ids.iter().map(|id| id.as_str().into()).collect()).await?;
        output.rows.iter().map(|row| Ok((row.text(0)?, read_identifier(row, 1)?))).collect()
    }

    fn lock_user(&self, user_id: &str) -> Statement {
        let sql = format!("SELECT id FROM sentri_users WHERE id = ?{}", self.executor.dialect().for_update());
        Statement::new(sql, vec![user_id.into()]).expecting(1)
    }
}

#[async_trait]
impl<E: Executor> Store for SqlStore<E> {
    async fn migrate(&self, now: Millis) -> Result<(), StoreError> {
        migrate::run(&self.executor, self.normalize, now).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let sql = "SELECT max(version) FROM sentri_migrations";
        let output = self.one(sql, vec![]).await?;
        let version = output.rows.first().and_then(|row| row.int(0).ok()).unwrap_or(0);
        if version < migrate::LATEST {
            return Err(StoreError::SchemaMissing(format!("the tables are of version {version}")));
        }
        Ok(())
    }

    async fn close(&self) {
        self.executor.close().await;
    }

    async fn create_user(&self, user: &NewUser) -> Result<bool, StoreError> {
        let mut batch = vec![Statement::new(
            "INSERT INTO sentri_users (id, password_hash, roles, created_at, updated_at, auth_epoch) \
             VALUES (?, ?, ?, ?, ?, 0)",
            vec![
                user.id.as_str().into(),
                Value::Text(user.password_hash.as_ref().map(|hash| hash.expose().clone())),
                write_roles(&user.roles),
                at(user.now),
                at(user.now),
            ],
        )];
        batch.extend(user.identifiers.iter().map(|identifier| insert_identifier(&user.id, identifier, user.now)));
        match self.batch(batch).await {
            Ok(_) => Ok(true),
            Err(StoreError::Unique(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn find_credential(&self, normalized: &str, exact: &str) -> Result<Option<Credential>, StoreError> {
        let marked = format!("{EXACT}{exact}");
        let output = self
            .one(
                "SELECT u.id, u.password_hash, u.roles, i.value_normalized FROM sentri_identifiers i \
                 JOIN sentri_users u ON u.id = i.user_id WHERE i.value_normalized IN (?, ?, ?)",
                vec![marked.as_str().into(), exact.into(), normalized.into()],
            )
            .await?;
        for wanted in [marked.as_str(), exact, normalized] {
            for row in &output.rows {
                if row.text(3)? == wanted {
                    return read_credential(row).map(Some);
                }
            }
        }
        Ok(None)
    }

    async fn credential_of(&self, user_id: &str) -> Result<Option<Credential>, StoreError> {
        let sql = "SELECT id, password_hash, roles FROM sentri_users WHERE id = ?";
        let output = self.one(sql, vec![user_id.into()]).await?;
        output.rows.first().map(read_credential).transpose()
    }

    async fn find_user(&self, user_id: &str) -> Result<Option<UserWithIdentifiers>, StoreError> {
        let output = self
            .one(
                "SELECT u.id, u.roles, u.created_at, i.id, i.type, i.value, i.value_normalized FROM sentri_users u \
                 LEFT JOIN sentri_identifiers i ON i.user_id = u.id WHERE u.id = ? ORDER BY i.created_at, i.id",
                vec![user_id.into()],
            )
            .await?;
        let Some(first) = output.rows.first() else { return Ok(None) };
        let user = read_user(first)?;
        let with_identifier = output.rows.iter().filter(|row| matches!(row.optional_text(3), Ok(Some(_))));
        let identifiers = with_identifier.map(|row| read_identifier(row, 3)).collect::<Result<_, _>>()?;
        Ok(Some(UserWithIdentifiers { user, identifiers }))
    }

    async fn list_users(
        &self,
        limit: u32,
        after: Option<&str>,
        normalized: Option<&str>,
    ) -> Result<UserPage, StoreError> {
        let mut sql = "SELECT id, roles, created_at FROM sentri_users WHERE id > ?".to_owned();
        let mut params: Vec<Value> = vec![after.unwrap_or("").into()];
        if let Some(normalized) = normalized {
            sql += " AND id IN (SELECT user_id FROM sentri_identifiers WHERE value_normalized = ?)";
            params.push(normalized.into());
        }
        sql += " ORDER BY id LIMIT ?";
        params.push(number(i64::from(limit) + 1));
        let output = self.one(sql, params).await?;
        let more = output.rows.len() > limit as usize;
        let rows = output.rows.iter().take(limit as usize).map(read_user);
        let found = rows.collect::<Result<Vec<_>, _>>()?;
        if found.is_empty() {
            return Ok(UserPage { users: Vec::new(), next: None });
        }
        let ids: Vec<String> = found.iter().map(|user| user.id.clone()).collect();
        let identifiers = self.identifiers_of(&ids).await?;
        let users = found.into_iter().map(|user| {
            let own = identifiers.iter().filter(|(owner, _)| *owner == user.id);
            UserWithIdentifiers { identifiers: own.map(|(_, identifier)| identifier.clone()).collect(), user }
        });
        Ok(UserPage { users: users.collect(), next: if more { ids.last().cloned() } else { None } })
    }

    async fn delete_user(&self, user_id: &str) -> Result<bool, StoreError> {
        Ok(self.one("DELETE FROM sentri_users WHERE id = ?", vec![user_id.into()]).await?.count > 0)
    }

    async fn set_roles(&self, user_id: &str, roles: &[String], now: Millis) -> Result<bool, StoreError> {
        let sql = "UPDATE sentri_users SET roles = ?, updated_at = ?, auth_epoch = auth_epoch + 1 WHERE id = ?";
        Ok(self.one(sql, vec![write_roles(roles), at(now), user_id.into()]).await?.count > 0)
    }

    async fn rehash(&self, user_id: &str, old_hash: &str, new_hash: &str, now: Millis) -> Result<bool, StoreError> {
        let sql = "UPDATE sentri_users SET password_hash = ?, updated_at = ? WHERE id = ? AND password_hash = ?";
        let params = vec![new_hash.into(), at(now), user_id.into(), old_hash.into()];
        Ok(self.one(sql, params).await?.count > 0)
    }

    async fn change_password(
        &self,
        user_id: &str,
        expected: Option<&str>,
        new_hash: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let mut sql = "UPDATE sentri_users SET password_hash = ?, updated_at = ?, auth_epoch = auth_epoch + 1 \
                       WHERE id = ?"
            .to_owned();
        let mut params = vec![new_hash.into(), at(now), user_id.into()];
        if let Some(expected) = expected {
            sql += " AND password_hash = ?";
            params.push(expected.into());
        }
        // The user row first: a login holds it while it inserts its session, so either that session is there to be
        // revoked or the login sees the new hash.
        let batch = vec![Statement::new(sql, params).expecting(1), revoke_of(user_id, now)];
        Ok(matches!(self.batch(batch).await?, Outcome::Done(_)))
    }

    async fn create_session(&self, session: &Session, expected_hash: Option<&str>) -> Result<bool, StoreError> {
        let text = |value: &Option<String>| Value::Text(value.clone());
        let mut params = vec![
            session.id.as_str().into(),
            at(session.expires_at),
            at(session.created_at),
            number(session.generation),
            Value::Time(session.rotated_at),
            Value::Time(session.last_used_at),
            Value::Time(session.revoked_at),
            text(&session.ip_address),
            text(&session.user_agent),
            session.user_id.as_str().into(),
        ];
        let mut condition = "id = ?".to_owned();
        if let Some(hash) = expected_hash {
            condition += " AND password_hash = ?";
            params.push(hash.into());
        }
        let sql = format!(
            "INSERT INTO sentri_sessions (id, expires_at, created_at, generation, rotated_at, last_used_at, revoked_at, \
             ip_address, user_agent, user_id) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, id FROM sentri_users WHERE {condition}{}",
            self.executor.dialect().for_share()
        );
        Ok(self.one(sql, params).await?.count > 0)
    }

    async fn find_session(&self, session_id: &str) -> Result<Option<SessionState>, StoreError> {
        match self.batch(vec![select_session(session_id)]).await? {
            Outcome::Done(outputs) => outputs.first().and_then(|o| o.rows.first()).map(read_state).transpose(),
            Outcome::Unmet(_) => Ok(None),
        }
    }

    fn find_session_now(&self, session_id: &str) -> Option<Result<Option<SessionState>, StoreError>> {
        let output = self.executor.read_now(&select_session(session_id))?;
        Some(output.and_then(|output| output.rows.first().map(read_state).transpose()))
    }

    async fn rotate(
        &self,
        session_id: &str,
        expected: i64,
        expires_at: Millis,
        now: Millis,
    ) -> Result<Rotation, StoreError> {
        let sql = format!(
            "UPDATE sentri_sessions SET generation = generation + 1, rotated_at = ?, last_used_at = ?, expires_at = ? \
             WHERE id = ? AND generation = ? AND revoked_at IS NULL AND expires_at > ? \
             RETURNING {SESSION}, (SELECT roles FROM sentri_users u WHERE u.id = sentri_sessions.user_id)"
        );
        let params = vec![at(now), at(now), at(expires_at), session_id.into(), number(expected), at(now)];
        if let Some(row) = self.one(sql, params).await?.rows.first() {
            return read_state(row).map(Rotation::Rotated);
        }
        Ok(self.find_session(session_id).await?.map_or(Rotation::Gone, Rotation::Behind))
    }

    async fn touch_session(&self, session_id: &str, generation: i64, now: Millis) -> Result<(), StoreError> {
        // Two statements instead of a comparison of instants: later than `rotated_at` in any case, also when the clock
        // stood still since.
        let sql = "SELECT rotated_at FROM sentri_sessions WHERE id = ? AND generation = ?";
        let output = self.one(sql, vec![session_id.into(), number(generation)]).await?;
        let Some(row) = output.rows.first() else { return Ok(()) };
        let used = row.optional_time(0)?.map_or(now, |rotated| now.max(rotated + 1));
        let sql = "UPDATE sentri_sessions SET last_used_at = ? WHERE id = ? AND generation = ? AND revoked_at IS NULL";
        self.one(sql, vec![at(used), session_id.into(), number(generation)]).await.map(|_| ())
    }

    async fn list_sessions(&self, user_id: &str, now: Millis) -> Result<Vec<Session>, StoreError> {
        let sql = format!(
            "SELECT {SESSION} FROM sentri_sessions WHERE user_id = ? AND revoked_at IS NULL AND expires_at > ? \
             ORDER BY created_at DESC, id DESC"
        );
        let output = self.one(sql, vec![user_id.into(), at(now)]).await?;
        output.rows.iter().map(read_session).collect()
    }

    async fn revoke_session(&self, session_id: &str, user_id: Option<&str>, now: Millis) -> Result<bool, StoreError> {
        let mut sql =
            "UPDATE sentri_sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL AND expires_at > ?"
                .to_owned();
        let mut params = vec![at(now), session_id.into(), at(now)];
        if let Some(user_id) = user_id {
            sql += " AND user_id = ?";
            params.push(user_id.into());
        }
        Ok(self.one(sql, params).await?.count > 0)
    }

    async fn revoke_sessions(&self, user_id: &str, now: Millis) -> Result<Vec<String>, StoreError> {
        let Statement { sql, params, .. } = revoke_of(user_id, now);
        let output = self.one(format!("{sql} RETURNING id"), params).await?;
        output.rows.iter().map(|row| row.text(0)).collect()
    }

    async fn add_identifiers(
        &self,
        user_id: &str,
        identifiers: &[Identifier],
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.update_identifiers(user_id, &[], identifiers, now).await
    }

    async fn update_identifiers(
        &self,
        user_id: &str,
        updates: &[IdentifierUpdate],
        inserts: &[Identifier],
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        let mut batch = vec![self.lock_user(user_id)];
        // First out of each other's way, so that two values can be swapped; then to where they belong.
        batch.extend(updates.iter().map(|update| {
            Statement::new(
                "UPDATE sentri_identifiers SET value_normalized = ? WHERE id = ? AND user_id = ?",
                vec![format!("\u{2}{}", update.id).into(), update.id.as_str().into(), user_id.into()],
            )
            .expecting(1)
        }));
        batch.extend(updates.iter().map(|update| {
            Statement::new(
                "UPDATE sentri_identifiers SET type = ?, value = ?, value_normalized = ? WHERE id = ? AND user_id = ?",
                vec![
                    update.kind.as_str().into(),
                    update.value.as_str().into(),
                    update.normalized.as_str().into(),
                    update.id.as_str().into(),
                    user_id.into(),
                ],
            )
            .expecting(1)
        }));
        batch.extend(inserts.iter().map(|identifier| insert_identifier(user_id, identifier, now)));
        batch.push(touch_user(user_id, now));
        Ok(match self.batch(batch).await {
            Ok(Outcome::Done(_)) => IdentifierChange::Done,
            Ok(Outcome::Unmet(0)) => IdentifierChange::NoUser,
            Ok(Outcome::Unmet(_)) => IdentifierChange::NotFound,
            Err(StoreError::Unique(_)) => IdentifierChange::Taken,
            Err(error) => return Err(error),
        })
    }

    async fn delete_identifiers(
        &self,
        user_id: &str,
        ids: &[String],
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        let list = list_of(ids.len());
        let ids_as_params = || ids.iter().map(|id| Value::from(id.as_str()));
        let mut params: Vec<Value> = vec![user_id.into()];
        params.extend(ids_as_params());
        params.push(user_id.into());
        params.extend(ids_as_params());
        let sql = format!(
            "DELETE FROM sentri_identifiers WHERE user_id = ? AND id IN ({list}) AND EXISTS \
             (SELECT 1 FROM sentri_identifiers k WHERE k.user_id = ? AND k.id NOT IN ({list}))"
        );
        let delete = Statement::new(sql, params).expecting(ids.len() as u64);
        let batch = vec![self.lock_user(user_id), delete, touch_user(user_id, now)];
        match self.batch(batch).await? {
            Outcome::Done(_) => Ok(IdentifierChange::Done),
            Outcome::Unmet(0) => Ok(IdentifierChange::NoUser),
            Outcome::Unmet(_) => {
                let own = self.identifiers_of(&[user_id.to_owned()]).await?;
                let all_own = ids.iter().all(|id| own.iter().any(|(_, identifier)| identifier.id == *id));
                Ok(if all_own { IdentifierChange::LastOne } else { IdentifierChange::NotFound })
            }
        }
    }

    async fn list_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let sql = "SELECT kid, algorithm, private_key, created_at, active_from, retired_at FROM sentri_keys \
                   ORDER BY active_from DESC, kid DESC";
        let output = self.one(sql, vec![]).await?;
        let read = |row: &Row| {
            Ok(StoredKey {
                kid: row.text(0)?,
                algorithm: row.text(1)?,
                private_key: Secret::new(row.text(2)?),
                created_at: row.time(3)?,
                active_from: row.time(4)?,
                retired_at: row.optional_time(5)?,
            })
        };
        output.rows.iter().map(read).collect()
    }

    async fn add_key(&self, key: &StoredKey, newest: Option<&str>) -> Result<bool, StoreError> {
        let mut batch: Vec<Statement> =
            self.executor.dialect().lock_keys().map(|sql| Statement::new(sql, vec![])).into_iter().collect();
        let mut params = vec![
            key.kid.as_str().into(),
            key.algorithm.as_str().into(),
            key.private_key.expose().as_str().into(),
            at(key.created_at),
            at(key.active_from),
        ];
        let condition = match newest {
            None => "NOT EXISTS (SELECT 1 FROM sentri_keys)",
            Some(kid) => {
                params.push(kid.into());
                "(SELECT kid FROM sentri_keys ORDER BY active_from DESC, kid DESC LIMIT 1) = ?"
            }
        };
        let sql = format!(
            "INSERT INTO sentri_keys (kid, algorithm, private_key, created_at, active_from) \
             SELECT ?, ?, ?, ?, ? WHERE {condition}"
        );
        batch.push(Statement::new(sql, params).expecting(1));
        if let Some(kid) = newest {
            let sql = "UPDATE sentri_keys SET retired_at = ? WHERE kid = ? AND retired_at IS NULL";
            batch.push(Statement::new(sql, vec![at(key.active_from), kid.into()]));
        }
        Ok(matches!(self.batch(batch).await?, Outcome::Done(_)))
    }

    async fn delete_keys(&self, before: Millis) -> Result<u64, StoreError> {
        Ok(self.one("DELETE FROM sentri_keys WHERE retired_at < ?", vec![at(before)]).await?.count)
    }

    async fn purge_sessions(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM sentri_sessions WHERE id IN \
                   (SELECT id FROM sentri_sessions WHERE expires_at < ? OR revoked_at < ? LIMIT ?)";
        Ok(self.one(sql, vec![at(before), at(before), number(limit.into())]).await?.count)
    }
}

fn select_session(session_id: &str) -> Statement {
    Statement::new(
        "SELECT s.id, s.user_id, s.expires_at, s.created_at, s.generation, s.rotated_at, s.last_used_at, s.revoked_at, \
         s.ip_address, s.user_agent, u.roles FROM sentri_sessions s JOIN sentri_users u ON u.id = s.user_id \
         WHERE s.id = ?",
        vec![session_id.into()],
    )
}

fn revoke_of(user_id: &str, now: Millis) -> Statement {
    Statement::new(
        "UPDATE sentri_sessions SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL AND expires_at > ?",
        vec![at(now), user_id.into(), at(now)],
    )
}

fn touch_user(user_id: &str, now: Millis) -> Statement {
    Statement::new("UPDATE sentri_users SET updated_at = ? WHERE id = ?", vec![at(now), user_id.into()])
}

fn insert_identifier(user_id: &str, identifier: &Identifier, now: Millis) -> Statement {
    Statement::new(
        "INSERT INTO sentri_identifiers (id, user_id, type, value, value_normalized, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        vec![
            identifier.id.as_str().into(),
            user_id.into(),
            identifier.kind.as_str().into(),
            identifier.value.as_str().into(),
            identifier.normalized.as_str().into(),
            at(now),
        ],
    )
}

fn write_roles(roles: &[String]) -> Value {
    serde_json::Value::from(roles.to_vec()).to_string().into()
}

fn read_roles(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Other("roles are not a JSON list of strings".to_owned()))
}

fn read_user(row: &Row) -> Result<User, StoreError> {
    Ok(User { id: row.text(0)?, roles: read_roles(&row.text(1)?)?, created_at: row.time(2)? })
}

fn read_credential(row: &Row) -> Result<Credential, StoreError> {
    Ok(Credential {
        user_id: row.text(0)?,
        password_hash: row.optional_text(1)?.map(Secret::new),
        roles: read_roles(&row.text(2)?)?,
    })
}

fn read_identifier(row: &Row, first: usize) -> Result<Identifier, StoreError> {
    Ok(Identifier {
        id: row.text(first)?,
        kind: row.text(first + 1)?,
        value: row.text(first + 2)?,
        normalized: row.text(first + 3)?,
    })
}

fn read_session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.text(0)?,
        user_id: row.text(1)?,
        expires_at: row.time(2)?,
        created_at: row.time(3)?,
        generation: row.int(4)?,
        rotated_at: row.optional_time(5)?,
        last_used_at: row.optional_time(6)?,
        revoked_at: row.optional_time(7)?,
        ip_address: row.optional_text(8)?,
        user_agent: row.optional_text(9)?,
    })
}

fn read_state(row: &Row) -> Result<SessionState, StoreError> {
    Ok(SessionState { session: read_session(row)?, roles: read_roles(&row.text(10)?)? })
}
