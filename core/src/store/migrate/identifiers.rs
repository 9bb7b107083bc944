//! Gives normal forms to identifiers that sentri 5 wrote, or writes at the same time.

use crate::failure::StoreError;
use crate::store::ADOPTED_MARKER;
use crate::store::executor::{Batch, Executor, Statement, Value};
use crate::store::sql::SqlStore;

/// The most identifiers that get a normal form in a transaction.
const CHUNK: i64 = 1000;

impl<E: Executor> SqlStore<E> {
    pub(super) async fn adopt_identifiers(&self) -> Result<(), StoreError> {
        loop {
            let rows = self
                .rows(Statement::read(
                    "SELECT id, type, value FROM sentri_identifiers WHERE value_normalized IS NULL \
                     ORDER BY created_at, id LIMIT ?",
                    [Value::Int(CHUNK)],
                ))
                .await?;
            let mut updates = Vec::with_capacity(rows.len());
            for row in rows {
                let [id, kind, value]: [Value; 3] =
                    row.try_into().map_err(|_| StoreError::Other("identifiers: expected three columns".into()))?;
                updates.push((id.into_text()?, kind.into_text()?, value.into_text()?));
            }
            if updates.is_empty() {
                return Ok(());
            }
            self.adopt_chunk(&updates).await?;
        }
    }

    /// Gives normal forms to identifiers, oldest first. If sentri 5 took `Rizz` and `rizz` for two names, the older one
    /// gets the normal form, and the other is found by its exact spelling.
    async fn adopt_chunk(&self, rows: &[(String, String, String)]) -> Result<(), StoreError> {
        let update = |(id, kind, value): &(String, String, String), otherwise: String| {
            let normalized = (self.normalize)(kind, value);
            Statement::write(
                "UPDATE sentri_identifiers SET value_normalized = CASE WHEN EXISTS (SELECT 1 FROM \
                 (SELECT value_normalized FROM sentri_identifiers WHERE value_normalized = ? LIMIT 1) AS taken) \
                 THEN ? ELSE ? END WHERE id = ? AND value_normalized IS NULL",
                [normalized.as_str().into(), otherwise.into(), normalized.as_str().into(), id.as_str().into()],
            )
        };
        let mut batch = self.lock();
        batch.extend(rows.iter().map(|row| update(row, format!("{ADOPTED_MARKER}{}", row.2))));
        match self.run(Batch::schema(batch)).await {
            Ok(_) => Ok(()),
            // The same value is there twice, which unique(value) should have prevented. The rows are then adopted one
            // by one, and the later one gets a name that no login finds, so that the start does not fail for ever.
            Err(StoreError::Unique(_)) => {
                for row in rows {
                    let mut batch = self.lock();
                    batch.push(update(row, format!("{ADOPTED_MARKER}{}", row.2)));
                    if let Err(StoreError::Unique(_)) = self.run(Batch::schema(batch)).await {
                        let alone = format!("{ADOPTED_MARKER}{}{ADOPTED_MARKER}{}", row.2, row.0);
                        self.run(Batch::schema([update(row, alone)])).await?;
                    }
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
