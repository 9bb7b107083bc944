//! Rows as they come from the database, and the values by which they are found.

use crate::failure::StoreError;
use crate::store::executor::Value;

pub(super) type Row = Vec<Value>;

/// The parameter to find a row by its id, in a comparison byte by byte: adopted tables may take `A` and `a` for the
/// same, and caches elsewhere would hold the other spelling. Text on MySQL compares without trailing spaces: an id with
/// a trailing space would find a row whose id differs in every other comparison. No row has such an id.
pub(super) fn id(id: &str) -> Value {
    if id.ends_with(' ') { Value::Null } else { id.into() }
}

pub(super) fn row_of<const N: usize>(row: Row) -> Result<[Value; N], StoreError> {
    row.try_into().map_err(|row: Row| StoreError::Other(format!("expected {N} columns, got {}", row.len())))
}

pub(super) fn roles_to_text(roles: &[String]) -> String {
    serde_json::Value::from(roles).to_string()
}

/// Fails closed: roles that can't be read are an error, never an empty or partial set.
pub(super) fn roles_from(value: Value) -> Result<Vec<String>, StoreError> {
    let text = value.into_text()?;
    serde_json::from_str(&text).map_err(|_| StoreError::Other("sentri_users.roles is not a JSON list of names".into()))
}
