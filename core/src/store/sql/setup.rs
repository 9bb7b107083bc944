//! The set-up of a new database. A row of flows holds the digest of the token that makes the first admin.

use async_trait::async_trait;

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::executor::{Batch, Executor, Outcome, Statement, Value};
use crate::store::model::NewUser;
use crate::store::setup::{FirstAdmin, SETUP, SetupStore, SetupToken};
use crate::store::sql::{SqlStore, row_of};

#[async_trait]
impl<E: Executor> SetupStore for SqlStore<E> {
    async fn any_has_role(&self, roles: &[String]) -> Result<bool, StoreError> {
        Ok(!roles.is_empty() && !self.rows(holders(roles)).await?.is_empty())
    }

    async fn put_setup(&self, token: &SetupToken, replaces: bool, now: Millis) -> Result<bool, StoreError> {
        let delete = if replaces {
            Statement::write("DELETE FROM sentri_flows WHERE id = ?", [SETUP.into()])
        } else {
            let sql = "DELETE FROM sentri_flows WHERE id = ? AND (expires_at <= ? OR consumed_at IS NOT NULL)";
            Statement::write(sql, [SETUP.into(), Value::Time(now)])
        };
        let insert = Statement::write(
            "INSERT INTO sentri_flows (id, purpose, subject, token_digest, code_kid, attempts, max_attempts, context, \
             auth_epoch, created_at, expires_at) VALUES (?, ?, ?, ?, ?, 0, 0, '', 0, ?, ?)",
            [
                SETUP.into(),
                SETUP.into(),
                token.nonce.as_str().into(),
                token.digest.as_str().into(),
                token.kid.as_str().into(),
                Value::Time(now),
                Value::Time(token.expires_at),
            ],
        );
        match self.run(Batch::of([delete, insert])).await {
            Ok(outcome) => Ok(matches!(outcome, Outcome::Done(_))),
            // Another process was first.
            Err(StoreError::Unique(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn find_setup(&self, now: Millis) -> Result<Option<SetupToken>, StoreError> {
        let sql = "SELECT subject, token_digest, code_kid, [expires_at] FROM sentri_flows \
                   WHERE id = ? AND consumed_at IS NULL AND expires_at > ?";
        let Some(row) = self.rows(Statement::read(sql, [SETUP.into(), Value::Time(now)])).await?.pop() else {
            return Ok(None);
        };
        let [nonce, digest, kid, expires_at] = row_of(row)?;
        Ok(Some(SetupToken {
            nonce: nonce.into_text()?,
            digest: digest.into_text()?,
            kid: kid.into_optional_text()?.unwrap_or_default(),
            expires_at: expires_at.into_time()?,
        }))
    }

    async fn create_first_admin(
        &self,
        user: &NewUser,
        digest: &str,
        admin_roles: &[String],
    ) -> Result<FirstAdmin, StoreError> {
        let sql = "UPDATE sentri_flows SET consumed_at = ? WHERE id = ? AND token_digest = ? AND consumed_at IS NULL \
                   AND expires_at > ?";
        let now = Value::Time(user.now);
        // The second of two calls waits for this row, and then finds the token spent.
        let spend = Statement::write(sql, [now.clone(), SETUP.into(), digest.into(), now]).expect(1);
        let mut batch = vec![spend, holders(admin_roles).expect(0)];
        let checks = batch.len();
        batch.extend(self.creation(user));
        match self.run(Batch::of(batch)).await {
            Ok(Outcome::Done(_)) => Ok(FirstAdmin::Created),
            Ok(Outcome::Unmet(at)) if at < checks => Ok(FirstAdmin::Gone),
            Ok(Outcome::Unmet(_)) | Err(StoreError::Unique(_)) => Ok(FirstAdmin::Taken),
            Err(error) => Err(error),
        }
    }
}

/// Returns the condition that a user has one of these roles, of which there must be at least one. The column is a JSON
/// list, so a role is in quotes. REPLACE distinguishes case, which LIKE does not do in every database.
pub(super) fn has_role(roles: &[String]) -> (String, Vec<Value>) {
    let quoted = roles.iter().map(|role| Value::from(serde_json::Value::from(role.as_str()).to_string()));
    (vec!["REPLACE(roles, ?, '') <> roles"; roles.len()].join(" OR "), quoted.collect())
}

/// Selects a user who has one of these roles.
fn holders(roles: &[String]) -> Statement {
    let (condition, params) = has_role(roles);
    Statement::read(format!("SELECT id FROM sentri_users WHERE {condition} LIMIT 1"), params).once()
}
