//! Reads and deletes the rows of second factors.

use crate::crypto::Secret;
use crate::failure::StoreError;
use crate::store::executor::Statement;
use crate::store::model::Factor;
use crate::store::sql::{Row, id, row_of};

/// Deletes all second factors of a user, with recovery codes and attempts.
pub(super) fn delete_factors(user_id: &str) -> [Statement; 3] {
    [
        "DELETE FROM sentri_factors WHERE user_id = ?",
        "DELETE FROM sentri_recovery_codes WHERE user_id = ?",
        "DELETE FROM sentri_factor_attempts WHERE user_id = ?",
    ]
    .map(|sql| Statement::write(sql, [id(user_id)]))
}

pub(super) fn factor_from(row: Row) -> Result<Factor, StoreError> {
    let [id, user_id, kind, label, secret, last_step, created_at, confirmed_at, last_used_at] = row_of(row)?;
    Ok(Factor {
        id: id.into_text()?,
        user_id: user_id.into_text()?,
        kind: kind.into_text()?,
        label: label.into_optional_text()?,
        secret: Secret::new(secret.into_text()?),
        last_step: last_step.into_int()?,
        created_at: created_at.into_time()?,
        confirmed_at: confirmed_at.into_optional_time()?,
        last_used_at: last_used_at.into_optional_time()?,
    })
}
