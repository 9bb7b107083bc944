//! Django: objects of `dumpdata --format jsonl --natural-foreign` of the model of users.

use serde_json::Value;

use super::hash;
use super::line::Line;
use super::user::{ForeignUser, ImportedProof, disabled, refused};
use crate::error::Error;

pub(super) fn read(line: &Line<'_>) -> Result<ForeignUser, Error> {
    let fields = line.object(&["fields"])?.ok_or_else(|| refused("fields is missing: is it a line of dumpdata?"))?;
    if fields.optional_flag(&["is_active"])? == Some(false) {
        return Err(disabled());
    }
    let mut user = ForeignUser::new(line.id(&["pk"])?);
    user.add("email", fields.text(&["email"])?.unwrap_or_default(), ImportedProof::None);
    if let Some(name) = fields.text(&["username"])? {
        user.add_name(name);
    }
    user.roles = fields
        .list(&["groups"])?
        .iter()
        .map(group)
        .collect::<Option<_>>()
        .ok_or_else(|| refused("groups must be names: export with --natural-foreign"))?;
    user.hash = hash::django(fields.text(&["password"])?.unwrap_or_default())?;
    user.created_at = fields.instant(&["date_joined"])?;
    Ok(user)
}

/// Returns the name of a group. Its natural key is a list with the name alone.
fn group(key: &Value) -> Option<String> {
    let [name] = key.as_array()?.as_slice() else { return None };
    name.as_str().map(str::to_owned)
}
