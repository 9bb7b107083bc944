//! The option `knownDevices`.

use super::Config;
use super::reader::Reader;
use crate::error::Error;
use crate::web::cookie::CookieRules;

/// The rules of the device cookie, which are those of the refresh cookie, else of the access cookie; `None`: off.
///
/// # Errors
/// `CONFIGURATION_ERROR` that names the option: no boolean, or another cookie has the name.
pub(super) fn known_devices(
    read: &mut Reader<'_>,
    config: &mut Config,
    production: bool,
) -> Result<Option<CookieRules>, Error> {
    if !read.boolean("knownDevices", false)? {
        return Ok(None);
    }
    let tells_of_others = config.messages.as_ref().is_some_and(|rules| rules.new_sign_in);
    if config.rate_limits.is_none() && !tells_of_others {
        config.warnings.push("knownDevices does nothing while rateLimit is false: nobody is locked out".to_owned());
        return Ok(None);
    }
    let base = match config.cookie.as_ref().or(config.access_cookie.as_ref()) {
        Some(rules) => rules.clone(),
        None => CookieRules::refresh(None, production)?.ok_or_else(|| read.error("cookie", "has no defaults"))?,
    };
    let rules = base.for_devices();
    for (option, other) in [("cookie", &config.cookie), ("accessCookie", &config.access_cookie)] {
        if other.as_ref().is_some_and(|other| other.name == rules.name) {
            return Err(Error::configuration(format!(
                "{option}.name must not be {}: that is the cookie of knownDevices",
                rules.name
            )));
        }
    }
    Ok(Some(rules))
}
