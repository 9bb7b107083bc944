//! Reads rows of the database, and makes the parameters that find them.

use crate::failure::StoreError;
use crate::store::executor::Value;

pub(super) type Row = Vec<Value>;

/// Returns the parameter that finds a row by its id, in a comparison byte by byte. Adopted tables may treat `A` and `a`
/// as equal, but caches of other processes would hold the other spelling. MySQL ignores trailing spaces, so an id that
/// ends with a space would find a row with another id. No row has such an id, so the parameter is then NULL.
pub(super) fn id(id: &str) -> Value {
    if id.ends_with(' ') { Value::Null } else { id.into() }
}

pub(super) fn row_of<const N: usize>(row: Row) -> Result<[Value; N], StoreError> {
    row.try_into().map_err(|row: Row| StoreError::Other(format!("expected {N} columns, got {}", row.len())))
}

pub(super) fn roles_to_text(roles: &[String]) -> String {
    serde_json::Value::from(roles).to_string()
}

/// Reads the roles of a user. Roles that can't be read are an error, never an empty or partial list.
pub(super) fn roles_from(value: Value) -> Result<Vec<String>, StoreError> {
    let text = value.into_text()?;
    serde_json::from_str(&text).map_err(|_| StoreError::Other("sentri_users.roles is not a JSON list of names".into()))
}
