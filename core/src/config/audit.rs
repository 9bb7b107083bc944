//! The option `audit`.

use super::reader::Reader;
use crate::audit::Level;
use crate::error::Error;

/// Reads `off`, `changes` or `all`; without it changes are kept where admins are, and nothing elsewhere.
///
/// # Errors
/// `CONFIGURATION_ERROR`
pub(super) fn level(read: &mut Reader<'_>, administration: bool) -> Result<Level, Error> {
    match read.string("audit")? {
        None => Ok(if administration { Level::Changes } else { Level::Off }),
        Some("off") => Ok(Level::Off),
        Some("changes") => Ok(Level::Changes),
        Some("all") => Ok(Level::All),
        Some(_) => Err(read.error("audit", "must be one of: off, changes, all")),
    }
}
