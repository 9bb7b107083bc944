//! Gives normal forms to identifiers that sentri 5 wrote, or writes at the same time.

use crate::failure::StoreError;
use crate::store::ADOPTED_MARKER;
use crate::store::executor::{Batch, Executor, Statement, Value};
use crate::store::sql::{SqlStore, only_answer};

/// The most identifiers that get a normal form in a transaction.
const CHUNK: usize = 1000;
/// The most identifiers that are read at once. The database sorts all that are left for each read, so a read is for
/// many transactions.
const READ: i64 = 100_000;

impl<E: Executor> SqlStore<E> {
    pub(super) async fn adopt_identifiers(&self) -> Result<(), StoreError> {
        loop {
            let sql = "SELECT id, type, value FROM sentri_identifiers WHERE value_normalized IS NULL \
                       ORDER BY created_at, id LIMIT ?";
            let mut batch = self.limits();
            batch.push(Statement::read(sql, [Value::Int(READ)]).once());
            // The rows of a large table take longer than an operation may.
            let rows = only_answer(self.run(Batch::schema(batch)).await?)?.rows;
            let mut updates = Vec::with_capacity(rows.len());
            for row in rows {
                let [id, kind, value]: [Value; 3] =
                    row.try_into().map_err(|_| StoreError::Other("identifiers: expected three columns".into()))?;
                updates.push((id.into_text()?, kind.into_text()?, value.into_text()?));
            }
            if updates.is_empty() {
                return Ok(());
            }
            for chunk in updates.chunks(CHUNK) {
                self.adopt_chunk(chunk).await?;
            }
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
        match self.change_schema(rows.iter().map(|row| update(row, format!("{ADOPTED_MARKER}{}", row.2)))).await {
            // The same value is there twice, which unique(value) should have prevented. The rows are then adopted one
            // by one, and the later one gets a name that no login finds, so that the start does not fail for ever.
            Err(StoreError::Unique(_)) => {}
            adopted => return adopted,
        }
        for row in rows {
            match self.change_schema([update(row, format!("{ADOPTED_MARKER}{}", row.2))]).await {
                Err(StoreError::Unique(_)) => {
                    let alone = format!("{ADOPTED_MARKER}{}{ADOPTED_MARKER}{}", row.2, row.0);
                    self.change_schema([update(row, alone)]).await?;
                }
                adopted => adopted?,
            }
        }
        Ok(())
    }
}
