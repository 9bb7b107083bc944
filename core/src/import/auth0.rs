//! Auth0: the export with password hashes that its support makes, or users in the form of its own bulk import.

use super::hash;
use super::line::Line;
use super::user::{ForeignUser, ImportedProof, disabled};
use crate::error::Error;

pub(super) fn read(line: &Line<'_>) -> Result<ForeignUser, Error> {
    if line.flag(&["blocked"])? {
        return Err(disabled());
    }
    let id = match line.value(&["_id"]).filter(|id| id.is_object()) {
        Some(_) => line.object(&["_id"])?.map(|id| id.id(&["$oid"])).transpose()?.unwrap_or_default(),
        None => line.id(&["user_id", "id", "_id"])?,
    };
    // The two exports of one user name it `auth0|5f..` and `5f..`.
    let mut user = ForeignUser::new(id.strip_prefix("auth0|").unwrap_or(&id));
    let is_verified = line.flag(&["email_verified"])?;
    user.add("email", line.text(&["email"])?.unwrap_or_default(), ImportedProof::of(is_verified));
    user.add("username", line.text(&["username"])?.unwrap_or_default(), ImportedProof::None);
    let is_verified = line.flag(&["phone_verified"])?;
    user.add("phone", line.text(&["phone_number"])?.unwrap_or_default(), ImportedProof::of(is_verified));
    if let Some(data) = line.embedded("app_metadata")? {
        user.roles = Line::new(&data).words(&["roles", "role"])?;
    }
    user.hash = match line.text(&["passwordHash", "password_hash"])? {
        Some(text) => Some(hash::own(text)?),
        None if line.value(&["custom_password_hash"]).is_some() => return Err(hash::unknown()),
        None => None,
    };
    for factor in line.objects(&["mfa_factors"])? {
        match factor.object(&["totp"])? {
            Some(totp) => user.totp.extend(totp.totp(&["secret"])?),
            None => user.other_factors = true,
        }
    }
    user.created_at = line.instant(&["created_at"])?;
    Ok(user)
}
