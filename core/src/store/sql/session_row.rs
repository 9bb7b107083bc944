//! Converts sessions to and from rows of their table.

use crate::assurance::Assurance;
use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::executor::Value;
use crate::store::model::{Session, SessionState};
use crate::store::sql::{Row, roles_from, row_of};

pub(super) fn time(at: Option<Millis>) -> Value {
    at.map_or(Value::Null, Value::Time)
}

pub(super) fn methods(session: &Session) -> Value {
    session.assurance.as_ref().map(Assurance::methods_text).into()
}

pub(super) fn auth_time(session: &Session) -> Option<Millis> {
    session.assurance.as_ref()?.auth_time.map(|at| at.saturating_mul(1000))
}

pub(super) fn session_from(mut row: Row) -> Result<Session, StoreError> {
    let auth_time = row.pop().unwrap_or(Value::Null).into_optional_time()?;
    let amr = row.pop().unwrap_or(Value::Null).into_optional_text()?;
    let [id, user_id, expires_at, created_at, generation, rotated_at, last_used_at, revoked_at, ip_address, agent] =
        row_of(row)?;
    Ok(Session {
        assurance: Assurance::from_row(amr.as_deref(), auth_time),
        id: id.into_text()?,
        user_id: user_id.into_text()?,
        expires_at: expires_at.into_time()?,
        created_at: created_at.into_time()?,
        generation: generation.into_int()?,
        rotated_at: rotated_at.into_optional_time()?,
        last_used_at: last_used_at.into_optional_time()?,
        revoked_at: revoked_at.into_optional_time()?,
        ip_address: ip_address.into_optional_text()?,
        user_agent: agent.into_optional_text()?,
    })
}

/// Reads a session with the roles of its user. Returns `None` for a session without a user, which adopted tables
/// without foreign keys may hold.
pub(super) fn state_from(mut row: Row) -> Result<Option<SessionState>, StoreError> {
    match row.pop() {
        None | Some(Value::Null) => Ok(None),
        Some(roles) => Ok(Some(SessionState { session: session_from(row)?, roles: roles_from(roles)? })),
    }
}
