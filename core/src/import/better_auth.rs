//! better-auth: a row of `user` with `account`, a list of its rows, and with `twoFactor`, whose secret was decrypted.

use super::hash;
use super::line::{Line, totp_of};
use super::user::{ForeignUser, ImportedProof, disabled, refused};
use crate::error::Error;

pub(super) fn read(line: &Line<'_>) -> Result<ForeignUser, Error> {
    if line.flag(&["banned"])? {
        return Err(disabled());
    }
    let mut user = ForeignUser::new(line.id(&["id"])?);
    let is_verified = line.flag(&["emailVerified", "email_verified"])?;
    user.add("email", line.text(&["email"])?.unwrap_or_default(), ImportedProof::of(is_verified));
    let name = line.text(&["displayUsername", "display_username", "username"])?;
    user.add("username", name.unwrap_or_default(), ImportedProof::None);
    let is_verified = line.flag(&["phoneNumberVerified", "phone_number_verified"])?;
    let phone = line.text(&["phoneNumber", "phone_number"])?;
    user.add("phone", phone.unwrap_or_default(), ImportedProof::of(is_verified));
    user.roles = line.words(&["role"])?;
    for account in line.objects(&["account", "accounts"])? {
        let provider = account.text(&["providerId", "provider_id"])?;
        if provider == Some("credential")
            && let Some(text) = account.text(&["password"])?
        {
            if user.hash.is_some() {
                return Err(refused("the user has several passwords"));
            }
            user.hash = Some(hash::better_auth(text)?);
        }
    }
    match line.object(&["twoFactor", "two_factor"])? {
        // The app's key is the text of the secret, not its base32 value.
        Some(factor) => user.totp.push(totp_of(factor.required(&["secret"])?.as_bytes())?),
        None => user.other_factors = line.flag(&["twoFactorEnabled", "two_factor_enabled"])?,
    }
    user.created_at = line.instant(&["createdAt", "created_at"])?;
    Ok(user)
}
