//! Disables and enables users, and reads their standing.

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::executor::{Batch, Executor, Statement, Value};
use crate::store::model::{Disabling, Standing};
use crate::store::sql::flows::end_flows;
use crate::store::sql::mark::remark;
use crate::store::sql::session_row::time;
use crate::store::sql::{SqlStore, id, row_of};

/// The columns that [`disabling_from`] reads. No other table has columns of these names.
pub(super) const RESULTS: &str = "[disabled_at], [disabled_until], disabled_reason";
/// The condition that a user is enabled at an instant.
pub(super) const ENABLED: &str = "(disabled_at IS NULL OR disabled_until <= ?)";

pub(super) fn disabling_from(at: Value, until: Value, reason: Value) -> Result<Option<Disabling>, StoreError> {
    let Some(at) = at.into_optional_time()? else { return Ok(None) };
    Ok(Some(Disabling { at, until: until.into_optional_time()?, reason: reason.into_optional_text()? }))
}

impl<E: Executor> SqlStore<E> {
    pub(super) async fn disable(&self, user_id: &str, disabling: &Disabling) -> Result<bool, StoreError> {
        let Disabling { at: now, until, reason } = disabling;
        let at = || Value::Time(*now);
        // The instant comes first, since MySQL assigns the columns one after the other.
        let sql = "UPDATE sentri_users SET disabled_at = CASE WHEN disabled_at IS NULL OR disabled_until <= ? THEN ? \
                   ELSE disabled_at END, disabled_until = ?, disabled_reason = ?, auth_epoch = auth_epoch + 1, \
                   updated_at = ? WHERE id == ?";
        let params = [at(), at(), time(*until), reason.as_deref().into(), at(), id(user_id)];
        self.applies(Batch::of([
            Statement::write(sql, params).expect(1),
            remark(user_id),
            end_flows(user_id, *now),
            // This is a statement of its own, so that it sees a session whose login held the user's row while the first
            // statement waited.
            Statement::write("DELETE FROM sentri_sessions WHERE user_id = ?", [id(user_id)]),
        ]))
        .await
    }

    pub(super) async fn enable(&self, user_id: &str, now: Millis) -> Result<bool, StoreError> {
        let sql = "UPDATE sentri_users SET disabled_at = NULL, disabled_until = NULL, disabled_reason = NULL, \
                   updated_at = ? WHERE id == ? AND disabled_at IS NOT NULL";
        let enable = Statement::write(sql, [Value::Time(now), id(user_id)]).expect(1);
        self.applies(Batch::of([enable, remark(user_id)])).await
    }

    pub(super) async fn standing(&self, user_id: &str, now: Millis) -> Result<Standing, StoreError> {
        let sql = "SELECT 'deleted' AS standing FROM sentri_deleted_users WHERE id = ? UNION ALL \
                   SELECT 'disabled' AS standing FROM sentri_users WHERE id == ? AND disabled_at IS NOT NULL \
                   AND (disabled_until IS NULL OR disabled_until > ?)";
        let rows = self.rows(Statement::read(sql, [id(user_id), id(user_id), Value::Time(now)])).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(Standing::Good) };
        let [standing] = row_of(row)?;
        Ok(if standing.into_text()? == "deleted" { Standing::Deleted } else { Standing::Disabled })
    }
}
