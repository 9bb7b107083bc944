//! sentri's own form, for systems without a format of their own.

use super::hash;
use super::line::Line;
use super::user::{ForeignUser, ImportedProof, disabled, refused};
use crate::error::Error;

const MEMBERS: &[&str] = &["id", "identifiers", "roles", "passwordHash", "totp", "createdAt", "disabled"];

/// Reads `{id, identifiers: [{type, value, verified?, verifiedAt?}], roles?, passwordHash?, totp?: [{secret}],
/// createdAt?, disabled?}`. Any other member is refused, since it might be a hash under a wrong name.
pub(super) fn read(line: &Line<'_>) -> Result<ForeignUser, Error> {
    if line.unknown(MEMBERS).is_some() {
        return Err(refused(format!("the line has a member beside {}", MEMBERS.join(", "))));
    }
    if line.flag(&["disabled"])? {
        return Err(disabled());
    }
    let mut user = ForeignUser::new(line.id(&["id"])?);
    for item in line.objects(&["identifiers"])? {
        if item.unknown(&["type", "value", "verified", "verifiedAt"]).is_some() {
            return Err(refused("an identifier has a member beside type, value, verified, verifiedAt"));
        }
        let proof = match item.instant(&["verifiedAt"])? {
            Some(at) => ImportedProof::At(at),
            None => ImportedProof::of(item.flag(&["verified"])?),
        };
        user.add(item.required(&["type"])?, item.required(&["value"])?, proof);
    }
    user.roles = line.words(&["roles"])?;
    user.hash = line.text(&["passwordHash"])?.map(hash::own).transpose()?;
    for factor in line.objects(&["totp"])? {
        user.totp.push(factor.totp(&["secret"])?.ok_or_else(|| refused("totp has no secret"))?);
    }
    user.created_at = line.instant(&["createdAt"])?;
    Ok(user)
}
