//! Supabase: a row of `auth.users` with `mfa_factors`, a list of rows of `auth.mfa_factors`.

use super::hash;
use super::line::Line;
use super::user::{ForeignUser, ImportedProof, disabled};
use crate::error::Error;

pub(super) fn read(line: &Line<'_>) -> Result<ForeignUser, Error> {
    if line.instant(&["deleted_at"])?.is_some() || line.text(&["banned_until"])?.is_some_and(|until| until != "none") {
        return Err(disabled());
    }
    let mut user = ForeignUser::new(line.id(&["id"])?);
    let proof = ImportedProof::at(line.instant(&["email_confirmed_at"])?);
    user.add("email", line.text(&["email"])?.unwrap_or_default(), proof);
    if let Some(phone) = line.text(&["phone"])? {
        let proof = ImportedProof::at(line.instant(&["phone_confirmed_at"])?);
        // Supabase keeps a number with its country and without the plus.
        user.add("phone", &format!("+{}", phone.trim_start_matches('+')), proof);
    }
    if let Some(data) = line.embedded("raw_app_meta_data")? {
        user.roles = Line::new(&data).words(&["roles", "role"])?;
    }
    user.hash = line.text(&["encrypted_password"])?.map(hash::own).transpose()?;
    for factor in line.objects(&["mfa_factors"])? {
        if factor.text(&["status"])? != Some("verified") {
            continue;
        }
        match factor.text(&["factor_type"])? {
            Some("totp") => user.totp.extend(factor.totp(&["secret"])?),
            _ => user.other_factors = true,
        }
    }
    user.created_at = line.instant(&["created_at"])?;
    Ok(user)
}
