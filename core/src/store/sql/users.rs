//! Users and their password hashes.

use crate::clock::Millis;
use crate::crypto::Secret;
use crate::failure::StoreError;
use crate::store::ADOPTED_MARKER;
use crate::store::executor::{Batch, Executor, Outcome, Statement, Value};
use crate::store::model::{Credential, Identifier, NewUser, User, UserPage, UserWithIdentifiers};
use crate::store::sql::disabling::{self, disabling_from};
use crate::store::sql::flows::end_flows;
use crate::store::sql::identifiers::addresses;
use crate::store::sql::import_rows::marks;
use crate::store::sql::mark::{IS_HASH, both, marked, remark, unmarked};
use crate::store::sql::prefix::begins_with;
use crate::store::sql::{Row, SqlStore, id, identifiers, roles_from, roles_to_text, row_of};

/// The columns of a user for [`USER_WITH_IDENTIFIERS`]. `created_at` is renamed, since identifiers have one too.
const USER: &str = "id, roles, created_at AS registered_at, disabled_at, disabled_until, disabled_reason";
/// The columns that [`group`] reads. In every result the names differ, since some drivers keep columns by name.
const USER_WITH_IDENTIFIERS: &str = "u.id, u.roles, [registered_at], [disabled_at], [disabled_until], \
     disabled_reason, i.id AS identifier_id, i.type, i.value, i.value_normalized, [verified_at]";

impl<E: Executor> SqlStore<E> {
    /// Returns the statements that write a user with identifiers.
    pub(super) fn creation(&self, user: &NewUser) -> Vec<Statement> {
        let mut batch = if user.displaces { self.displace(&user.id, addresses(&user.identifiers)) } else { vec![] };
        batch.push(Statement::write(
            "INSERT INTO sentri_users (id, password_hash, roles, created_at, updated_at, auth_epoch) \
             VALUES (?, ?, ?, ?, ?, 0)",
            [
                user.id.as_str().into(),
                // An empty text stands for no password, since the column of sentri 5 is NOT NULL.
                user.password_hash.as_ref().map_or("", |hash| hash.expose()).into(),
                roles_to_text(&user.roles).into(),
                Value::Time(user.now),
                Value::Time(user.now),
            ],
        ));
        let guards = self.guard_claims(&user.id, &user.claims, user.now);
        batch.extend(guards.waits);
        batch.extend(guards.checks);
        batch.extend(identifiers::inserts(&user.id, &user.identifiers, user.now));
        batch.extend(guards.ends);
        batch
    }

    pub(super) async fn create_user(&self, user: &NewUser) -> Result<bool, StoreError> {
        self.creates(self.creation(user)).await
    }

    /// Runs a batch that writes a user. Returns `false` if a value is taken.
    pub(super) async fn creates(&self, batch: Vec<Statement>) -> Result<bool, StoreError> {
        match self.run(Batch::of(batch)).await {
            Ok(outcome) => Ok(matches!(outcome, Outcome::Done(_))),
            Err(StoreError::Unique(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn find_credential(
        &self,
        normalized: &str,
        exact: &str,
        others: &[String],
    ) -> Result<Option<Credential>, StoreError> {
        let marked = format!("{ADOPTED_MARKER}{exact}");
        let mut wanted = vec![marked.as_str(), exact, normalized];
        wanted.extend(others.iter().map(String::as_str));
        let sql = format!(
            "SELECT i.value_normalized, i.type, u.id, u.password_hash, u.roles, u.auth_epoch, {} \
             FROM sentri_identifiers AS i JOIN sentri_users AS u ON u.id = i.user_id WHERE i.value_normalized IN ({})",
            disabling::RESULTS,
            marks(wanted.len())
        );
        let rows =
            self.rows(Statement::read(sql, wanted.iter().map(|one| Value::from(*one)).collect::<Vec<_>>())).await?;
        let mut best: Option<(usize, Credential)> = None;
        for row in rows {
            let [found, kind, user @ ..]: [Value; 9] = row_of(row)?;
            let found = found.into_text()?;
            let Some(rank) = wanted.iter().position(|wanted| *wanted == found) else {
                continue; // A collation that is not binary found something else: not this identifier.
            };
            if best.as_ref().is_none_or(|(best, _)| rank < *best) {
                best = Some((rank, credential_from(Some(kind), user)?));
            }
        }
        Ok(best.map(|(_, credential)| credential))
    }

    pub(super) async fn holders_of(&self, normalized: &[String]) -> Result<Vec<String>, StoreError> {
        let marks = marks(normalized.len());
        let sql = format!("SELECT user_id FROM sentri_identifiers WHERE value_normalized IN ({marks})");
        let wanted: Vec<Value> = normalized.iter().map(|one| Value::from(one.as_str())).collect();
        let mut holders = Vec::new();
        for row in self.rows(Statement::read(sql, wanted)).await? {
            let [holder]: [Value; 1] = row_of(row)?;
            holders.push(holder.into_text()?);
        }
        holders.sort_unstable();
        holders.dedup();
        Ok(holders)
    }

    pub(super) async fn credential_of(&self, user_id: &str) -> Result<Option<Credential>, StoreError> {
        let disabled = disabling::RESULTS;
        let sql = format!("SELECT id, password_hash, roles, auth_epoch, {disabled} FROM sentri_users WHERE id == ?");
        let rows = self.rows(Statement::read(sql, [id(user_id)])).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        credential_from(None, row_of(row)?).map(Some)
    }

    pub(super) async fn find_user(&self, user_id: &str) -> Result<Option<UserWithIdentifiers>, StoreError> {
        let sql = format!(
            "SELECT {USER_WITH_IDENTIFIERS} FROM (SELECT {USER} FROM sentri_users WHERE id == ?) AS u \
             LEFT JOIN sentri_identifiers AS i ON i.user_id = u.id ORDER BY i.created_at, i.id"
        );
        Ok(group(self.rows(Statement::read(sql, [id(user_id)])).await?)?.pop())
    }

    pub(super) async fn list_users(
        &self,
        limit: u32,
        after: Option<&str>,
        prefixes: &[String],
    ) -> Result<UserPage, StoreError> {
        let (mut conditions, mut params) = (Vec::new(), Vec::new());
        // The first page has no comparison, since an empty text compares with nothing if ids are UUIDs of MariaDB.
        if let Some(after) = after {
            conditions.push("id > ?".to_owned());
            params.push(Value::from(after));
        }
        if !prefixes.is_empty() {
            let (begins, ranges) = begins_with(prefixes);
            conditions.push(format!("id IN (SELECT user_id FROM sentri_identifiers WHERE {begins})"));
            params.extend(ranges);
        }
        let condition =
            if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
        // The query asks for one user more, which shows whether there is a next page.
        params.push(Value::Int(i64::from(limit) + 1));
        let sql = format!(
            "SELECT {USER_WITH_IDENTIFIERS} \
             FROM (SELECT {USER} FROM sentri_users {condition} ORDER BY id LIMIT ?) AS u \
             LEFT JOIN sentri_identifiers AS i ON i.user_id = u.id ORDER BY u.id, i.created_at, i.id"
        );
        let statement = Statement::read(sql, params);
        // The best plan depends on the prefix, since a rare one needs another plan than a common one.
        let statement = if prefixes.is_empty() { statement } else { statement.once() };
        let mut users = group(self.rows(statement).await?)?;
        let limit = limit as usize;
        let more = users.len() > limit;
        users.truncate(limit);
        let next = if more { users.last().map(|last| last.user.id.clone()) } else { None };
        Ok(UserPage { users, next })
    }

    pub(super) async fn purge_deleted_users(&self, now: Millis) -> Result<(), StoreError> {
        let sql = "DELETE FROM sentri_deleted_users WHERE expires_at < ?";
        self.run_one(Statement::write(sql, [Value::Time(now)])).await.map(drop)
    }

    pub(super) async fn set_roles(&self, user_id: &str, roles: &[String], now: Millis) -> Result<bool, StoreError> {
        let sql = "UPDATE sentri_users SET roles = ?, updated_at = ? WHERE id == ?";
        let params = [roles_to_text(roles).into(), Value::Time(now), id(user_id)];
        // The application's own connection to MySQL may count only rows that change, and no row does if the same roles
        // are set in the same millisecond.
        Ok(self.count(Statement::write(sql, params)).await? == 1 || self.credential_of(user_id).await?.is_some())
    }

    pub(super) async fn rehash(
        &self,
        user_id: &str,
        old_hash: &str,
        new_hash: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        if old_hash.is_empty() {
            return Ok(false);
        }
        // A hash with the mark keeps it.
        let sql = format!(
            "UPDATE sentri_users SET password_hash = CASE WHEN password_hash = ? THEN ? ELSE ? END, updated_at = ? \
             WHERE id == ? AND {IS_HASH}"
        );
        let mut params = vec![old_hash.into(), new_hash.into(), marked(new_hash).into(), Value::Time(now), id(user_id)];
        params.extend(both(old_hash));
        Ok(self.count(Statement::write(sql, params)).await? == 1)
    }

    pub(super) async fn change_password(
        &self,
        user_id: &str,
        expected: Option<&str>,
        new_hash: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let mut sql = "UPDATE sentri_users SET password_hash = ?, updated_at = ?, auth_epoch = auth_epoch + 1 \
                       WHERE id == ?"
            .to_owned();
        let mut params = vec![new_hash.into(), Value::Time(now), id(user_id)];
        if let Some(expected) = expected {
            if expected.is_empty() {
                return Ok(false);
            }
            sql = format!("{sql} AND {IS_HASH}");
            params.extend(both(expected));
        }
        // The sessions need a statement of their own, which sees a session whose login held the user's row while the
        // first statement waited.
        let outcome = self
            .run(Batch::of([
                Statement::write(sql, params).expect(1),
                remark(user_id),
                end_flows(user_id, now),
                Statement::write(
                    "UPDATE sentri_sessions SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL",
                    [Value::Time(now), id(user_id)],
                ),
            ]))
            .await?;
        Ok(matches!(outcome, Outcome::Done(_)))
    }
}

fn credential_from(kind: Option<Value>, user: [Value; 7]) -> Result<Credential, StoreError> {
    let [id, hash, roles, epoch, disabled_at, until, reason] = user;
    let hash = hash.into_optional_text()?;
    let hash = hash.map(|stored| unmarked(&stored).to_owned()).filter(|hash| !hash.is_empty());
    Ok(Credential {
        user_id: id.into_text()?,
        password_hash: hash.map(Secret::new),
        roles: roles_from(roles)?,
        auth_epoch: epoch.into_int()?,
        kind: kind.map(Value::into_text).transpose()?,
        disabled: disabling_from(disabled_at, until, reason)?,
    })
}

/// Makes users of rows, each of which joins a user with an identifier. The rows of a user follow each other.
fn group(rows: Vec<Row>) -> Result<Vec<UserWithIdentifiers>, StoreError> {
    let mut users: Vec<UserWithIdentifiers> = Vec::new();
    for row in rows {
        let [id, roles, created_at, disabled_at, until, reason, identifier, kind, value, normalized, verified_at] =
            row_of(row)?;
        let id = id.into_text()?;
        if users.last().is_none_or(|last| last.user.id != id) {
            let (roles, created_at) = (roles_from(roles)?, created_at.into_time()?);
            let user = User { id, roles, created_at, disabled: disabling_from(disabled_at, until, reason)? };
            users.push(UserWithIdentifiers { user, identifiers: Vec::new() });
        }
        if let (Some(identifier), Some(user)) = (identifier.into_optional_text()?, users.last_mut()) {
            let value = value.into_text()?;
            user.identifiers.push(Identifier {
                id: identifier,
                kind: kind.into_text()?,
                // A row without a normal form was written by a sentri 5 that still runs beside this process.
                normalized: normalized.into_optional_text()?.unwrap_or_else(|| value.clone()),
                value,
                verified_at: verified_at.into_optional_time()?,
            });
        }
    }
    Ok(users)
}
