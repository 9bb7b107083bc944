//! Signing keys form a chain, in which each key names its predecessor and no key has two successors.

use crate::clock::Millis;
use crate::crypto::Secret;
use crate::failure::StoreError;
use crate::store::executor::{Batch, Executor, Statement, Value};
use crate::store::model::StoredKey;
use crate::store::sql::{Row, SqlStore, row_of};

impl<E: Executor> SqlStore<E> {
    pub(super) async fn list_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let rows = self
            .rows(Statement::read(
                "SELECT kid, algorithm, private_key, [created_at], [active_from], [retired_at] FROM sentri_keys \
                 ORDER BY CASE WHEN retired_at IS NULL THEN 0 ELSE 1 END, active_from DESC, created_at DESC, kid",
                [],
            ))
            .await?;
        rows.into_iter().map(key_from).collect()
    }

    pub(super) async fn add_key(&self, key: &StoredKey, newest: Option<&str>) -> Result<bool, StoreError> {
        let guard = match newest {
            Some(newest) => Statement::write(
                "UPDATE sentri_keys SET retired_at = ? WHERE kid = ? AND retired_at IS NULL",
                [Value::Time(key.active_from), newest.into()],
            )
            .expect(1),
            None => Statement::read("SELECT kid FROM sentri_keys LIMIT 1", []).expect(0),
        };
        // Two processes may both pass the guard. Only one of them inserts, since `predecessor` is unique.
        let insert = Statement::write(
            "INSERT INTO sentri_keys (kid, predecessor, algorithm, private_key, created_at, active_from) \
             VALUES (?, ?, ?, ?, ?, ?)",
            [
                key.kid.as_str().into(),
                newest.unwrap_or("").into(),
                key.algorithm.as_str().into(),
                key.private_key.expose().as_str().into(),
                Value::Time(key.created_at),
                Value::Time(key.active_from),
            ],
        );
        match self.applies(Batch::of([guard, insert])).await {
            Err(StoreError::Unique(_)) => Ok(false),
            applied => applied,
        }
    }

    pub(super) async fn delete_keys(&self, before: Millis) -> Result<u64, StoreError> {
        let sql = "DELETE FROM sentri_keys WHERE retired_at < ?";
        self.count(Statement::write(sql, [Value::Time(before)])).await
    }
}

fn key_from(row: Row) -> Result<StoredKey, StoreError> {
    let [kid, algorithm, private_key, created_at, active_from, retired_at] = row_of(row)?;
    Ok(StoredKey {
        kid: kid.into_text()?,
        algorithm: algorithm.into_text()?,
        private_key: Secret::new(private_key.into_text()?),
        created_at: created_at.into_time()?,
        active_from: active_from.into_time()?,
        retired_at: retired_at.into_optional_time()?,
    })
}
