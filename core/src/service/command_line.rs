//! The server of a command line: it does not know whether the application keeps an audit, so it looks.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::audit::AuditLevel;
use crate::failure::StoreError;
use crate::store::Store;
use crate::store::audit::EntryQuery;

const NONE: u8 = 0;
const UNKNOWN: u8 = 1;
const WITHOUT_AUDIT: u8 = 2;
const WITH_AUDIT: u8 = 3;

/// Whether a command line works with this server, and whether there is an audit.
#[derive(Debug, Default)]
pub(crate) struct CommandLine(AtomicU8);

impl CommandLine {
    /// From now on a command line does.
    pub(crate) fn begin(&self) {
        self.0.store(UNKNOWN, Ordering::Relaxed);
    }

    pub(crate) fn is_here(&self) -> bool {
        self.0.load(Ordering::Relaxed) != NONE
    }

    /// The level of the audit: `option`, and for a command line changes, where there are entries already.
    pub(crate) fn audit_level(&self, option: AuditLevel) -> AuditLevel {
        match self.0.load(Ordering::Relaxed) {
            WITH_AUDIT => option.max(AuditLevel::Changes),
            _ => option,
        }
    }

    /// Looks for entries, unless an earlier look is known, in case a command line works with the database.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn look_for_audit(&self, store: &dyn Store) -> Result<(), StoreError> {
        if self.0.load(Ordering::Relaxed) == UNKNOWN {
            let query = EntryQuery { limit: 1, ..EntryQuery::default() };
            let is_empty = store.list_entries(&query).await?.is_empty();
            self.0.store(if is_empty { WITHOUT_AUDIT } else { WITH_AUDIT }, Ordering::Relaxed);
        }
        Ok(())
    }
}
