//! Reads and deletes all rows of a user's account.

use async_trait::async_trait;

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::account::{Account, AccountDeletion, AccountStore, Deleted, MOST_ROWS, PastFlow};
use crate::store::executor::{Answer, Batch, Executor, Outcome, Statement, Value};
use crate::store::model::{Disabling, Identifier, Standing, User};
use crate::store::sql::audit::forget_addresses;
use crate::store::sql::disabling::{self, disabling_from};
use crate::store::sql::factor_rows::delete_factors;
use crate::store::sql::factors::{open_session, spend};
use crate::store::sql::flows::parts_of_context;
use crate::store::sql::session_row::session_from;
use crate::store::sql::setup::has_role;
use crate::store::sql::{Row, SqlStore, id, roles_from, row_of, sessions};

/// Deletes every row of a user. It does not rely on foreign keys that cascade, since adopted tables may lack them.
fn erase(user_id: &str, remembered_until: Millis) -> Vec<Statement> {
    let mut batch: Vec<Statement> = delete_factors(user_id).into();
    batch.extend([
        Statement::write("DELETE FROM sentri_sessions WHERE user_id = ?", [id(user_id)]),
        Statement::write("DELETE FROM sentri_identifiers WHERE user_id = ?", [id(user_id)]),
        Statement::write("DELETE FROM sentri_flows WHERE user_id = ?", [id(user_id)]),
        Statement::write("DELETE FROM sentri_users WHERE id = ?", [id(user_id)]).expect(1),
        // The id may be in this table already, if the host's own code gave it to a second user.
        Statement::write("DELETE FROM sentri_deleted_users WHERE id = ?", [id(user_id)]),
        Statement::write(
            "INSERT INTO sentri_deleted_users (id, expires_at) VALUES (?, ?)",
            [id(user_id), Value::Time(remembered_until)],
        ),
    ]);
    batch
}

impl<E: Executor> SqlStore<E> {
    pub(super) async fn delete_user(&self, user_id: &str, remembered_until: Millis) -> Result<bool, StoreError> {
        let mut batch = vec![self.lock_user(user_id)];
        batch.extend(erase(user_id, remembered_until));
        batch.extend(self.forgetting(user_id));
        self.applies(Batch::of(batch)).await
    }

    fn forgetting(&self, user_id: &str) -> Vec<Statement> {
        if self.is_noting() { forget_addresses(user_id).into() } else { Vec::new() }
    }
}

#[async_trait]
impl<E: Executor> AccountStore for SqlStore<E> {
    async fn read_account(&self, user_id: &str) -> Result<Option<Account>, StoreError> {
        let disabled = disabling::RESULTS;
        let user = format!("SELECT id, roles, [created_at], [updated_at], {disabled} FROM sentri_users WHERE id == ?");
        let identifiers = "SELECT id, type, value, value_normalized, [verified_at], [created_at] \
                           FROM sentri_identifiers WHERE user_id = ? ORDER BY created_at, id";
        let flows = "SELECT purpose, context, [created_at], [expires_at], [consumed_at] FROM sentri_flows \
                     WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT ?";
        let most = Value::Int(i64::from(MOST_ROWS));
        let batch = [
            Statement::read(user, [id(user_id)]).expect(1),
            Statement::read(identifiers, [id(user_id)]),
            Statement::read(sessions::ALL_OF_USER, [id(user_id), most.clone()]),
            Statement::read(flows, [id(user_id), most]),
        ];
        let Outcome::Done(answers) = self.run(Batch::of(batch)).await? else { return Ok(None) };
        let [user, identifiers, sessions, flows]: [Answer; 4] =
            answers.try_into().map_err(|_| StoreError::Other("the driver gave too few answers".into()))?;
        let [user_id, roles, created_at, updated_at, disabled_at, until, reason] =
            row_of(user.rows.into_iter().next().unwrap_or_default())?;
        let user = User {
            id: user_id.into_text()?,
            roles: roles_from(roles)?,
            created_at: created_at.into_time()?,
            disabled: disabling_from(disabled_at, until, reason)?,
        };
        Ok(Some(Account {
            updated_at: updated_at.into_optional_time()?,
            identifiers: identifiers.rows.into_iter().map(identifier_from).collect::<Result<_, _>>()?,
            sessions: sessions.rows.into_iter().map(session_from).collect::<Result<_, _>>()?,
            factors: self.factors_of(&user.id).await?,
            flows: flows.rows.into_iter().map(flow_from).collect::<Result<_, _>>()?,
            user,
        }))
    }

    async fn delete_account(&self, deletion: &AccountDeletion<'_>, now: Millis) -> Result<Deleted, StoreError> {
        let AccountDeletion { user_id, session_id, expected, kept_roles, remembered_until } = *deletion;
        if expected.is_impossible() {
            return Ok(Deleted::Changed);
        }
        let mut batch = vec![self.lock_user_as(user_id, expected), open_session(session_id, user_id, now)];
        if !kept_roles.is_empty() {
            let (condition, roles) = has_role(kept_roles);
            let sql = format!("SELECT id FROM sentri_users WHERE id == ? AND ({condition})");
            let params: Vec<Value> = [id(user_id)].into_iter().chain(roles).collect();
            batch.push(Statement::read(sql, params).once().expect(0));
        }
        let spent = batch.len();
        let Some(spending) = spend(user_id, expected.unspent, now) else { return Ok(Deleted::Spent) };
        batch.extend(spending);
        let erased = batch.len();
        batch.extend(erase(user_id, remembered_until));
        batch.extend(self.forgetting(user_id));
        Ok(match self.run(Batch::of(batch)).await? {
            Outcome::Done(_) => Deleted::Done,
            Outcome::Unmet(1) => Deleted::Ended,
            Outcome::Unmet(at) if (2..spent).contains(&at) => Deleted::Kept,
            Outcome::Unmet(at) if (spent..erased).contains(&at) => Deleted::Spent,
            Outcome::Unmet(_) => Deleted::Changed,
        })
    }

    async fn disable_user(&self, user_id: &str, disabling: &Disabling) -> Result<bool, StoreError> {
        self.disable(user_id, disabling).await
    }

    async fn enable_user(&self, user_id: &str, now: Millis) -> Result<bool, StoreError> {
        self.enable(user_id, now).await
    }

    async fn standing(&self, user_id: &str, now: Millis) -> Result<Standing, StoreError> {
        self.standing(user_id, now).await
    }
}

fn identifier_from(row: Row) -> Result<(Identifier, Millis), StoreError> {
    let [id, kind, value, normalized, verified_at, created_at] = row_of(row)?;
    let value = value.into_text()?;
    let identifier = Identifier {
        id: id.into_text()?,
        kind: kind.into_text()?,
        // A row without a normal form was written by a sentri 5 that still runs beside this process.
        normalized: normalized.into_optional_text()?.unwrap_or_else(|| value.clone()),
        value,
        verified_at: verified_at.into_optional_time()?,
    };
    Ok((identifier, created_at.into_time()?))
}

fn flow_from(row: Row) -> Result<PastFlow, StoreError> {
    let [purpose, context, created_at, expires_at, consumed_at] = row_of(row)?;
    let context = context.into_text()?;
    let (identifier_id, _, payload) = parts_of_context(&context);
    Ok(PastFlow {
        purpose: purpose.into_text()?,
        payload: payload.to_owned(),
        identifier_id: identifier_id.to_owned(),
        created_at: created_at.into_time()?,
        expires_at: expires_at.into_time()?,
        consumed_at: consumed_at.into_optional_time()?,
    })
}
