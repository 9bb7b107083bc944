//! The option `knownDevices`.

use super::reader::Reader;
use crate::error::Error;
use crate::web::cookie::CookieRules;

/// Reads `knownDevices` and returns the rules of the device cookie. They follow the refresh cookie, else the access
/// cookie, else the defaults. `is_needed` says whether limits or messages ask if a device is known. `None`: the option
/// is off, or no part needs it, which causes a warning.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option, if the value is no boolean or another cookie has the same name.
pub(super) fn known_devices(
    read: &mut Reader<'_>,
    (cookie, access_cookie): (Option<&CookieRules>, Option<&CookieRules>),
    is_needed: bool,
    production: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<CookieRules>, Error> {
    if !read.boolean("knownDevices", false)? {
        return Ok(None);
    }
    if !is_needed {
        warnings.push("knownDevices does nothing while rateLimit is false: nobody is locked out".to_owned());
        return Ok(None);
    }
    let base = match cookie.or(access_cookie) {
        Some(rules) => rules.clone(),
        None => CookieRules::refresh(None, production)?.ok_or_else(|| read.error("cookie", "has no defaults"))?,
    };
    let rules = base.for_devices();
    for (option, other) in [("cookie", cookie), ("accessCookie", access_cookie)] {
        if other.is_some_and(|other| other.name == rules.name) {
            return Err(Error::configuration(format!(
                "{option}.name must not be {}: that is the cookie of knownDevices",
                rules.name
            )));
        }
    }
    Ok(Some(rules))
}
