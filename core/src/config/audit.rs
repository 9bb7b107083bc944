//! The option `audit`.

use super::reader::Reader;
use crate::audit::AuditLevel;
use crate::error::Error;

/// Reads `off`, `changes` or `all`. The default is `changes` with the option `administration`, else `off`.
///
/// # Errors
/// `CONFIGURATION_ERROR`
pub(super) fn level(read: &mut Reader<'_>, administration: bool) -> Result<AuditLevel, Error> {
    match read.string("audit")? {
        None => Ok(if administration { AuditLevel::Changes } else { AuditLevel::Off }),
        Some("off") => Ok(AuditLevel::Off),
        Some("changes") => Ok(AuditLevel::Changes),
        Some("all") => Ok(AuditLevel::All),
        Some(_) => Err(read.error("audit", "must be one of: off, changes, all")),
    }
}
