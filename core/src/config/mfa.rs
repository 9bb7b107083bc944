//! The options `mfa` and `reauthentication`.

use std::time::Duration;

use serde_json::Value;

use super::messages::MessageRules;
use super::reader::Reader;
use super::time::MINUTE;
use crate::access::RoleRules;
use crate::assurance::Requirement;
use crate::error::Error;

/// The most characters of an issuer, since authenticator apps show it on one line.
const LONGEST_ISSUER: usize = 64;

/// The option `mfa`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mfa {
    /// The name that authenticator apps show beside the account.
    pub issuer: String,
    /// The number of recovery codes that a user gets.
    pub recovery_codes: u32,
}

/// Reads `{totp: {issuer}, recoveryCodes, requiredFor}`, and writes the roles of `requiredFor` into `roles`. `None`:
/// the option is not set, so there are no second factors.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option and the cure.
pub(super) fn mfa(read: &mut Reader<'_>, roles: &mut RoleRules) -> Result<Option<Mfa>, Error> {
    let Some(value) = read.value("mfa") else { return Ok(None) };
    let mut mfa = Reader::new("mfa", value)?;
    let Some(totp) = mfa.value("totp") else {
        return Err(mfa.error("totp", "is missing: name the application, as in { issuer: 'Example' }"));
    };
    let mut totp = Reader::new("mfa.totp", totp)?;
    let issuer = totp.text("issuer")?.ok_or_else(|| totp.error("issuer", "is missing: name the application"))?;
    // A colon ends the issuer in the URI that apps read.
    if issuer.chars().count() > LONGEST_ISSUER || issuer.contains(|c: char| c == ':' || c.is_control()) {
        return Err(totp.error("issuer", format!("must be at most {LONGEST_ISSUER} characters, without a colon")));
    }
    totp.finish()?;
    let recovery_codes = mfa.integer("recoveryCodes", 10, 1..=100)?;
    let required = mfa.strings("requiredFor", false)?.unwrap_or_default();
    if let Some(role) = required.iter().find(|role| !roles.valid.contains(role)) {
        let cure = "add the role there, or leave it out here";
        return Err(mfa.error("requiredFor", format!("names '{role}', which validRoles does not list: {cure}")));
    }
    mfa.finish()?;
    roles.required_for = required;
    Ok(Some(Mfa { issuer: issuer.to_owned(), recovery_codes }))
}

/// Reads `reauthentication: {maxAge}`, the authentication that changes of credentials require. The default is 10
/// minutes.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option and the cure.
pub(super) fn reauthentication(read: &mut Reader<'_>) -> Result<Requirement, Error> {
    let empty = Value::Object(serde_json::Map::new());
    let mut read = Reader::new("reauthentication", read.value("reauthentication").unwrap_or(&empty))?;
    let max_age = read.duration("maxAge", 10 * MINUTE)?;
    if max_age < Duration::from_secs(1) || max_age.subsec_nanos() != 0 {
        return Err(read.error("maxAge", "must be whole seconds, 1 at least"));
    }
    read.finish()?;
    Ok(Requirement { acr: None, max_age: i64::try_from(max_age.as_secs()).ok() })
}

/// Returns a warning if the secrets of second factors are not encrypted in the database. In production that is an
/// error, since a reader of a backup would have every user's codes.
///
/// # Errors
/// `CONFIGURATION_ERROR`
pub(super) fn warning(mfa: Option<&Mfa>, is_sealed: bool, production: bool) -> Result<Option<String>, Error> {
    const CURE: &str = "encryptionKey is missing: without it whoever reads the database has the second factor of every \
                        user; make one by openssl rand -base64 32";
    let is_open = mfa.is_some() && !is_sealed;
    if is_open && production {
        return Err(Error::configuration(CURE));
    }
    Ok(is_open.then(|| CURE.to_owned()))
}

/// Returns a warning if a message alone can remove the second factors of an account, since no address is verified.
pub(super) fn unverified_warning(mfa: Option<&Mfa>, messages: Option<&MessageRules>) -> Option<String> {
    let is_open = messages.is_some_and(|rules| rules.verified_types.is_none());
    (mfa.is_some() && is_open).then(|| {
        "mfa with messages and without verification: whoever reads a user's mail removes their second factor by a \
         reset, since no address is verified; set verification"
            .to_owned()
    })
}
